"""A model out of a Modelfile of the user's own, on the server that answers.

Contract: everything is checked before anything is sent; nothing is downloaded. The model is
tried out under a name of ours and gets its own name only when it has answered, so that one
that was there under that name before is never replaced by one that does not load.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_assistant import paths
from local_assistant.errors import AssistantError
from local_assistant.models.modelfiles.checking import Checked, File, check
from local_assistant.models.modelfiles.parsing import ModelfileError, Problem, decode
from local_assistant.models.progress import OnProgress, Progress

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.server import Endpoint


@dataclass(frozen=True)
class Created:
    """A model that was made.

    Attributes:
        model: its name.
        endpoint: the server that has it.
        replaced: whether there was one of that name.
        notices: what should be known.
    """

    model: str
    endpoint: Endpoint
    replaced: bool
    notices: tuple[str, ...] = ()


def create(
    name: str,
    file: Path,
    config: AssistantConfig,
    on_progress: OnProgress,
    *,
    verify: bool = True,
    cancel: threading.Event | None = None,
) -> Created:
    """Make the model ``name`` of the Modelfile ``file``.

    Args:
        name: what it shall be called.
        file: the Modelfile; paths in it are relative to its folder.
        config: the configuration in force; it decides which server gets the model.
        on_progress: called often.
        verify: whether the model has to answer before it gets its name.
        cancel: set by another thread, ends it; nothing has changed then.

    Raises:
        ModelfileError: what is wrong in the file, and in which lines.
        AssistantError: no server answers, or it cannot make the model.
    """
    from local_assistant.server import find_server
    from local_assistant.server.installed import find, installed, key_of
    from local_assistant.server.own_names import refuse_own

    refuse_own(name)
    key_of(name)  # raises for what is no name
    checked = read(file)
    _check_files(checked)
    endpoint = find_server(config)
    _refuse_demo(name)
    models = installed(endpoint)
    if checked.base and find(checked.base, models) is None:
        raise _no_base(checked, endpoint)
    progress = Progress(name, on_progress, cancel)
    body = _body(checked, endpoint, progress)
    with _trial(name, endpoint, config) as trial:
        _make(trial, body, checked, endpoint, progress)
        if verify:
            _verify(trial, name, endpoint, progress)
        progress.say("giving it its name")
        _client(endpoint).post("/api/copy", {"source": trial, "destination": name})
    _follow(config)
    return Created(name, endpoint, find(name, models) is not None, tuple(checked.notices))


def read(file: Path) -> Checked:
    """Return what a Modelfile says, every line checked.

    Raises:
        ModelfileError: it cannot be used, and why.
        AssistantError: it cannot be read.
    """
    shown = paths.display(file)
    try:
        raw = file.read_bytes()
    except OSError as error:
        reason = "There is no file" if isinstance(error, FileNotFoundError) else "Cannot read"
        more = "" if isinstance(error, FileNotFoundError) else f": {error.strerror or error}"
        raise AssistantError(
            f"{reason} {shown}{more}.",
            "Name a Modelfile: jupyter assistant create NAME -f FILE",
        ) from error
    return check(decode(raw, shown), shown, file.absolute().parent)


def _check_files(checked: Checked) -> None:
    """Read the headers of the files that would be sent.

    Raises:
        ModelfileError: one is no whole GGUF.
    """
    from local_assistant.engine.gguf.header import BadGGUF, read_header

    problems = []
    for each in (*checked.files, *checked.adapters, *checked.drafts):
        try:
            read_header(each.path)
        except (BadGGUF, OSError) as error:
            said = error.message if isinstance(error, BadGGUF) else str(error.strerror or error)
            problems.append(Problem(each.line, said.rstrip(".")))
    if problems:
        raise ModelfileError(checked.file, problems)


def _body(checked: Checked, endpoint: Endpoint, progress: Progress) -> dict[str, Any]:
    body = dict(checked.fields)
    if checked.base:
        body["from"] = checked.base
    for key, files in (
        ("files", checked.files),
        ("adapters", checked.adapters),
        ("draft_files", checked.drafts),
    ):
        if files:
            body[key] = {each.path.name: _sent(each, endpoint, progress) for each in files}
    return body


def _sent(file: File, endpoint: Endpoint, progress: Progress) -> str:
    from local_assistant.models import upload

    return f"sha256:{upload.send(file.path, endpoint, progress)}"


@contextlib.contextmanager
def _trial(name: str, endpoint: Endpoint, config: AssistantConfig) -> Iterator[str]:
    """Give the name for trying out; what has it is gone afterwards, however that ended."""
    from local_assistant.models import made
    from local_assistant.server import ServerError
    from local_assistant.server.own_names import trial_name

    trial, server = trial_name(name), made.server_key(endpoint, config)
    with made.changing() as record:
        record.note(server, trial, made.Entry())
    try:
        yield trial
    finally:
        try:
            _client(endpoint).request("DELETE", "/api/delete", {"model": trial})
        except ServerError as error:
            if error.status != 404:  # it was never made
                raise
        with made.changing() as record:
            record.forget(server, trial)


def _make(
    trial: str, body: dict[str, Any], checked: Checked, endpoint: Endpoint, progress: Progress
) -> None:
    from local_assistant.server import ServerError

    progress.say("making the model")
    done = False
    try:
        with _client(endpoint).stream("/api/create", {"model": trial, **body}) as lines:
            for line in lines:
                done = line.get("status") == "success"
                if not done:
                    progress.check()
    except ServerError as error:
        if error.status != 400:
            raise
        said = str(error.answer.get("error") or error.message)
        line = checked.template_line if "template" in said else None
        raise ModelfileError(checked.file, [Problem(line, said.rstrip("."))]) from error
    if not done:
        raise AssistantError(
            f"The server at {endpoint.url} stopped before the model was made.",
            "Run the command again.",
        )


def _verify(trial: str, name: str, endpoint: Endpoint, progress: Progress) -> None:
    from local_assistant.models.verify import load_test

    progress.say("loading it for a test")
    problem = load_test(endpoint, trial)
    if problem is not None:
        said = problem.message.replace(trial, name)
        raise AssistantError(
            f"{said} Nothing was changed.",
            problem.fix or "Make it without a test: jupyter assistant create --no-verify",
        )


def _no_base(checked: Checked, endpoint: Endpoint) -> AssistantError:
    where = "" if endpoint.local else f" at {endpoint.url}"
    error = ModelfileError(
        checked.file,
        [Problem(checked.base_line, f"the model {checked.base} is not installed{where}")],
    )
    error.fix = f"Get it with: jupyter assistant pull {checked.base}"
    return error


def _refuse_demo(name: str) -> None:
    from local_assistant.server import DEMO_MODEL
    from local_assistant.server.installed import key_of

    if key_of(name) == key_of(DEMO_MODEL):
        raise AssistantError(
            f"{DEMO_MODEL} is the name of the model that comes with the package.",
            "Give yours another name: jupyter assistant create NAME -f FILE",
        )


def _follow(config: AssistantConfig) -> None:
    """The model may be one that answers already, under the same name."""
    from local_assistant.models import aliases
    from local_assistant.models.answering import answers

    aliases.follow(answers(config))


def _client(endpoint: Endpoint) -> Any:
    from local_assistant.server import Client

    return Client(endpoint)
