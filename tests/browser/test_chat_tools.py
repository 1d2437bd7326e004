"""A model that inserts a cell and runs it, each after the user's yes, in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, expect

from local_assistant.config import set_value
from tests.browser.pages import Chat, Lab, Notebook
from tests.integration.magics.odd_server import OddServer, calls
from tests.jupyterlab import JupyterLab

SQUARES = "squares = [n * n for n in range(4)]\nprint(squares)"
MESSAGE = ".jp-chat-message-container"


@pytest.fixture(scope="module")
def odd() -> Iterator[OddServer]:
    server = OddServer("my-model")
    server.capabilities = ["completion", "tools"]
    settings = {
        "server.kind": "ollama",
        "server.url": server.url,
        "models.chat": server.model,
        "chat.tools": True,
    }
    for key, value in settings.items():
        set_value(key, value)
    yield server
    for key in settings:
        set_value(key, None)
    server.close()


@pytest.fixture(scope="module")
def own(server: JupyterLab, browser: Browser) -> Iterator[Lab]:
    """A page of its own, beside the one of the other tests."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    lab = Lab(page, server, "chat-tools")
    lab.load()
    yield lab
    page.close()


@pytest.fixture(scope="module")
def chat(own: Lab) -> Chat:
    chat = Chat(own)
    chat.open()
    chat.widen(460)
    return chat


@pytest.fixture(scope="module")
def notebook(own: Lab) -> Notebook:
    notebook = Notebook(own)
    notebook.open()
    return notebook


def asked(chat: Chat, text: str) -> Locator:
    """Return what is shown in the chat when it asks for a yes."""
    question = chat.panel.locator(MESSAGE).last.locator("details[open]", has_text=text)
    expect(question).to_contain_text("Answer yes or no", timeout=30_000)
    return question


def results(odd: OddServer) -> list[str]:
    """Return what the model was told last of its calls."""
    messages = odd.asked[-1]["messages"]
    return [each["content"] for each in messages if each["role"] == "tool"]


def test_a_cell_is_inserted_and_run_each_after_a_yes(
    odd: OddServer, chat: Chat, notebook: Notebook, picture: Callable[[Lab, str], None]
) -> None:
    notebook.run("first = 1")
    count = notebook.cells.count()
    tab = chat.lab.page.locator(".lm-TabBar-tab.lm-mod-current", has_text=".ipynb")
    name = tab.inner_text().strip()  # other tests have notebooks, too
    odd.will_say(
        calls(("read_cells", {}), text="I look at your notebook."),
        calls(("insert_cell", {"source": SQUARES, "after": 1})),
        calls(("run_cell", {"cell": 2})),
        "It prints the first four squares.",
    )
    chat.send("Show me some squares.")
    question = asked(chat, f"Insert this code cell into {name}, below cell 1?")
    expect(question.locator("pre")).to_have_text(SQUARES)
    picture(chat.lab, "chat-tools.png")
    assert notebook.cells.count() == count
    chat.send("yes")
    question = asked(chat, f"Run cell 2 of {name} in its kernel?")
    expect(question.locator("pre")).to_have_text(SQUARES)
    inserted = notebook.cells.nth(1)
    expect(inserted.locator(".cm-content")).to_contain_text("squares = [n * n")
    expect(inserted.locator(".jp-OutputArea-output")).to_have_count(0)
    chat.replies_after(chat.send("yes"))
    expect(inserted.locator(".jp-OutputArea-output")).to_have_text("[0, 1, 4, 9]\n")
    read, put, ran = results(odd)
    assert "[1] code\nfirst = 1" in read
    assert put == f"Inserted as cell 2 of {name}. It was not run."
    assert ran == "Cell 2 ran.\noutput:\n[0, 1, 4, 9]"
    assert "the first four squares" in chat.messages()[-1]


def test_what_is_refused_is_not_done(odd: OddServer, chat: Chat, notebook: Notebook) -> None:
    count = notebook.cells.count()
    odd.will_say(calls(("insert_cell", {"source": "rm_all()"})), "Then I leave it.")
    chat.send("Put something in.")
    asked(chat, "Insert this code cell")
    chat.replies_after(chat.send("no"))
    assert results(odd)[-1] == "The user said no, so this was not done."
    assert "Then I leave it." in chat.messages()[-1]
    assert notebook.cells.count() == count


def test_something_else_is_no_yes_and_is_answered_next(odd: OddServer, chat: Chat) -> None:
    odd.will_say(calls(("run_cell", {"cell": 1})), "Five.")
    chat.send("Run it.")
    asked(chat, "Run cell 1")
    chat.replies_after(chat.send("What is 2 + 3?"))
    *_, question, _, answer = chat.messages()
    assert "You wrote something else" in question
    assert "Five." in answer
    sent = [each.get("content") for each in odd.asked[-1]["messages"]]
    assert sent[-2:] == ["This was not done: the user wrote something else.", "What is 2 + 3?"]


def test_stop_ends_the_waiting_and_a_yes_comes_too_late(
    odd: OddServer, chat: Chat, notebook: Notebook
) -> None:
    count = notebook.cells.count()
    odd.will_say(calls(("insert_cell", {"source": "late = 1"})), "What do you mean?")
    shown = chat.send("Put something in.")
    asked(chat, "Insert this code cell")
    chat.stop.click()
    expect(chat.panel.locator(MESSAGE).last).to_contain_text("Stopped: this was not done.")
    chat.replies_after(shown)
    chat.ask("yes")
    assert "What do you mean?" in chat.messages()[-1]
    assert notebook.cells.count() == count


def test_with_two_pages_only_the_one_that_asked_is_changed(
    odd: OddServer, chat: Chat, notebook: Notebook, lab: Lab
) -> None:
    panels = lab.page.locator(".jp-NotebookPanel")
    elsewhere, count = panels.count(), notebook.cells.count()
    odd.will_say(calls(("insert_cell", {"source": "once = 1"})), "Done.")
    chat.send("Put it in.")
    asked(chat, "Insert this code cell")
    chat.replies_after(chat.send("yes"))
    expect(notebook.cells).to_have_count(count + 1)
    lab.page.wait_for_timeout(500)
    assert panels.count() == elsewhere


def test_stop_does_not_wait_for_a_running_cell(
    odd: OddServer, chat: Chat, notebook: Notebook, server: JupyterLab
) -> None:
    cell = notebook.cells.last
    cell.locator(".cm-content").click()
    chat.lab.page.keyboard.insert_text("import time\ntime.sleep(3600)")
    number = notebook.cells.count()
    odd.will_say(calls(("run_cell", {"cell": number})), "Never said.")
    chat.send("Run it.")
    asked(chat, f"Run cell {number}")
    shown = chat.send("yes")
    expect(cell.locator(".jp-InputArea-prompt")).to_have_text("[*]:")
    chat.stop.click()
    assert "What was begun goes on" in chat.replies_after(shown)[-1]
    for kernel in server.get("/api/kernels").json():
        server.post(f"/api/kernels/{kernel['id']}/interrupt")
    expect(cell.locator(".jp-OutputArea-output").last).to_contain_text("KeyboardInterrupt")
