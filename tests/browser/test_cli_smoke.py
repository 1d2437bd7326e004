"""``jupyter assistant smoke --browser``: its own JupyterLab, its own browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.cli.conftest import embedded, make_assistant


@pytest.mark.timeout(480)
def test_smoke_chats_and_types_in_a_real_jupyterlab(tmp_path: Path) -> None:
    assistant = make_assistant(tmp_path)
    embedded(assistant)
    try:
        assert assistant.run("install").code == 0
        # Where this environment's JupyterLab finds what was installed under another prefix.
        assistant.env["JUPYTER_CONFIG_PATH"] = str(assistant.prefix / "etc" / "jupyter")
        smoke = assistant.run("smoke", "--browser", "--json", timeout_s=300).json
        checks = {check["name"]: check for check in smoke["checks"]}
        assert checks["sidebar"]["ok"] is True, checks["sidebar"]
        assert "characters in" in checks["sidebar"]["detail"]
        assert checks["ghost_text"]["ok"] is True, checks["ghost_text"]
        assert "behind" in checks["ghost_text"]["detail"]
    finally:
        assistant.run("stop")
