"""The engine's front process: puts the parts together and runs until stopped or idle.

Contract: holds the lock of this host's engine for its whole life; writes the run file only
once it listens; ends its model processes before it leaves. The first free port from the
wanted one is taken, that of the last run first. Never imports llama.cpp.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from local_assistant import __version__, paths
from local_assistant.engine import runfile
from local_assistant.engine.activity import Activity
from local_assistant.engine.api.assistant import AssistantApi
from local_assistant.engine.api.create import CreateApi
from local_assistant.engine.api.embed import EmbedApi
from local_assistant.engine.api.models import ModelsApi
from local_assistant.engine.api.openai import OpenAIApi
from local_assistant.engine.api.pull import PullApi
from local_assistant.engine.api.text import TextApi
from local_assistant.engine.connections import Impatient
from local_assistant.engine.http import Application
from local_assistant.engine.log import log
from local_assistant.engine.runtime.scheduler import Scheduler
from local_assistant.engine.settings import EXIT_LOCKED, PORTS_TRIED, EngineOptions, is_loopback
from local_assistant.engine.store.catalog import Catalog
from local_assistant.engine.store.store import Store
from local_assistant.errors import AssistantError

_GRACE_S = 2
_LOOK_S = 2.0
_OURSELVES = Path(__file__)
_OPEN_FILES = 10240
"""What macOS allows at most."""
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where we reach ourselves


def run(options: EngineOptions) -> int:
    """Serve until stopped; returns the exit status.

    Raises:
        AssistantError: no port, or a directory that cannot be written.
    """
    if not options.token and not is_loopback(options.host):
        raise AssistantError(
            f"Without a token the engine listens on loopback only, not on {options.host}.",
            "Leave out --no-token, or --host.",
        )
    # A client that leaves in the middle of a line is no event: asyncio would warn each time.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    with runfile.single_instance() as first:
        if not first:
            log("another engine of this home is running")
            return EXIT_LOCKED
        _allow_many_connections()
        token = runfile.keep_token() if options.token else None
        previous = runfile.read()
        listener = listen(options, previous.port if previous else None)
        with listener:
            asyncio.run(_serve(options, token, listener))
    return 0


def _allow_many_connections() -> None:
    """Raise the limit of open files, as Go programs do: a full queue needs more than 256."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # it stays as it is
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def listen(options: EngineOptions, last_port: int | None) -> socket.socket:
    """Return a listening socket on the first free port.

    Raises:
        AssistantError: none of the ports is free, or the address is not this machine's.
    """
    ports = list(range(options.port, min(options.port + PORTS_TRIED, 65536)))
    if last_port in ports:
        ports.remove(last_port)
        ports.insert(0, last_port)
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    for port in ports:
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            # Connections inherit it. asyncio sets it by itself only in some versions and for
            # some sockets; with Nagle's algorithm on, the first token of every answer on a
            # connection that is used again waits for 40 ms.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if sys.platform == "win32":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((options.host, port))
            listener.listen(128)
        except OSError as error:
            listener.close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise AssistantError(
                    f"The engine cannot listen on {options.host}: {error.strerror or error}.",
                    "Use --host 127.0.0.1.",
                ) from error
            log(f"port {port} is taken")
            continue
        return listener
    raise AssistantError(
        f"None of the ports {ports[0]} to {ports[-1]} is free.",
        f"Set another [engine] port in {paths.CONFIG_NAME}.",
    )


class _Server(uvicorn.Server):
    """Uvicorn that says when it listens."""

    def __init__(self, config: uvicorn.Config, record: runfile.RunFile) -> None:
        super().__init__(config)
        self._record = record

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on the usual signals without raising them again: models are to be ended after."""
        names = ("SIGINT", "SIGTERM", "SIGBREAK")
        wanted = [getattr(signal, name) for name in names if hasattr(signal, name)]
        before = {number: signal.signal(number, self.handle_exit) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        runfile.write(self._record)
        log(f"listening on {self._record.url} (pid {self._record.pid})")


async def _serve(options: EngineOptions, token: str | None, listener: socket.socket) -> None:
    root = Path(options.models_dir) if options.models_dir else paths.models_dir()
    store, activity, scheduler = Store(root), Activity(), Scheduler(options)
    application = Application(
        token,
        check_host=is_loopback(options.host),
        on_request=activity.request,
        origins=options.origins,
    )
    address = _EVERYWHERE.get(options.host, options.host)
    record = runfile.describe_self(listener.getsockname()[1], token, __version__, address)
    config = uvicorn.Config(
        application,
        http=Impatient,
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_S,
        timeout_keep_alive=75,
    )
    server = _Server(config, record)
    _add_routes(application, options, store, scheduler, activity, server)
    watch = asyncio.gather(
        _leave_when_idle(options, activity, server),
        _leave_with_its_files(server),
        _be_found(server, record),
    )
    asyncio.get_running_loop().run_in_executor(None, store.tidy)
    try:
        await server.serve(sockets=[listener])
    finally:
        watch.cancel()
        try:
            with contextlib.suppress(asyncio.CancelledError):  # we have just cancelled it
                await watch
        finally:
            await scheduler.close()


def _add_routes(
    application: Application,
    options: EngineOptions,
    store: Store,
    scheduler: Scheduler,
    activity: Activity,
    server: uvicorn.Server,
) -> None:
    catalog = Catalog(store)
    models, text = ModelsApi(catalog, scheduler), TextApi(catalog, scheduler)
    embed = EmbedApi(catalog, scheduler)
    ours = AssistantApi(options, store, scheduler, activity, server)
    application.route("GET HEAD", "/", models.root, use=False)
    application.route("GET HEAD", "/api/version", models.version, use=False)
    application.route("GET HEAD", "/api/tags", models.tags)
    application.route("GET", "/api/ps", models.ps, use=False)
    application.route("POST", "/api/show", models.show)
    application.route("POST", "/api/copy", models.copy)
    application.route("DELETE", "/api/delete", models.delete)
    pulls = PullApi(store, private=options.token)
    making = CreateApi(store, pulls.lines)
    application.route("POST", "/api/create", making.create)
    application.route("POST", "/api/blobs/*", making.put_blob, body="stream")
    application.route("HEAD", "/api/blobs/*", making.has_blob)
    application.route("POST", "/api/pull", pulls.pull)
    application.route("POST", "/api/generate", text.generate)
    application.route("POST", "/api/chat", text.chat)
    application.route("POST", "/api/embed", embed.embed)
    application.route("POST", "/api/embeddings", embed.embeddings)
    openai = OpenAIApi(models.tags, models.show, text.chat, text.generate, embed.embed)
    openai.add_routes(application)
    application.route("GET", "/assistant/status", ours.status, use=False)
    application.route("POST", "/assistant/hold", ours.hold)
    application.route("POST", "/assistant/peak", ours.peak, use=False)
    application.route("POST", "/assistant/stop", ours.stop, use=False)


async def _be_found(server: uvicorn.Server, record: runfile.RunFile) -> None:
    """Mend the run file while we live: without it nobody finds us, nor can start another."""
    while True:
        await asyncio.sleep(_LOOK_S)
        if server.started:
            # A full disk, or a folder closed to us: tried again soon.
            with contextlib.suppress(AssistantError, OSError):
                runfile.keep(record)


async def _leave_when_idle(
    options: EngineOptions, activity: Activity, server: uvicorn.Server
) -> None:
    limit = options.idle_timeout_s
    while limit > 0:
        await asyncio.sleep(min(5.0, max(0.05, limit / 10)))
        if activity.idle_for() >= limit:
            log(f"idle for {limit:g} s: leaving")
            server.should_exit = True
            return


async def _leave_with_its_files(server: uvicorn.Server) -> None:
    """End when our environment has gone, or was moved: what is there now starts its own.

    One look is not enough: an upgrade takes the files away and puts others there.
    """
    missed = 0
    while missed < 2:
        await asyncio.sleep(_LOOK_S)
        # Not Path.exists: a network disk that has lost the file fails in ways of its own.
        missed = 0 if os.path.exists(_OURSELVES) else missed + 1  # noqa: PTH110
    log(f"{_OURSELVES.parent} is no longer there: leaving")
    server.should_exit = True
