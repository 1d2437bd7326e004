"""Which messages of a chat are the conversation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from local_assistant.errors import AssistantError
from local_assistant.lab.chat import notes
from local_assistant.lab.chat.commands import is_question
from local_assistant.lab.chat.history import AGAIN, CLEAR, conversation, question_before
from local_assistant.lab.chat.prompt import Attachment

PERSONA = "jupyter-ai-personas::local_assistant::LocalAssistantPersona"
FAILED = notes.problem(AssistantError("The engine stopped.", "Send it again."))


@dataclass
class Said:
    """The fields of ``jupyterlab_chat.models.Message`` that count here."""

    sender: str
    body: str
    id: str = ""
    attachments: list[str] = field(default_factory=list)
    deleted: bool | None = None
    metadata: dict[str, Any] | None = None


def turns(*messages: Said, last: str = "end") -> list[tuple[str, str]]:
    found = conversation(messages, last, PERSONA, lambda _: (), is_question)
    return [(turn.role, turn.text) for turn in found]


def test_roles() -> None:
    said = turns(Said("ada", "hello"), Said(PERSONA, "hi"), Said("ada", "primes?"))
    assert said == [("user", "hello"), ("assistant", "hi"), ("user", "primes?")]


def test_notes_are_not_the_models_words() -> None:
    body = notes.note("The demo model answers.") + "\n\n```python\nx = 1\n```\n\nDone."
    assert turns(Said("ada", "x?"), Said(PERSONA, body)) == [
        ("user", "x?"),
        ("assistant", "```python\nx = 1\n```\n\nDone."),
    ]


def test_a_question_that_only_failed_is_not_asked_again() -> None:
    assert turns(Said("ada", "long " * 100), Said(PERSONA, FAILED), Said("ada", "short")) == [
        ("user", "short")
    ]


def test_text_shown_before_a_failure_stays() -> None:
    assert turns(Said("ada", "q"), Said(PERSONA, "half an"), Said(PERSONA, FAILED)) == [
        ("user", "q"),
        ("assistant", "half an"),
    ]


def test_deleted_and_system_messages_are_left_out() -> None:
    said = turns(
        Said("ada", "", deleted=True),
        Said("hidden::jupyter_ai_system", "Refreshed all AI personas."),
        Said("ada", "q"),
    )
    assert said == [("user", "q")]


def test_clear_forgets_what_was_before() -> None:
    said = turns(
        Said("ada", "old"),
        Said(PERSONA, "old answer"),
        Said("ada", CLEAR),
        Said(PERSONA, notes.note("Forgotten.")),
        Said("ada", "new"),
    )
    assert said == [("user", "new")]


def test_two_in_a_row_become_one() -> None:
    assert turns(Said("ada", "one"), Said("bob", "two")) == [("user", "one\n\ntwo")]


def test_what_came_after_the_question_does_not_count() -> None:
    said = turns(Said("ada", "first", id="1"), Said("ada", "second", id="2"), last="1")
    assert said == [("user", "first")]


def test_attachments_are_read_for_the_users_messages() -> None:
    def attached(message: Any) -> tuple[Attachment, ...]:
        return tuple(Attachment(name, "text") for name in message.attachments)

    found = conversation(
        [Said("ada", "see", attachments=["a.py"])], "end", PERSONA, attached, is_question
    )
    assert [a.name for a in found[0].attachments] == ["a.py"]


def test_what_a_note_says_is_shown_as_it_stands() -> None:
    said = notes.problem(AssistantError("No <model> called a*b\nhere.", "Run: x"), "Later.")
    assert said == notes.PROBLEM_MARK + "No \\<model> called a\\*b here.  \nRun: x  \nLater."
    assert notes.without_notes(said) == ""


def test_what_is_folded_away_is_not_the_models_answer() -> None:
    thoughts = notes.folded("Thoughts", "First a.\n\n```python\nx</details>\n```\n\nThen b.")
    assert turns(Said("ada", "q"), Said(PERSONA, f"{thoughts}\n\nIt is b.")) == [
        ("user", "q"),
        ("assistant", "It is b."),
    ]
    stopped = notes.fold("Thoughts") + "First a.\n\nThen"
    assert turns(Said("ada", "q"), Said(PERSONA, stopped)) == []


def test_a_new_answer_stands_for_the_one_before() -> None:
    begin = (Said("ada", "q"), Said(PERSONA, "one"), Said("ada", "/status"))
    status = Said(PERSONA, notes.note("It answers."))
    again = Said("ada", AGAIN)
    assert turns(*begin, status, again, Said(PERSONA, "two"), Said("ada", "next")) == [
        ("user", "q"),
        ("assistant", "two"),
        ("user", "next"),
    ]
    failed = turns(*begin, status, again, Said(PERSONA, FAILED), Said("ada", "next"))
    assert failed == [("user", "q"), ("assistant", "one"), ("user", "next")]


def test_a_failed_question_is_answered_anew() -> None:
    failed = (Said("ada", "a"), Said(PERSONA, "b"), Said("ada", "q"), Said(PERSONA, FAILED))
    status = (Said("ada", "/status"), Said(PERSONA, notes.note("It answers.")))
    assert turns(*failed, *status, Said("ada", AGAIN), Said(PERSONA, "c")) == [
        ("user", "a"),
        ("assistant", "b"),
        ("user", "q"),
        ("assistant", "c"),
    ]


def test_the_question_to_answer_anew() -> None:
    messages = [
        Said("ada", "q", "1"),
        Said(PERSONA, "a", "2"),
        Said("ada", "/status", "3"),
        Said("hidden::x", "joined", "4"),
        Said("ada", AGAIN, "5"),
        Said(PERSONA, "b", "6"),
        Said("ada", AGAIN, "7"),
        Said("ada", CLEAR, "8"),
        Said("ada", AGAIN, "9"),
    ]

    def before(last: str) -> str | None:
        found = question_before(messages, last, PERSONA, is_question)
        return found.id if found else None

    assert (before("5"), before("7"), before("9")) == ("1", "1", None)
