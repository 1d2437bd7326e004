"""``/explain`` about one cell of a notebook of 300, beside the raw call with the same prompt."""

from __future__ import annotations

import json
import statistics
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks.chat import servers
from benchmarks.chat.rooms import new_chat
from benchmarks.chat.turns import Asked, Asker
from benchmarks.figures import Figure
from local_assistant.lab.chat import tasks

CELLS = 300
_FIRST = 200
_NAME = "large.ipynb"


async def measure(asker: Asker, runs: int) -> Figure:
    """Explain two cells a run, one in our chat and one by the raw call."""
    (asker.lab.root / _NAME).write_text(json.dumps(notebook()), encoding="utf-8")
    pairs: list[tuple[Asked, Asked]] = []
    for number in range(_FIRST, _FIRST + 2 * runs, 2):
        async with new_chat(asker.lab, servers.OUR_NAME) as chat:
            ours = await asker.message(chat, tasks.EXPLAIN, [_cell(number)])
        raw = await asker.raw_text(await _prompt(asker.lab.root, number + 1))
        pairs.append((ours, raw))
    added = statistics.median(ours.first_s - raw.first_s for ours, raw in pairs)
    ours, raw = pairs[-1]
    how = f"{ours.evaluated} tokens read, raw {raw.evaluated} in {raw.first_s:.1f} s, {runs} chats"
    return Figure(f"chat: /explain in {CELLS} cells, added", 1000 * added, None, "ms", how)


def notebook() -> dict[str, object]:
    """Return a notebook whose cells use what stands above them, each with an output."""
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = [_code(number) for number in range(CELLS)]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}


def _code(number: int) -> dict[str, object]:
    source = (
        f"def clean_{number:03}(frame, column='price'):\n"
        f"    low, high = frame[column].quantile([0.05, 0.95])\n"
        f"    return frame[frame[column].between(low, high)]\n\n"
        f"table_{number:03} = clean_{number:03}(table_{max(number - 1, 0):03})\n"
        f"print(len(table_{number:03}))"
    )
    output = {"output_type": "stream", "name": "stdout", "text": "1024\n"}
    return {
        "cell_type": "code", "id": f"cell-{number:03}", "metadata": {}, "source": source,
        "outputs": [output], "execution_count": number + 1,
    }  # fmt: skip


def _cell(number: int) -> dict[str, Any]:
    """Return the attachment that the page makes of a cell dragged into the chat."""
    cells = [{"id": f"cell-{number:03}", "input_type": "code"}]
    return {"type": "notebook", "value": _NAME, "cells": cells}


async def _prompt(root: Path, number: int) -> str:
    """Return what our chat sends about a cell."""
    known = {str(uuid.uuid4()): SimpleNamespace(**_cell(number))}
    message = SimpleNamespace(body=tasks.EXPLAIN, attachments=list(known))
    question = await tasks.question(message, root, known)
    assert question.turn is not None
    return question.turn.content()
