"""Who wants to know of other models is told, on its own loop and while that lives."""

from __future__ import annotations

import asyncio
import threading

from local_assistant.lab.models import changes


def test_told_from_another_thread_until_it_ends() -> None:
    async def main() -> None:
        told = asyncio.Event()
        threads: list[int] = []

        def listener() -> None:
            threads.append(threading.get_ident())
            told.set()

        end = changes.subscribe(listener)
        await asyncio.to_thread(changes.tell)
        await asyncio.wait_for(told.wait(), 10)
        assert threads == [threading.get_ident()]
        end()
        end()
        changes.tell()
        await asyncio.sleep(0)
        assert len(threads) == 1

    asyncio.run(main())


def test_a_loop_that_has_ended_is_no_harm() -> None:
    async def main() -> None:
        changes.subscribe(lambda: None)

    asyncio.run(main())
    changes.tell()
