"""What is said of a GGUF file before anything is done with it, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import gguf
import numpy as np
import pytest

from local_assistant import paths
from local_assistant.errors import AssistantError
from local_assistant.server.gguf_look import look
from tests.integration.engine import tiny_gguf


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return tiny_gguf.write(tmp_path / "tiny.gguf")


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    tiny_gguf.write(tmp_path / "split.gguf", split=6)
    return sorted(tmp_path.glob("split-*.gguf"))


def test_a_line_about_a_model(tiny: Path) -> None:
    model = look(tiny, engine=True)
    assert model.files == (tiny,)
    assert model.about == (
        "llama, 115.78K parameters; F32; 469 kB; context of 16384 tokens; fills in the middle; "
        "has a chat template"
    )
    assert "no fill-in-the-middle" in look(tiny_gguf.write(tiny, fim=False), engine=True).about


def test_all_parts_of_a_split_model(parts: list[Path], tiny: Path) -> None:
    assert len(parts) > 2
    model = look(parts[1], engine=True)
    assert list(model.files) == parts
    assert model.parameters == look(tiny, engine=True).parameters
    assert model.about.endswith(f"{len(parts)} files")
    parts[2].unlink()
    with pytest.raises(AssistantError, match=f"beside it is no {parts[2].name}"):
        look(parts[0], engine=True)


def test_a_file_that_is_cut_short(tiny: Path) -> None:
    whole = tiny.read_bytes()
    for size, words in ((len(whole) - 40, "cut short"), (len(whole) // 50, "cut short"), (9, "no")):
        tiny.write_bytes(whole[:size])
        with pytest.raises(AssistantError, match=words) as caught:
            look(tiny, engine=False)
        assert caught.value.fix


def test_what_is_no_gguf(tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    with pytest.raises(AssistantError, match="There is no file"):
        look(file, engine=True)
    file.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(AssistantError, match="is not a GGUF file"):
        look(file, engine=True)
    with pytest.raises(AssistantError, match="cannot be read"):
        look(tmp_path, engine=True)


def test_what_goes_with_a_model_only(tmp_path: Path) -> None:
    adapter = tiny_gguf.write_adapter(tmp_path / "a.gguf")
    with pytest.raises(AssistantError, match="is a LoRA adapter") as caught:
        look(adapter, engine=False)
    assert "create" in (caught.value.fix or "")
    eyes = gguf.GGUFWriter(tmp_path / "mmproj.gguf", "clip")
    eyes.add_tensor("v.weight", np.ones(32, dtype=np.float32))
    eyes.write_header_to_file()
    eyes.write_kv_data_to_file()
    eyes.write_tensors_to_file()
    eyes.close()
    with pytest.raises(AssistantError, match="is an image projector"):
        look(tmp_path / "mmproj.gguf", engine=False)


def test_an_architecture_that_the_engine_does_not_know(tmp_path: Path) -> None:
    file = tmp_path / "new.gguf"
    shutil.copy(paths.demo_gguf(), file)
    assert look(file, engine=True)
    file.write_bytes(file.read_bytes().replace(b"llama", b"zorgl"))
    with pytest.raises(AssistantError, match='of the architecture "zorgl"'):
        look(file, engine=True)
    assert look(file, engine=False)  # Ollama has its own
