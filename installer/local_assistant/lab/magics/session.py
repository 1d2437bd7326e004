"""What one kernel's ``%%ai`` and ``%ai`` do.

Contract: one :class:`Session` lives as long as its kernel. Every call reads
assistant.toml anew (a changed line counts for the next cell), remembers which notices it
has shown, and keeps nothing of a conversation. The one exception that leaves
:meth:`Session.run` is :class:`CellFailed`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local_assistant.errors import AssistantError
from local_assistant.lab.magics import grammar
from local_assistant.lab.magics.failure import cell_failure
from local_assistant.lab.magics.formats import Rendered, render
from local_assistant.lab.magics.interpolate import interpolate
from local_assistant.lab.magics.screen import open_screen, show_note, show_page

if TYPE_CHECKING:
    from pathlib import Path

    from local_assistant.config import AssistantConfig

_CLIENT_TIMEOUT_S = 600.0
"""Between two tokens: a large model may take minutes to load and to read a long prompt."""


class Session:
    """The state of ``%%ai`` in one kernel.

    Args:
        shell: IPython's shell.
        start: the notebook's folder, from which a project's assistant.toml is looked for.
    """

    def __init__(self, shell: Any, start: Path | None) -> None:
        self._shell = shell
        self._start = start
        self._watcher: Any = None
        self._told: set[str] = set()

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
                prompt = interpolate(prompt, self._shell.user_ns)
            self._ask(asked, prompt)

    def _command(self, command: grammar.Command) -> None:
        if command.name == "list":
            from local_assistant.lab.magics.listing import model_list

            show_page(self._shell, *model_list(self._config()))
        elif command.name == "version":
            from local_assistant import __version__

            show_page(self._shell, *[f"jupyter-local-assistant {__version__}"] * 2)
        else:
            show_page(self._shell, f"```text\n{grammar.HELP}\n```", grammar.HELP)

    def _ask(self, asked: grammar.Question, prompt: str) -> None:
        from local_assistant.lab.magics import ask
        from local_assistant.server import choose
        from local_assistant.server.client import Client

        config = self._config()
        choice = choose("chat", config, model=asked.model)
        self._tell(choice.notice)
        body = ask.request(choice, config, asked.format, prompt)
        client = Client(choice.endpoint, timeout_s=_CLIENT_TIMEOUT_S)
        screen = open_screen(self._shell, asked.format, choice.model)
        answer, reason = "", ""
        chunks = ask.answer(client, body)
        try:
            for chunk in chunks:
                piece = (chunk.get("message") or {}).get("content") or ""
                answer += piece
                reason = chunk.get("done_reason") or reason
                screen.grow(piece)
        except BaseException:
            screen.finish(None)
            raise
        finally:
            # At once, not when the generator happens to be collected: this is what stops
            # the model after an interrupt.
            chunks.close()
        rendered = render(asked.format, answer, self._plain_python)
        if not rendered.bundle["text/plain"]:
            raise AssistantError(f"{choice.model} gave an empty answer.", "Say it in other words.")
        screen.finish(rendered.bundle)
        if reason == "length":
            self._note_cut(config)
        self._conclude(rendered)

    def _conclude(self, rendered: Rendered) -> None:
        if rendered.next_cell is not None:
            self._shell.set_next_input(rendered.next_cell, replace=False)
        if rendered.problem:
            raise AssistantError(
                rendered.problem, "Run the cell again, or name another model: %%ai MODEL."
            )

    def _note_cut(self, config: AssistantConfig) -> None:
        limit = config.chat.max_tokens
        where = f"[chat] max_tokens = {limit}" if limit else "the model's limit"
        show_note(self._shell, f"The answer was cut off at {where}.")

    def _plain_python(self, source: str) -> str:
        return str(self._shell.transform_cell(source))

    def _config(self) -> AssistantConfig:
        """Return the configuration in force, and tell of a file that cannot be used."""
        if self._watcher is None:
            from local_assistant.config import ConfigWatcher

            self._watcher = ConfigWatcher(self._start)
        config: AssistantConfig = self._watcher.current().config
        problem = self._watcher.problem
        self._tell(str(problem) if problem else None)
        return config

    def _tell(self, notice: str | None) -> None:
        """Show a notice, once for each kernel."""
        if notice and notice not in self._told:
            self._told.add(notice)
            show_note(self._shell, notice)
