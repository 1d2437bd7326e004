"""The reference of all settings in Markdown, made from the schema.

Contract: ``docs/configuration.md`` holds exactly this text between its two marker lines;
a test compares them. After a change to the schema, from the checkout:
``python -m local_assistant.config.reference docs/configuration.md``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from local_assistant.config import wording
from local_assistant.config.schema import tables

BEGIN = "<!-- begin: made by local_assistant.config.reference -->"
END = "<!-- end -->"


def reference() -> str:
    """Return one section with a table for every table of the file."""
    sections = []
    for name, model in tables().items():
        rows = [
            f"| `{key}` | {_default(f'{name}.{key}')} | {wording.expected(f'{name}.{key}')} "
            f"| {wording.description(f'{name}.{key}')} |"
            for key in model.model_fields
        ]
        title = (model.__doc__ or "").strip()
        head = ["| Setting | Default | Accepts | What it does |", "|---|---|---|---|"]
        sections.append("\n".join([f"### `[{name}]`", "", title, "", *head, *rows]))
    return "\n\n".join(sections)


def _default(dotted: str) -> str:
    value = wording.default(dotted)
    return "unset" if value is None else f"`{wording.found(value, shorten=False)}`"


def renewed(page: str) -> str:
    """Return ``page`` with the text between its markers made anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{reference()}\n\n{END}{after}"


if __name__ == "__main__":
    page_path = Path(sys.argv[1])
    page_path.write_text(renewed(page_path.read_text(encoding="utf-8")), encoding="utf-8")
