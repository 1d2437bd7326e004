"""The reference of all settings and presets in Markdown, made from the schema and the data.

Contract: ``docs/configuration.md`` holds exactly these texts between its marker lines; a
test compares them. After a change to the schema or ``presets.toml``, from the checkout:
``python -m local_assistant.config.reference docs/configuration.md``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from local_assistant.config import wording
from local_assistant.config.schema import tables

BEGIN = "<!-- begin: {} made by local_assistant.config.reference -->"
END = "<!-- end: {} -->"


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


def presets() -> str:
    """Return a table of the presets and one of their models."""
    from local_assistant.models.presets import MODELS, PRESETS

    lines = ["| Preset | Memory from | Cores from | Download | Chat | Completion | Embedding |"]
    lines.append("|---|---|---|---|---|---|---|")
    for preset in PRESETS.values():
        names = " | ".join(f"`{spec.name}`" for spec in preset.models.values())
        download = "none" if preset.name == "demo" else f"{preset.download / 1e9:.1f} GB"
        size = f"{preset.memory_gb:g} GB | {preset.cores}"
        lines.append(f"| `{preset.name}` | {size} | {download} | {names} |")
    lines += ["", "| Model | Good at | Licence | The embedded engine gets it from |"]
    lines.append("|---|---|---|---|")
    for spec in MODELS.values():
        source = f"`{spec.source}`" if spec.source else "comes with the assistant"
        lines.append(f"| `{spec.name}` | {spec.good_at} | {spec.licence} | {source} |")
    return "\n".join(lines)


def renewed(page: str) -> str:
    """Return ``page`` with the texts between its markers made anew."""
    for name, text in (("settings", reference()), ("presets", presets())):
        begin, end = BEGIN.format(name), END.format(name)
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = f"{before}{begin}\n\n{text}\n\n{end}{after}"
    return page


if __name__ == "__main__":
    page_path = Path(sys.argv[1])
    page_path.write_text(renewed(page_path.read_text(encoding="utf-8")), encoding="utf-8")
