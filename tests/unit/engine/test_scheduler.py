"""Which models are loaded, with processes that only pretend: nothing here takes time or memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local_assistant.engine.gguf.header import Header
from local_assistant.engine.runtime import scheduler as module
from local_assistant.engine.runtime.loaded import LoadOptions
from local_assistant.engine.runtime.process import LoadFailed, LoadParameters
from local_assistant.engine.runtime.scheduler import Scheduler
from local_assistant.engine.settings import EngineOptions

GB = 2**30
MANY_LOADS = 12
"""More than any of these tests needs: models that evict each other would go on for ever."""


class Pretended:
    """What the scheduler sees of a model process."""

    def __init__(self, parameters: LoadParameters, bench: Bench) -> None:
        self.parameters = parameters
        self.cards = bench.cards
        self._may_end = bench.may_end
        self.upstream = SimpleNamespace()
        self.pid = 1
        self.vram = 0
        self._ended = asyncio.Event()

    @property
    def alive(self) -> bool:
        return not self._ended.is_set()

    async def wait(self) -> None:
        await self._ended.wait()

    async def stop(self) -> None:
        await self._may_end.wait()
        self._ended.set()

    def how_it_ended(self) -> str:
        return "ended"


class Bench:
    """A scheduler, and what it loaded in which order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loads: list[str] = []
        self.cards = False
        self.go = asyncio.Event()
        self.go.set()
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.held = 0
        monkeypatch.setattr(module, "ModelProcess", SimpleNamespace(start=self._start))
        monkeypatch.setattr(module, "usable_memory", lambda: 16 * GB)
        monkeypatch.setattr(module, "available_memory", lambda: 12 * GB - self.held)
        monkeypatch.setattr(module, "log", lambda text: None)
        self.scheduler = Scheduler(EngineOptions())

    def make(self, **options: Any) -> None:
        self.scheduler = Scheduler(EngineOptions(**options))

    async def _start(self, parameters: LoadParameters, *_: Any) -> Pretended:
        self.loads.append(Path(parameters.gguf).stem)
        assert len(self.loads) < MANY_LOADS, "they evict each other for ever"
        await self.go.wait()
        await asyncio.sleep(0)
        return Pretended(parameters, self)

    def use(self, name: str, context: int | None = None, size: int = 1000) -> Any:
        wanted = LoadOptions(context=context)
        return self.scheduler.use(_model(name, size), wanted, None)

    def loaded(self) -> list[str]:
        return sorted(entry.model.display for entry in self.scheduler.loaded())


def _model(name: str, size: int) -> Any:
    path = Path(f"/models/{name}.gguf")
    header = Header(path, size, {}, parameters=1)
    return SimpleNamespace(
        load_key=name, display=name, gguf=path, adapters=(), header=lambda: header
    )


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run a test's coroutine with a bench, and end what it left."""

    def run(work: Callable[[Bench], Coroutine[Any, Any, None]]) -> None:
        async def main() -> None:
            bench = Bench(monkeypatch)
            try:
                await asyncio.wait_for(work(bench), 60)
            finally:
                await bench.scheduler.close()

        asyncio.run(main())

    return run


async def _turns(count: int = 20) -> None:
    """Let all that can go on go on."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("short_of", ["places", "memory"])
def test_two_models_that_do_not_fit_together_both_answer(
    run: Callable[..., None], short_of: str
) -> None:
    """The second load ran before the first one's requester had taken its model up."""

    async def work(bench: Bench) -> None:
        places = 1 if short_of == "places" else 9
        size = 1000 if short_of == "places" else 9 * GB
        bench.make(max_loaded=places)
        answers: list[str] = []

        async def ask(name: str) -> None:
            async with bench.use(name, size=size) as entry:
                await asyncio.sleep(0)
                assert entry.process.alive
                answers.append(name)

        await asyncio.gather(*(ask(name) for name in "abcab"))
        assert sorted(answers) == ["a", "a", "b", "b", "c"]
        assert bench.loads == ["a", "b", "c"]

    run(work)


def test_a_model_that_nobody_took_up_makes_room(run: Callable[..., None]) -> None:
    """Its requester leaves in the very moment in which the load ends."""

    async def work(bench: Bench) -> None:
        bench.make(max_loaded=1)
        bench.go.clear()

        async def ask(name: str) -> None:
            async with bench.use(name):
                pass

        first, second = asyncio.ensure_future(ask("a")), asyncio.ensure_future(ask("b"))
        await _turns()
        assert bench.loads == ["a"]
        load = bench.scheduler._loads["a", False].task
        assert load is not None
        load.add_done_callback(lambda _: first.cancel())
        bench.go.set()
        await second
        assert first.cancelled()
        assert bench.loads == ["a", "b"]

    run(work)


LARGE, TOO_LARGE = 11 * GB, 17 * GB


def test_a_model_that_never_fits_costs_no_other_its_place(run: Callable[..., None]) -> None:
    async def work(bench: Bench) -> None:
        async with bench.use("a", size=9 * GB) as busy:
            bench.held = 9 * GB
            for name in ("b", "a"):  # another model, and the same one anew
                with pytest.raises(LoadFailed) as refused:
                    async with bench.use(name, 2000, size=TOO_LARGE):
                        pass
                assert str(refused.value) == (
                    "model requires more system memory (17.1 GiB) than is available (12.1 GiB)"
                )
            assert busy.process.alive
            assert not busy.draining
        assert bench.loads == ["a"]
        assert bench.loaded() == ["a"]

    run(work)


def test_a_model_that_fits_in_the_place_of_others_is_loaded(run: Callable[..., None]) -> None:
    async def work(bench: Bench) -> None:
        async with bench.use("a", size=9 * GB):
            pass
        bench.held = 9 * GB
        async with bench.use("b", size=LARGE):
            assert bench.loaded() == ["b"]

    run(work)


def test_a_model_that_is_just_ending_counts_as_gone(run: Callable[..., None]) -> None:
    """Its process may hold the memory for a moment more."""

    async def work(bench: Bench) -> None:
        for name, size in (("a", 9 * GB), ("c", 1000)):
            async with bench.use(name, size=size):
                pass
        bench.held = 9 * GB
        bench.may_end.clear()
        ending = asyncio.ensure_future(bench.scheduler.unload(_model("a", 9 * GB)))
        await _turns()
        assert bench.loaded() == ["c"]

        async def ask() -> None:
            async with bench.use("b", size=LARGE):
                assert bench.loaded() == ["b"]

        asked = asyncio.ensure_future(ask())
        await _turns()
        bench.may_end.set()
        await asyncio.gather(ending, asked)

    run(work)


def test_with_graphics_cards_memory_alone_refuses_nothing(run: Callable[..., None]) -> None:
    async def work(bench: Bench) -> None:
        bench.cards = True
        async with bench.use("a", size=9 * GB):
            pass
        bench.held = 9 * GB
        async with bench.use("b", size=TOO_LARGE):
            assert bench.loaded() == ["b"]

    run(work)


def test_who_wants_it_otherwise_and_leaves_has_changed_nothing(run: Callable[..., None]) -> None:
    """The next ordinary request had ended the model and loaded it again."""

    async def work(bench: Bench) -> None:
        async with bench.use("a") as entry:
            other = asyncio.ensure_future(bench.use("a", 2000).__aenter__())
            await _turns()
            assert entry.draining
            other.cancel()
            await asyncio.gather(other, return_exceptions=True)
            async with bench.use("a") as same:  # in the very next moment
                assert same is entry
        await _turns()
        async with bench.use("a") as same:
            assert same is entry
        assert bench.loads == ["a"]
        async with bench.use("a", 2000) as last:
            assert last.context == 2000
        assert bench.loads == ["a", "a"]

    run(work)


def test_who_still_waits_for_it_otherwise_gets_it(run: Callable[..., None]) -> None:
    async def work(bench: Bench) -> None:
        contexts: list[int] = []

        async def ask() -> None:
            async with bench.use("a", 2000) as entry:
                contexts.append(entry.context)

        async with bench.use("a") as entry:
            first, second = (asyncio.ensure_future(ask()) for _ in range(2))
            await _turns()
            first.cancel()
            await _turns()
            assert entry.draining
        await second
        assert contexts == [2000]
        assert bench.loads == ["a", "a"]

    run(work)
