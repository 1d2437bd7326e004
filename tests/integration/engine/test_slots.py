"""Slots: a generation's own, exactly one; free again only when llama.cpp has let go."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from local_assistant.engine.runtime.counters import Counters, Kind
from local_assistant.engine.runtime.process import LoadParameters, ModelProcess
from local_assistant.engine.runtime.slots import SlotPool, Waiting
from local_assistant.engine.wire.shapes import ApiError


class Bench:
    """A model process and its pool, without the HTTP front."""

    def __init__(self, process: ModelProcess, slots: int, queue: int) -> None:
        self.process = process
        self.counters = Counters()
        self.waiting = Waiting(queue)
        self.pool = SlotPool(slots, process.upstream, self.counters, self.waiting)

    async def ask(
        self,
        prompt: str,
        count: int = 24,
        kind: Kind = "completion",
        seen: list[int] | None = None,
        said: list[str] | None = None,
    ) -> dict[str, Any]:
        """Return the text of one generation, its last event, and the slot it had."""
        text = ""
        async with self.pool.use(kind, prompt) as fields:
            if seen is not None:
                seen.append(fields["id_slot"])
            body = {"prompt": prompt, "n_predict": count, "temperature": 0, "stream": True}
            events = self.process.upstream.events("/completion", {**body, **fields})
            async with contextlib.aclosing(events):
                async for event in events:
                    text += event["content"]
                    if said is not None:
                        said.append(event["content"])
                    if event["stop"]:
                        timings = event["timings"]
                        return {"text": text, "slot": fields["id_slot"], **timings}
        raise AssertionError("no end")

    async def all_free(self, slots: int) -> None:
        for _ in range(500):
            if self.pool.free == slots:
                return
            await asyncio.sleep(0.02)
        raise AssertionError("a slot leaked")


@contextlib.asynccontextmanager
async def bench(file: Path, slots: int, queue: int = 512) -> AsyncIterator[Bench]:
    parameters = LoadParameters(
        gguf=str(file), context=4096, slots=slots, batch=64, threads=1, gpu_layers=0,
        embedding=False, mean_pooling=False,
    )  # fmt: skip
    process = await ModelProcess.start(parameters)
    try:
        yield Bench(process, slots, queue)
    finally:
        await process.stop()


@pytest.fixture
def run(tiny_file: Path, home: Path) -> Callable[..., None]:
    """Run a test's coroutine with a process of its own."""

    def run(work: Callable[[Bench], Awaitable[None]], slots: int = 2, queue: int = 512) -> None:
        async def main() -> None:
            async with bench(tiny_file, slots, queue) as it:
                await asyncio.wait_for(work(it), 90)

        asyncio.run(main())

    return run


def _prompts(count: int) -> list[str]:
    # Each begins in its own way: an answer made of another's words would differ.
    return [f"{number} is the number of this text. " * (2 + number % 7) for number in range(count)]


def test_a_storm_of_cancels_mixes_no_words_and_leaks_no_slot(run: Callable[..., None]) -> None:
    prompts = _prompts(10)

    async def work(it: Bench) -> None:
        alone = {prompt: (await it.ask(prompt))["text"] for prompt in prompts}
        rng = random.Random(7)

        async def one(number: int) -> tuple[str, str] | None:
            prompt = prompts[number % len(prompts)]
            leaves = rng.random() < 0.6
            kind: Kind = "chat" if number % 3 else "completion"
            task = asyncio.ensure_future(it.ask(prompt, 400 if leaves else 24, kind))
            if not leaves:
                return prompt, (await task)["text"]
            await asyncio.sleep(rng.random() * 0.05)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return None

        for begin in range(0, 200, 5):
            answers = await asyncio.gather(*(one(begin + number) for number in range(5)))
            for answer in answers:
                if answer is not None:
                    assert answer[1] == alone[answer[0]]
        await it.all_free(2)
        total = it.counters.total
        assert total.active == 0
        assert total.cancelled > 20
        assert it.waiting.count == 0
        assert (await it.ask(prompts[3]))["text"] == alone[prompts[3]]

    run(work)


def test_eight_at_once_in_eight_slots_answer_as_alone(run: Callable[..., None]) -> None:
    prompts = _prompts(8)

    async def work(it: Bench) -> None:
        alone = [(await it.ask(prompt))["text"] for prompt in prompts]
        it.counters.take_peak()
        together = await asyncio.gather(*(it.ask(prompt, kind="chat") for prompt in prompts))
        assert [answer["text"] for answer in together] == alone
        assert {answer["slot"] for answer in together} == set(range(8))
        assert it.counters.take_peak() == 8

    run(work, slots=8)


def test_overlapping_chat_and_completion_keep_each_others_cache(run: Callable[..., None]) -> None:
    talk, code = "what is the weather like " * 20, "def weather(day): return " * 20

    async def work(it: Bench) -> None:
        for turn in range(3):
            chat, completion = await asyncio.gather(
                it.ask(talk, 40, "chat"), it.ask(code + "x" * turn, 40, "completion")
            )
            assert chat["slot"] != completion["slot"]
            if turn:
                assert chat["cache_n"] >= len(talk) - 2
                assert completion["cache_n"] >= len(code) - 2

    run(work)


def test_a_prompt_goes_on_in_the_slot_that_holds_its_beginning(run: Callable[..., None]) -> None:
    one, other = "one conversation goes like this " * 9, "quite another one " * 15

    async def work(it: Bench) -> None:
        first = await it.ask(one, 4, "chat")
        second = await it.ask(other, 4, "chat")
        assert first["slot"] != second["slot"]
        again = await it.ask(one + "and on", 4, "chat")
        assert again["slot"] == first["slot"]
        assert again["cache_n"] >= len(one)
        # A third one takes the slot used longest ago, and a home of chats.
        assert (await it.ask("nothing like it", 4, "chat"))["slot"] == second["slot"]
        assert (await it.ask("nothing like it", 4, "completion"))["slot"] not in (
            first["slot"],
            second["slot"],
        )

    run(work, slots=4)


def test_who_restarts_a_completion_waits_for_its_own_slot(run: Callable[..., None]) -> None:
    async def work(it: Bench) -> None:
        talk = await it.ask("a talk " * 40, 4, "chat")
        text = "some code to go on with " * 30
        slot = (await it.ask(text, 4))["slot"]
        for number in range(10):
            seen: list[int] = []
            task = asyncio.ensure_future(it.ask(text + "a" * number, 2000, seen=seen))
            while not seen:
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.005 * (number % 3))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert seen == [slot]
        again = await it.ask("a talk " * 40, 4, "chat")
        assert (again["slot"], again["prompt_n"] <= 2) == (talk["slot"], True)

    run(work)


def test_the_queue_has_an_order_and_an_end(run: Callable[..., None]) -> None:
    async def work(it: Bench) -> None:
        ended: list[int] = []

        async def one(number: int) -> None:
            await it.ask(f"{number} of them", 60)
            ended.append(number)

        tasks = [asyncio.ensure_future(one(number)) for number in range(4)]
        await asyncio.sleep(0)
        with pytest.raises(ApiError) as refused:
            await it.ask("one too many", 1)
        assert refused.value.status == 503
        assert refused.value.message == (
            "server busy, please try again.  maximum pending requests exceeded"
        )
        await asyncio.gather(*tasks)
        assert ended == [0, 1, 2, 3]
        assert it.counters.by_kind["completion"].refused == 1
        # One that leaves the queue takes nothing with it.
        await it.all_free(1)
        tasks = [asyncio.ensure_future(one(number)) for number in range(4)]
        await asyncio.sleep(0)
        tasks[2].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert ended[4:] == [0, 1, 3]
        await it.all_free(1)

    run(work, slots=1, queue=3)


def test_what_was_left_counts_as_far_as_it_came(run: Callable[..., None]) -> None:
    async def work(it: Bench) -> None:
        prompt = "count me in " * 50
        await it.ask(prompt, 5)
        done = it.counters.by_kind["completion"]
        assert (done.prompt_tokens, done.generated_tokens) == (len(prompt), 5)
        said: list[str] = []
        task = asyncio.ensure_future(it.ask(prompt, 3000, said=said))
        while len("".join(said)) < 10:
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert done.cancelled == 1
        assert done.cached_tokens >= len(prompt) - 2
        assert 5 < done.generated_tokens < 3000

    run(work)
