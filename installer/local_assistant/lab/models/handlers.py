"""The HTTP endpoints of the model chooser.

Contract: cheap to import. Every endpoint is authenticated, authorised and protected against
cross-site requests as all of Jupyter's are; what cannot be done is a 400 with a message and a
fix. ``GET models`` lists, ``POST models/use`` chooses, ``models/pull`` is the one download of
this Jupyter server: it goes on when the page is closed, and ends with the server.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from tornado.web import authenticated

from local_assistant.lab.completion.handlers import SERVICE
from local_assistant.lab.models import changes
from local_assistant.lab.models.jobs import Jobs, Wish
from local_assistant.lab.web import Handler

if TYPE_CHECKING:
    from local_assistant.errors import AssistantError
    from local_assistant.models.progress import OnProgress

JOBS = "local_assistant_pulls"
"""Where the jobs are among the web application's settings."""

_MOST = 8


class _Handler(Handler):
    def jobs(self) -> Jobs:
        """Return the one list of jobs of this Jupyter server."""
        if JOBS not in self.settings:
            self.settings[JOBS] = Jobs(_get, changes.tell)
            changes.subscribe(self._look_again)
        jobs: Jobs = self.settings[JOBS]
        return jobs

    def _look_again(self) -> None:
        """Ghost text must not go on with the model that it knows."""
        service = self.settings.get(SERVICE)
        if service is not None:
            service.forget()

    def refuse(self, error: AssistantError, **more: Any) -> None:
        """Answer with what is wrong."""
        self.reply({"message": error.message, "fix": error.fix, **more}, 400)

    def fields(self) -> dict[str, Any]:
        """Return the body's fields; none where it is no object."""
        body = self.body()
        return body if isinstance(body, dict) else {}


class ModelsHandler(_Handler):
    """``GET models``: what there is, what answers, and the download that runs."""

    @authenticated  # type: ignore[untyped-decorator]
    @authorized  # type: ignore[untyped-decorator]
    async def get(self) -> None:
        await self._tell()

    async def _tell(self, **more: Any) -> None:
        listed = await asyncio.to_thread(_listing)
        self.reply({**listed, "job": self.jobs().describe(), **more})


class UseHandler(ModelsHandler):
    """``POST models/use``: let a model answer for a role; answers as ``GET models`` does."""

    @authenticated  # type: ignore[untyped-decorator]
    @authorized  # type: ignore[untyped-decorator]
    async def post(self) -> None:
        from local_assistant.errors import AssistantError

        self.jobs()  # who is told of the change
        fields = self.fields()
        try:
            if "model" not in fields:  # null leaves it to the preset
                raise AssistantError("No model is named.", 'Give a "role" and a "model".')
            notices = await asyncio.to_thread(_use, fields.get("role"), fields["model"])
        except AssistantError as error:
            # Named where it is not there: the page offers to get it.
            self.refuse(error, missing=getattr(error, "model", None))
            return
        changes.tell()
        await self._tell(notices=list(notices))


class PullHandler(_Handler):
    """``models/pull``: POST begins a download, GET tells of it, DELETE ends or forgets it."""

    @authenticated  # type: ignore[untyped-decorator]
    @authorized  # type: ignore[untyped-decorator]
    async def get(self) -> None:
        self.reply({"job": self.jobs().describe()})

    @authenticated  # type: ignore[untyped-decorator]
    @authorized  # type: ignore[untyped-decorator]
    async def post(self) -> None:
        from local_assistant.errors import AssistantError
        from local_assistant.lab.models.choosing import names_of

        fields = self.fields()
        try:
            names = names_of(fields.get("models"), _MOST)
            job = self.jobs().start(Wish(tuple(names), fields.get("force") is True))
        except AssistantError as error:
            self.refuse(error)
            return
        self.reply({"job": job}, 202)

    @authenticated  # type: ignore[untyped-decorator]
    @authorized  # type: ignore[untyped-decorator]
    async def delete(self) -> None:
        self.reply({"job": self.jobs().cancel()})


HANDLERS = [
    ("/local-assistant/models", ModelsHandler),
    ("/local-assistant/models/use", UseHandler),
    ("/local-assistant/models/pull", PullHandler),
]


def _listing() -> dict[str, Any]:
    from local_assistant.lab.models.listing import listing

    return listing()


def _use(role: object, model: object) -> tuple[str, ...]:
    from local_assistant.lab.models.choosing import use

    return use(role, model)


def _get(wish: Wish, on_progress: OnProgress, cancel: threading.Event) -> list[str]:
    from local_assistant.config import load_config
    from local_assistant.errors import AssistantError
    from local_assistant.models.pull import pull
    from local_assistant.server import ServerGone

    config = load_config().config
    try:
        return pull(wish.names, config, on_progress, cancel=cancel, force=wish.force)
    except ServerGone as error:  # its own advice is for a question
        raise AssistantError(
            f"The download was interrupted: {error.message}",
            "What is there is kept. Try again, and it goes on.",
        ) from error
