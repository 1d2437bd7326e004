"""docs/configuration.md and docs/presets.md say what the schema and the data say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from local_assistant.config import keys, wording
from local_assistant.config.reference import renewed

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"
PRESETS_PAGE = PAGE.with_name("presets.md")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (PAGE, "| `port` | `11435` |"),
        (PRESETS_PAGE, "| `small` | quick answers"),
        (PRESETS_PAGE, "| `memory_gb` | may be left out |"),
    ],
)
def test_the_page_is_up_to_date(path: Path, line: str) -> None:
    page = path.read_text(encoding="utf-8")
    assert renewed(page) == page
    assert line in page


def test_every_setting_is_described() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name in keys():
        assert wording.description(name), name
        assert f"| `{name.partition('.')[2]}` |" in page


def test_importing_needs_no_more_than_promised() -> None:
    code = (
        "import sys; import local_assistant.config; local_assistant.config.load_config(); "
        "print([name for name in ('httpx', 'requests', 'platformdirs', 'asyncio', 'jinja2', 'rich',"
        " 'jupyter_core', 'huggingface_hub') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr
