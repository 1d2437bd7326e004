"""A conversation on a server that says what a test wants: thoughts, a new answer, files, rooms."""

from __future__ import annotations

import asyncio
from pathlib import Path

import nbformat
from jupyterlab_chat.models import NotebookAttachment, NotebookAttachmentCell

from local_assistant.lab.chat.notes import NOTE_MARK, PROBLEM_MARK
from tests.integration.lab.room import room_in
from tests.integration.magics.odd_server import MODEL, OddServer, Request
from tests.waiting import until

CODE = "Like this:\n\n```python\nx = 1\n```\n\nThat is all."


def said(odd: OddServer, index: int = -1) -> list[str]:
    """Return what a request sent behind the system prompt."""
    return [each["content"] for each in odd.asked[index]["messages"][1:]]


def test_thoughts_are_folded_away_and_not_sent_back(odd: OddServer, tmp_path: Path) -> None:
    def thinking(request: Request) -> None:
        request.say("", thinking="They want ")
        request.say("", thinking="a sum.\n\nSo add.")
        request.say("It is 4.")
        request.done()

    async def main() -> None:
        odd.capabilities = ["completion", "thinking"]
        odd.will_say(thinking, "Yes.")
        async with room_in(tmp_path) as room:
            (answer,) = await room.ask("2 + 2?")
            assert answer == (
                "<details>\n<summary>» Thoughts</summary>\n\nThey want a sum.\n\nSo add."
                "\n\n</details>\n\nIt is 4."
            )
            assert odd.asked[0]["think"] is True
            await room.ask("Sure?")
            assert said(odd) == ["2 + 2?", "It is 4.", "Sure?"]

    asyncio.run(main())


def test_a_model_that_cannot_think_is_not_asked_to(odd: OddServer, tmp_path: Path) -> None:
    async def main() -> None:
        odd.will_say("<think>\nHm.\n</think>\n\nNo.")
        async with room_in(tmp_path) as room:
            (answer,) = await room.ask("Well?")
            assert odd.asked[0].get("think") is None
            assert answer.startswith("<details>\n<summary>» Thoughts</summary>\n\nHm.\n")
            assert answer.endswith("\n\n</details>\n\nNo.")

    asyncio.run(main())


def test_status_tells_how_fast_the_last_answer_was(odd: OddServer, tmp_path: Path) -> None:
    def counted(request: Request) -> None:
        request.say("Five words of an answer.")
        counts = {"prompt_eval_count": 1200, "eval_count": 50, "eval_duration": 2_000_000_000}
        message = {"role": "assistant", "content": ""}
        request.line({"model": MODEL, "message": message, "done": True, **counts})

    async def main() -> None:
        odd.will_say(counted)
        async with room_in(tmp_path) as room:
            assert "The last answer" not in (await room.ask("/status"))[0]
            await room.ask("Hello")
            (status,) = await room.ask("/status")
            assert "50 tokens written, 1,200 read, the first after" in status
            assert "then 25.0 tokens/s" in status

    asyncio.run(main())


def test_again_answers_the_last_question_anew(odd: OddServer, tmp_path: Path) -> None:
    async def main() -> None:
        async with room_in(tmp_path) as room:
            (nothing,) = await room.ask("/again")
            assert nothing.startswith(PROBLEM_MARK) and "no question" in nothing
            odd.will_say("One.", "Two.", "Three.")
            await room.ask("Count.")
            await room.ask("/status")
            assert await room.ask("/again") == ["Two."]
            assert said(odd) == ["Count."]
            await room.ask("And on?")
            assert said(odd) == ["Count.", "Two.", "And on?"]

    asyncio.run(main())


def test_a_task_is_asked_again_and_read_later(odd: OddServer, tmp_path: Path) -> None:
    async def main() -> None:
        (tmp_path / "a.py").write_text("x = 2\n")
        odd.will_say(CODE)
        async with room_in(tmp_path) as room:
            await room.ask("Hello")
            (answer,) = await room.ask("/fix to one", attach=["a.py"])
            assert "-x = 2\n+x = 1" in answer
            (question,) = said(odd)
            assert question.startswith("a.py:\n```python\nx = 2\n```")
            (tmp_path / "a.py").write_text("x = 3\n")
            (again,) = await room.ask("/again")
            assert said(odd) == [question] and "-x = 2\n+x = 1" in again
            await room.ask("Why?")
            assert said(odd) == ["Hello", CODE, question, CODE, "Why?"]

    asyncio.run(main())


def test_without_a_page_a_task_says_what_to_attach(odd: OddServer, tmp_path: Path) -> None:
    async def main() -> None:
        odd.will_say("no")
        async with room_in(tmp_path) as room:
            (answer,) = await room.ask("/explain")
            assert "nothing to work on" in answer and "Attach" in answer
            assert odd.asked == []

    asyncio.run(main())


def test_an_attached_cell_brings_its_error_along_and_what_is_cut_is_said(
    odd: OddServer, tmp_path: Path
) -> None:
    v4 = nbformat.v4
    error = v4.new_output(
        "error", ename="KeyError", evalue="'b'", traceback=["Cell In[2], line 2", "KeyError: 'b'"]
    )
    output = v4.new_output("stream", text="".join(f"line {n} of it\n" for n in range(900)))
    cells = [
        v4.new_code_cell("import os"),
        v4.new_code_cell("d = {}\nd['b']", outputs=[output, error]),
    ]
    nbformat.write(v4.new_notebook(cells=cells), tmp_path / "a.ipynb")

    async def main() -> None:
        odd.will_say("Because.")
        async with room_in(tmp_path) as room:
            cell = NotebookAttachmentCell(id=cells[1]["id"], input_type="code")
            attachment = NotebookAttachment(value="a.ipynb", cells=[cell])
            (answer,) = await room.ask("Why?", attach=[attachment])
            (question,) = said(odd)
            for part in ("d['b']", "KeyError: 'b'", "line 0 of it", "import os"):
                assert part in question
            assert "line 899" not in question
            assert "cell 2, output after line" in answer and "of 900" in answer

    asyncio.run(main())


def test_two_chats_at_once_do_not_mix(odd: OddServer, tmp_path: Path) -> None:
    def reply(request: Request) -> None:
        number = request.body["messages"][-1]["content"].split()[-1]
        for _ in range(5):
            request.say(f"room {number} ")
        request.done()

    async def main() -> None:
        odd.will_say(reply)
        async with room_in(tmp_path / "a") as a, room_in(tmp_path / "b") as b:
            for _ in range(3):
                one, two = await asyncio.gather(a.ask("I am 1"), b.ask("I am 2"))
                assert (one, two) == (["room 1 " * 5], ["room 2 " * 5])
            for room, own, other in ((a, "1", "2"), (b, "2", "1")):
                bodies = " ".join(message.body for message in room.chat.get_messages())
                assert bodies.count(f"I am {own}") == 3
                assert f"I am {other}" not in bodies
        for index in range(len(odd.asked)):
            asked = " ".join(said(odd, index))
            assert not ("I am 1" in asked and "I am 2" in asked)

    asyncio.run(main())


def test_the_conversation_survives_a_restart(odd: OddServer, tmp_path: Path) -> None:
    async def main() -> None:
        odd.will_say("First.", "Second.")
        async with room_in(tmp_path) as room:
            await room.ask("One?")
        async with room_in(tmp_path) as room:
            await room.ask("Two?")
            assert said(odd) == ["One?", "First.", "Two?"]
            assert await room.ask("/again") == ["Second."]
            assert said(odd) == ["One?", "First.", "Two?"]

    asyncio.run(main())


def test_export_writes_files_and_never_over_one(odd: OddServer, tmp_path: Path) -> None:
    async def main() -> None:
        (tmp_path / "room.md").write_text("mine")
        odd.will_say(CODE)
        async with room_in(tmp_path) as room:
            (nothing,) = await room.ask("/export")
            assert "nothing to export" in nothing
        (tmp_path / "room.chat").unlink(missing_ok=True)
        async with room_in(tmp_path) as room:
            await room.ask("How do I\nset x?")
            assert await room.ask("/export") == [
                f"{NOTE_MARK}*Written: room-1.md, beside this chat.*"
            ]
            text = (tmp_path / "room-1.md").read_text()
            assert text.startswith("# room\n\n## ada\n\nHow do I\nset x?\n\n## Assistant\n\nLike")
            assert (tmp_path / "room.md").read_text() == "mine"
            await room.ask("/clear")
            assert "room.ipynb" in (await room.ask("/export notebook"))[0]
            assert "room-1.ipynb" in (await room.ask("/export notebook"))[0]
            notebook = nbformat.read(tmp_path / "room.ipynb", as_version=4)
            nbformat.validate(notebook)
            shown = [(cell.cell_type, cell.source) for cell in notebook.cells]
            assert shown[:4] == [
                ("markdown", "> How do I\n> set x?"),
                ("markdown", "Like this:"),
                ("code", "x = 1"),
                ("markdown", "That is all."),
            ]
            (wrong,) = await room.ask("/export pdf")
            assert wrong.startswith(PROBLEM_MARK)

    asyncio.run(main())


def test_a_notebook_keeps_what_was_written_when_it_is_stopped(
    odd: OddServer, tmp_path: Path
) -> None:
    def endless(request: Request) -> None:
        while not odd.left.wait(0.01):
            request.say("x = 1\n")  # fails when the client has gone, which sets `left`

    async def main() -> None:
        odd.will_say("1. One\n2. Two", "a = 1", endless)
        async with room_in(tmp_path) as room:
            asking = asyncio.ensure_future(room.ask("/generate steps"))
            await asyncio.to_thread(until, lambda: len(odd.asked) == 3, 60)
            await room.persona.cancel_response()
            (shown,) = await asking
            assert "Step 1 is written" in shown and "complete" not in shown
            await asyncio.to_thread(until, odd.left.is_set, 60)
        notebook = nbformat.read(tmp_path / "steps.ipynb", as_version=4)
        nbformat.validate(notebook)
        assert [cell.source for cell in notebook.cells] == ["# Steps", "## One", "a = 1"]

    asyncio.run(main())
