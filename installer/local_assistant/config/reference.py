"""The reference of all settings and presets in Markdown, made from the schema and the data.

Contract: ``docs/configuration.md`` and ``docs/presets.md`` hold exactly these texts between their
marker lines; a test compares them. After a change to the schema or ``presets.toml``, from the
checkout: ``python -m local_assistant.config.reference docs/configuration.md docs/presets.md``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from local_assistant.config import wording
from local_assistant.config.schema import PresetConfig, tables

if TYPE_CHECKING:
    from local_assistant.models.presets import ModelSpec, Preset

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


def own_preset() -> str:
    """Return the table of what a preset of the user's own holds."""
    rows = [
        f"| `{key}` | {'needed' if field.is_required() else 'may be left out'} "
        f"| {wording.expected(f'presets.NAME.{key}')} | {field.description} |"
        for key, field in PresetConfig.model_fields.items()
    ]
    return "\n".join(["| Setting | | Accepts | What it does |", "|---|---|---|---|", *rows])


def presets() -> str:
    """Return a table of the presets and one of their models."""
    from local_assistant.models.presets import MODELS, PRESETS

    lines = ["| Preset | For | Chat | Completion | Embedding | Download | Memory |"]
    lines.append("|---|---|---|---|---|---|---|")
    for preset in PRESETS.values():
        lines.append(_preset_row(preset.name, preset.summary, preset))
        if preset.on_gpu:
            lines.append(_preset_row("", "… all of it on a graphics card", preset.for_gpu()))
    lines += ["", "| Model | Good at | Licence | On disk | Memory, with 4096 / 16384 tokens |"]
    lines.append("|---|---|---|---|---|")
    embed = {preset.models["embedding"].name for preset in PRESETS.values()}
    for spec in MODELS.values():
        name = f"[`{spec.name}`]({spec.page})" if spec.page else f"`{spec.name}`"
        memory = _memory(spec, embeds=spec.name in embed and spec.page != "")
        size = _gigabytes(spec.size)
        lines.append(f"| {name} | {spec.good_at} | {spec.licence} | {size} | {memory} |")
    lines += ["", "| Model | The embedded engine gets it from | Looked up |", "|---|---|---|"]
    for spec in MODELS.values():
        source = f"`{spec.source}`" if spec.source else "comes with the assistant"
        lines.append(f"| `{spec.name}` | {source} | {spec.checked} |")
    return "\n".join(lines)


def _preset_row(name: str, summary: str, preset: Preset) -> str:
    from local_assistant.models.sizing import preset_bytes

    names = " | ".join(f"`{spec.name}`" for spec in preset.models.values())
    download = "none" if preset.name == "demo" else _gigabytes(preset.download)
    shown = f"`{name}`" if name else ""
    return f"| {shown} | {summary} | {names} | {download} | {_gigabytes(preset_bytes(preset))} |"


def _memory(spec: ModelSpec, *, embeds: bool) -> str:
    from local_assistant.models.sizing import model_bytes

    if embeds:
        return _gigabytes(model_bytes(spec, embeds=True))
    return " / ".join(_gigabytes(model_bytes(spec, tokens)) for tokens in (4096, 16384))


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 50_000_000 else f"{size / 1e6:.0f} MB"


def renewed(page: str) -> str:
    """Return ``page`` with the texts between its markers made anew."""
    made = {"settings": reference, "presets": presets, "own preset": own_preset}
    for name, make in made.items():
        begin, end = BEGIN.format(name), END.format(name)
        if begin not in page:
            continue
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = f"{before}{begin}\n\n{make()}\n\n{end}{after}"
    return page


if __name__ == "__main__":
    for name in sys.argv[1:]:
        page_path = Path(name)
        page_path.write_text(renewed(page_path.read_text(encoding="utf-8")), encoding="utf-8")
