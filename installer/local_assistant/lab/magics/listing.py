"""``%ai list``: the models that can answer in this notebook.

Contract: asks the chosen server, and the engine where that answers in its place; the model
that answers when ``%%ai`` names none is marked, and models that only embed are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from local_assistant.server import choose, find_server, is_alias
from local_assistant.server.client import Client

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.server import Endpoint

_COLUMNS = ("Model", "Parameters", "Quantization", "Size")
_MARK = "answers %%ai"


def model_list(config: AssistantConfig, aliases: Mapping[str, str]) -> tuple[str, str]:
    """Return the list as Markdown and as plain text, with the aliases of this kernel.

    Raises:
        AssistantError: no model server can be used.
    """
    choice = choose("chat", config)
    rows = _rows(choice.endpoint, choice.model)
    first = find_server(config)
    if first.url != choice.endpoint.url:
        # The demo model stands in; models of the chosen server can be named all the same.
        rows += _rows(first, "")
    where = f"{choice.endpoint.detail.rstrip('.')}."
    notice = f"\n\n{choice.notice}" if choice.notice else ""
    known = [f"{name} stands for {model}." for name, model in sorted(aliases.items())]
    below = "\n\n".join([f"{where}{notice}", *known])
    return f"{_markdown(rows)}\n\n{below}", f"{_plain(rows)}\n\n{below}"


def _rows(endpoint: Endpoint, answering: str) -> list[tuple[str, ...]]:
    rows = []
    for model in Client(endpoint).get("/api/tags").get("models") or []:
        name = str(model.get("name", ""))
        if _only_embeds(model) or is_alias(name):
            continue
        details = model.get("details") or {}
        mark = _MARK if _full(name) == _full(answering) else ""
        rows.append(
            (
                name.removesuffix(":latest"),
                str(details.get("parameter_size") or ""),
                str(details.get("quantization_level") or ""),
                _size(int(model.get("size") or 0)),
                mark,
            )
        )
    # The one that answers first, the others by name.
    return sorted(rows, key=lambda row: (not row[-1], row[0]))


def _only_embeds(model: dict[str, Any]) -> bool:
    capabilities = model.get("capabilities") or ["completion"]
    return "completion" not in capabilities


def _full(name: str) -> str:
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _size(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(size / 1e6, 0.1):.1f} MB"


def _markdown(rows: list[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(_COLUMNS)} | |", "|---|---|---|---:|---|"]
    lines += [
        f"| `{name}` | {' | '.join(rest)} | {f'**{mark}**' if mark else ''} |"
        for name, *rest, mark in rows
    ]
    return "\n".join(lines)


def _plain(rows: list[tuple[str, ...]]) -> str:
    table = [(*_COLUMNS, ""), *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    )
