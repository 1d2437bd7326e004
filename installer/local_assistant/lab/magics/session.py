"""What one kernel's ``%%ai`` and ``%ai`` do.

Contract: one :class:`Session` lives as long as its kernel. The one exception that leaves
:meth:`Session.run` is :class:`CellFailed`. The last answer is in the user's ``_ai``: for JSON an
object, else a text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local_assistant.errors import AssistantError
from local_assistant.lab.magics import grammar, repair
from local_assistant.lab.magics.dialogue import Dialogue
from local_assistant.lab.magics.failure import cell_failure
from local_assistant.lab.magics.formats import Rendered, corrected_cell, render
from local_assistant.lab.magics.interpolate import interpolate
from local_assistant.lab.magics.mishaps import last_of_python
from local_assistant.lab.magics.schema import ANY, Shape, shape_named
from local_assistant.lab.magics.screen import open_screen, show_note, show_page

if TYPE_CHECKING:
    from pathlib import Path

    from local_assistant.config import AssistantConfig
    from local_assistant.lab.magics.ask import Answer
    from local_assistant.lab.magics.mishaps import Errors
    from local_assistant.server import Choice

ANSWER = "_ai"


class Session:
    """The state of ``%%ai`` in one kernel.

    Args:
        shell: IPython's shell.
        start: the notebook's folder, from which a project's assistant.toml is looked for.
        errors: where the kernel's errors are kept.
    """

    def __init__(self, shell: Any, start: Path | None, errors: Errors) -> None:
        self._shell = shell
        self._errors = errors
        self._dialogue = Dialogue(start, lambda text: show_note(shell, text))

    def run(self, line: str, cell: str | None) -> None:
        """Carry out one ``%ai`` line (``cell`` is None) or one ``%%ai`` cell.

        Raises:
            CellFailed: it did not work; its text says why and what to do.
        """
        try:
            self._run(line, cell)
        except (Exception, KeyboardInterrupt) as error:
            raise cell_failure(error) from None

    def _run(self, line: str, cell: str | None) -> None:
        prompt = (cell or "").strip()
        words = line.split()
        # As in Jupyter AI, an empty %%ai cell with a command in its line is that command.
        if cell is None or (not prompt and words and words[0] in grammar.COMMANDS):
            self._command(grammar.parse_line(line))
            return
        asked = grammar.parse_cell(line)
        if isinstance(asked, grammar.Command):
            self._command(asked)
        elif not prompt:
            raise AssistantError("The prompt is empty.", f"Usage: {grammar.USAGE}.")
        else:
            if asked.interpolate:
                prompt = interpolate(prompt, self._names)
            shape = shape_named(asked.schema, self._names) if asked.schema else ANY
            self._conclude(self._ask(asked, prompt, shape), asked)

    @property
    def _names(self) -> dict[str, Any]:
        """The user's variables; ``Err`` is there even after ``%reset``."""
        return {"Err": self._errors, **self._shell.user_ns}

    def _command(self, command: grammar.Command) -> None:
        show: dict[str, Any] = {
            "fix": self._fix,
            "explain": self._explain,
            "alias": self._alias,
            "dealias": self._dealias,
            "list": self._list,
            "reset": self._reset,
            "version": self._version,
            "help": self._help,
        }
        show[command.name](command)

    def _fix(self, command: grammar.Command) -> None:
        mishap = self._errors.last or last_of_python(self._shell)
        if mishap is None:
            raise AssistantError(
                "No cell has failed in this kernel.", "Run the cell that fails, then %ai fix."
            )
        choice = self._dialogue.choice(command.question)
        room = repair.budget(self._dialogue.window(choice))
        prompt = repair.fix_prompt(mishap, self._names, room)
        rendered = self._ask(command.question, prompt, choice=choice)
        source = corrected_cell(rendered.bundle["text/plain"], mishap.source, self._plain_python)
        self._conclude(rendered, command.question)
        if source is None:
            show_note(self._shell, "The answer has no corrected cell, so none was added.")
            return
        self._shell.set_next_input(source, replace=False)
        show_note(self._shell, f"The corrected In[{mishap.number}] is below. It has not been run.")

    def _explain(self, command: grammar.Command) -> None:
        word = command.arguments[0] if command.arguments else None
        cells = list(self._shell.history_manager.input_hist_raw)
        source, mishap = repair.target(word, cells, self._errors, self._names)
        choice = self._dialogue.choice(command.question)
        room = repair.budget(self._dialogue.window(choice))
        prompt = repair.explain_prompt(source, mishap, self._names, room)
        self._conclude(self._ask(command.question, prompt, choice=choice), command.question)

    def _alias(self, command: grammar.Command) -> None:
        name, model = command.arguments
        if name in grammar.COMMANDS or name.startswith("-"):
            raise AssistantError(f'"{name}" is a word of %ai.', "Choose another name.")
        self._dialogue.aliases[name] = self._dialogue.aliases.get(model, model)
        show_note(self._shell, f"{name} now stands for {self._dialogue.aliases[name]}.")

    def _dealias(self, command: grammar.Command) -> None:
        (name,) = command.arguments
        known = self._dialogue.aliases
        if name not in known:
            close = grammar.nearest(name, tuple(known))
            there = f" Did you mean {close}?" if close else ""
            raise AssistantError(
                f'There is no alias "{name}" in this kernel.{there}', "%ai list shows them."
            )
        show_note(self._shell, f"{name} no longer stands for {known.pop(name)}.")

    def _list(self, _: grammar.Command) -> None:
        from local_assistant.lab.magics.listing import model_list

        show_page(self._shell, *model_list(self._dialogue.config, self._dialogue.aliases))

    def _reset(self, _: grammar.Command) -> None:
        count = self._dialogue.history.clear()
        what = "1 question" if count == 1 else f"{count} questions"
        show_note(self._shell, f"Forgotten: {what} and what was answered.")

    def _version(self, _: grammar.Command) -> None:
        from local_assistant import __version__

        show_page(self._shell, *[f"jupyter-local-assistant {__version__}"] * 2)

    def _help(self, _: grammar.Command) -> None:
        page = grammar.help_page()
        show_page(self._shell, f"```text\n{page}\n```", page)

    def _ask(
        self,
        asked: grammar.Question,
        prompt: str,
        shape: Shape = ANY,
        choice: Choice | None = None,
    ) -> Rendered:
        """Show an answer while it comes, and return it."""
        choice = choice or self._dialogue.choice(asked)
        screen = open_screen(self._shell, asked.format, choice.model)
        with self._dialogue.answer(asked, choice, prompt, shape) as answer:
            try:
                for piece in answer:
                    screen.grow(piece)
            except BaseException:
                screen.finish(None)
                self._shell.user_ns[ANSWER] = answer.text
                raise
        rendered = render(asked.format, answer.text, self._plain_python, shape)
        if not rendered.bundle["text/plain"]:
            screen.finish(None)
            raise AssistantError(f"{choice.model} gave an empty answer.", "Say it in other words.")
        screen.finish(rendered.bundle)
        self._note_cut(answer, asked, self._dialogue.config)
        if asked.history and rendered.problem is None:
            self._dialogue.history.add(prompt, rendered.bundle["text/plain"])
        return rendered

    def _conclude(self, rendered: Rendered, asked: grammar.Question) -> None:
        self._shell.user_ns[ANSWER] = rendered.value
        if rendered.next_cell is not None:
            self._shell.set_next_input(rendered.next_cell, replace=False)
        if rendered.problem:
            raise AssistantError(
                rendered.problem, "Run the cell again, or name another model: %%ai MODEL."
            )
        if asked.into is not None:
            self._shell.user_ns[asked.into] = rendered.value

    def _note_cut(self, answer: Answer, asked: grammar.Question, config: AssistantConfig) -> None:
        if answer.reason == "endless":
            show_note(self._shell, "The answer did not end, so it was stopped.")
        if answer.reason != "length":
            return
        where = "the model's limit"
        if asked.max_tokens:
            where = f"--max-tokens {asked.max_tokens}"
        elif config.chat.max_tokens:
            where = f"[chat] max_tokens = {config.chat.max_tokens}"
        show_note(self._shell, f"The answer was cut off at {where}.")

    def _plain_python(self, source: str) -> str:
        return str(self._shell.transform_cell(source))
