"""Shared-name files: merged key by key, undone key by key, the user's choices left alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from local_assistant.errors import AssistantError
from local_assistant.setup import dropins, ledger, merging
from local_assistant.setup import record as records
from local_assistant.setup.merging import SharedFile

KEY = "PersonaManager.default_persona_id"
OURS = {KEY: "ours"}
MCP = "ServerApp.jpserver_extensions.jupyter_server_mcp"


def persona_file(home: Path) -> SharedFile:
    return SharedFile(
        home / "prefix" / "etc" / "jupyter" / "jupyter_x_config.json",
        OURS,
        elsewhere=dropins.user_sets,
    )


def mcp_file(home: Path, package: str = "1.0@1") -> SharedFile:
    path = home / "prefix/etc/jupyter/jupyter_server_config.d/jupyter_server_mcp.json"
    return SharedFile(path, {MCP: False}, {MCP: True}, package)


def merge(file: SharedFile) -> tuple[list[str], bool]:
    return merging.merge(file, known(file))


def known(file: SharedFile) -> ledger.Ledger:
    return ledger.of_prefix(next(each.parent for each in file.path.parents if each.name == "etc"))


def noted(file: SharedFile) -> ledger.MergedFile:
    entry = known(file).get(file.path)
    assert entry is not None
    return entry


def undo(file: SharedFile) -> tuple[str, str] | None:
    entry = noted(file)
    undone = merging.unmerge(file.path, entry, dry_run=False)
    return (undone.action, undone.detail) if undone else None


def write(path: Path, data: Any) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = data if isinstance(data, bytes) else json.dumps(data, indent=2).encode()
    path.write_bytes(content)
    return content


def test_a_missing_file_is_made_and_removed(home: Path) -> None:
    file = persona_file(home)
    assert merge(file) == ([], True)
    assert json.loads(file.path.read_text()) == {"PersonaManager": {"default_persona_id": "ours"}}
    assert merge(file) == ([], False)
    assert undo(file) == ("removed", "install made it")
    assert not file.path.exists()


def test_an_existing_file_comes_back_byte_for_byte(home: Path) -> None:
    file = persona_file(home)
    before = write(file.path, b'{"Other": {"a":1},\r\n\t"PersonaManager":{}}\r\n')
    assert merge(file) == ([], True)
    merged = json.loads(file.path.read_text())
    assert merged == {"Other": {"a": 1}, "PersonaManager": {"default_persona_id": "ours"}}
    assert undo(file) == ("restored", "as it was")
    assert file.path.read_bytes() == before


def test_what_others_wrote_meanwhile_stays(home: Path) -> None:
    file = persona_file(home)
    write(file.path, {"Other": {"a": 1}})
    merge(file)
    data = json.loads(file.path.read_text())
    data["Other"]["b"] = 2
    write(file.path, data)
    assert merge(file) == ([], False)
    assert undo(file) == ("restored", "our keys taken out")
    assert json.loads(file.path.read_text()) == {"Other": {"a": 1, "b": 2}}


def test_a_value_changed_after_us_is_the_users(home: Path) -> None:
    file = persona_file(home)
    merge(file)
    write(file.path, {"PersonaManager": {"default_persona_id": "theirs"}})
    assert merge(file) == ([KEY], False)
    assert undo(file) is None
    assert json.loads(file.path.read_text())["PersonaManager"]["default_persona_id"] == "theirs"


def test_our_old_value_is_replaced_by_our_new_one(home: Path) -> None:
    file = persona_file(home)
    before = write(file.path, b"{}")
    merge(file)
    newer = SharedFile(file.path, {KEY: "newer"})
    assert merge(newer) == ([], True)
    assert "newer" in file.path.read_text()
    assert undo(newer) == ("restored", "as it was")
    assert file.path.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("jupyter_x_config.json", b'{"PersonaManager": {"default_persona_id": null}}'),
        ("jupyter_server_config.json", b'{"PersonaManager": {"default_persona_id": "x"}}'),
        ("jupyter_server_config.py", b"c.PersonaManager.default_persona_id = 'x'\n"),
    ],
)
def test_what_the_user_set_elsewhere_is_left_out(home: Path, name: str, content: bytes) -> None:
    write(home / "jupyter" / name, content)
    file = persona_file(home)
    assert merge(file) == ([KEY], False)
    assert not file.path.exists()


def test_the_environment_itself_in_jupyters_path_is_no_choice(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(home / "prefix" / "etc" / "jupyter"))
    for file in (persona_file(home), mcp_file(home)):
        assert merge(file) == ([], True)
        assert merge(file) == ([], False)


def test_a_commented_line_is_no_choice(home: Path) -> None:
    script = b"# c.PersonaManager.default_persona_id = 'x'\n"
    write(home / "jupyter" / "jupyter_server_config.py", script)
    assert merge(persona_file(home)) == ([], True)


def test_a_choice_made_later_takes_ours_out(home: Path) -> None:
    file = persona_file(home)
    write(file.path, {"Other": 1})
    merge(file)
    write(home / "jupyter" / "jupyter_config.json", {"PersonaManager": {"default_persona_id": "x"}})
    assert merge(file) == ([KEY], True)
    assert json.loads(file.path.read_text()) == {"Other": 1}


def test_a_shipped_value_is_nobodys_the_first_time_only(home: Path) -> None:
    file = mcp_file(home)
    shipped = write(file.path, {"ServerApp": {"jpserver_extensions": {"jupyter_server_mcp": True}}})
    assert merge(file) == ([], True)
    assert '"jupyter_server_mcp": false' in file.path.read_text()
    # `jupyter server extension enable` writes these very bytes.
    file.path.write_bytes(shipped)
    assert merge(file) == ([MCP], False)
    assert file.path.read_bytes() == shipped


def test_an_upgrade_that_puts_the_shipped_value_back_is_no_choice(home: Path) -> None:
    file = mcp_file(home)
    shipped = write(file.path, {"ServerApp": {"jpserver_extensions": {"jupyter_server_mcp": True}}})
    merge(file)
    file.path.write_bytes(shipped)
    upgraded = mcp_file(home, package="1.1@2")
    assert merge(upgraded) == ([], True)
    assert undo(upgraded) == ("restored", "as it was")
    assert file.path.read_bytes() == shipped


def test_the_shipped_value_comes_back_beside_what_others_wrote(home: Path) -> None:
    file = mcp_file(home)
    write(file.path, {"ServerApp": {"jpserver_extensions": {"jupyter_server_mcp": True}}})
    merge(file)
    write(
        file.path,
        {"ServerApp": {"jpserver_extensions": {"jupyter_server_mcp": False, "other": True}}},
    )
    assert undo(file) == ("restored", "our keys taken out")
    assert json.loads(file.path.read_text()) == {
        "ServerApp": {"jpserver_extensions": {"jupyter_server_mcp": True, "other": True}}
    }


@pytest.mark.parametrize("moment", ["before the write", "after the write"])
def test_ctrl_c_at_the_write(home: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    file = mcp_file(home)
    shipped = write(file.path, {"ServerApp": {"jpserver_extensions": {"jupyter_server_mcp": True}}})
    real = merging.write_atomically

    def interrupted(path: Path, content: bytes, mode: int) -> None:
        if moment == "after the write":
            real(path, content, mode)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(merging, "write_atomically", interrupted)
        with pytest.raises(KeyboardInterrupt):
            merge(file)
    assert merge(file) == ([], moment == "before the write")
    assert '"jupyter_server_mcp": false' in file.path.read_text()
    assert not noted(file).pending
    assert undo(file) == ("restored", "as it was")
    assert file.path.read_bytes() == shipped


@pytest.mark.parametrize("content", [b"{not json", b"[1, 2]"])
def test_a_file_that_is_no_json_object_is_left_alone(home: Path, content: bytes) -> None:
    file = persona_file(home)
    write(file.path, content)
    with pytest.raises(AssistantError, match="left as it is") as caught:
        merge(file)
    assert "run the same command again" in str(caught.value.fix)
    assert file.path.read_bytes() == content


def test_a_damaged_record_is_refused(home: Path) -> None:
    write(records.record_path(), b'{"version": 1}')
    with pytest.raises(AssistantError, match="cannot be read"):
        records.load()
    write(home / "prefix" / ledger.IN_PREFIX, b'{"version": 1}')
    with pytest.raises(AssistantError, match="cannot be read"):
        merge(persona_file(home))


def test_the_records_come_back_as_they_were(home: Path) -> None:
    entry = ledger.MergedFile(
        b"\xff\r\n", "d", {"a.b": 1}, {"a.b": [2]}, "1@2", pending=True, made="f"
    )
    record = records.Record(
        ["prefix"], {"file": records.Made("d", "f")}, "config", "digest", "made"
    )
    records.save(record)
    assert records.load() == record
    assert records.record_path().stat().st_mode & 0o777 == 0o600
    ledger.of_user().put(home / "file", entry)
    assert ledger.of_user().files() == [(home / "file", entry)]
    assert ledger.of_user().file.stat().st_mode & 0o777 == 0o600


def test_an_environment_keeps_its_record_by_any_of_its_names(home: Path) -> None:
    """Beside what it describes: it outlives the user's data, and a second user finds it."""
    file = persona_file(home)
    merge(file)
    assert (home / "prefix" / ledger.IN_PREFIX).is_file()
    (home / "link").symlink_to(home / "prefix")
    by_link = home / "link" / file.path.relative_to(home / "prefix")
    assert ledger.of_prefix(home / "link").get(by_link) == noted(file)
    known(file).forget(file.path)
    assert not (home / "prefix" / ledger.IN_PREFIX).exists()


def test_dry_run_writes_nothing(home: Path) -> None:
    file = persona_file(home)
    merge(file)
    before = file.path.read_bytes()
    undone = merging.unmerge(file.path, noted(file), dry_run=True)
    assert undone is not None
    assert undone.action == "removed"
    assert file.path.read_bytes() == before
