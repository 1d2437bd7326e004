"""A Modelfile: what it means, and what is wrong in which line."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_assistant import paths
from local_assistant.engine.store import modelfile
from local_assistant.engine.store.store import Store
from local_assistant.engine.wire.options import _FLOATS, _INTEGERS
from local_assistant.models.modelfiles.checking import PARAMETERS, Checked, check
from local_assistant.models.modelfiles.parsing import ModelfileError, decode, parse


def checked(text: str, folder: Path = Path("/no/folder")) -> Checked:
    return check(text, "Modelfile", folder)


def wrong(text: str, folder: Path = Path("/no/folder")) -> list[tuple[int | None, str]]:
    with pytest.raises(ModelfileError) as raised:
        checked(text, folder)
    return [(problem.line, problem.text) for problem in raised.value.problems]


def test_every_instruction_is_understood(tmp_path: Path) -> None:
    (tmp_path / "lora.gguf").write_bytes(b"GGUF")
    (tmp_path / "small.gguf").write_bytes(b"GGUF")
    found = checked(
        "# a comment\r\n"
        "\r\n"
        "from qwen2.5-coder:1.5b\r\n"
        "PARAMETER temperature 0.2\n"
        "  PARAMETER num_ctx 8192\n"
        "PARAMETER use_mmap F\n"
        'PARAMETER stop "<|im_end|>"\n'
        "PARAMETER stop  a b \n"
        'TEMPLATE """{{ .Prompt }}\n# no comment\n"quoted" """\n'
        'SYSTEM "one\ntwo"\n'
        "LICENSE MIT\nLICENSE Apache-2.0\n"
        "MESSAGE user hi: there\n"
        'MESSAGE assistant """hello"""\n'
        "ADAPTER ./lora.gguf\nDRAFT small.gguf\n"
        "RENDERER qwen3-coder\nPARSER qwen3-coder\nREQUIRES v0.14.0",
        tmp_path,
    )
    assert (found.base, found.base_line, found.template_line) == ("qwen2.5-coder:1.5b", 3, 9)
    assert found.fields == {
        "parameters": {
            "temperature": 0.2,
            "num_ctx": 8192,
            "use_mmap": False,
            "stop": ["<|im_end|>", "a b"],
        },
        "template": '{{ .Prompt }}\n# no comment\n"quoted" ',
        "system": "one\ntwo",
        "license": ["MIT", "Apache-2.0"],
        "messages": [
            {"role": "user", "content": "hi: there"},
            {"role": "assistant", "content": "hello"},
        ],
        "renderer": "qwen3-coder",
        "parser": "qwen3-coder",
        "requires": "0.14.0",
    }
    assert [each.path.name for each in found.adapters] == ["lora.gguf"]
    assert [each.path.name for each in found.drafts] == ["small.gguf"]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("FORM x", 1, '"FORM" is not an instruction; did you mean FROM?'),
        ("FROM x\n\nTEMPLATE: {{ .Prompt }}", 3, '"TEMPLATE:" is not an instruction'),
        ("FROM x\n???", 2, "there are FROM, PARAMETER"),
        ("FROM", 1, "FROM has no value; for example: FROM qwen2.5-coder:1.5b"),
        ("FROM x\nSYSTEM", 2, "SYSTEM has no value"),
        ("FROM x\nPARAMETER", 2, "PARAMETER wants a name"),
        ("FROM x\nPARAMETER top-k 3", 2, 'PARAMETER wants a name; found "top-k"'),
        ("FROM x\nPARAMETER top_k", 2, "PARAMETER top_k has no value"),
        ("FROM x\nPARAMETER temprature 1", 2, "did you mean temperature?"),
        ("FROM x\nPARAMETER zzz 1", 2, "there are draft_num_predict, frequency_penalty"),
        ("FROM x\nPARAMETER num_ctx 8k", 2, 'num_ctx is "8k"; expected a whole number, such as'),
        ("FROM x\nPARAMETER top_k 1.5", 2, 'top_k is "1.5"; expected a whole number'),
        ("FROM x\nPARAMETER temperature warm", 2, "expected a number, such as 0.2"),
        ("FROM x\nPARAMETER temperature nan", 2, "expected a number, such as 0.2"),
        ("FROM x\nPARAMETER use_mmap yes", 2, "expected true or false"),
        ("FROM x\nMESSAGE", 2, "MESSAGE wants a role"),
        ("FROM x\nMESSAGE usr hi", 2, '"usr" is not a role; did you mean user?'),
        ("FROM x\nMESSAGE user", 2, "MESSAGE user has no value"),
        ('FROM x\nSYSTEM """one\ntwo\nPARAMETER top_k 3', 2, 'begins here with """ has no end'),
        ('FROM x\nSYSTEM "one\ntwo', 2, 'begins here with " has no end; close it with "'),
        ("FROM x\nREQUIRES soon", 2, "expected a version, such as 0.14.0"),
        ("FROM x\nADAPTER ./no.gguf", 2, "there is no file /no/folder/no.gguf"),
        ("FROM ./no.gguf", 1, "there is no file /no/folder/no.gguf"),
        ("FROM no.gguf", 1, "there is no file /no/folder/no.gguf"),
        ("FROM two words", 1, '"two words" is neither a model name'),
        ("FROM x # mine", 1, "a comment wants a line of its own"),
        ("FROM assistant-chat", 1, "a name that the assistant itself gives"),
        ("FROM x:1b-assistant", 1, "its variant of x:1b"),
        ("PARAMETER top_k 3", None, "there is no FROM line"),
        ("", None, "there is no FROM line"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int | None, said: str) -> None:
    (found,) = wrong(text)
    assert found[0] == line
    assert said in found[1]


def test_all_mistakes_are_told_at_once_in_order() -> None:
    with pytest.raises(ModelfileError) as raised:
        checked('PARAMETER top_k x\nFORM y\nFROM ./no.gguf\nSYSTEM """')
    lines = raised.value.message.splitlines()
    assert [line.split(":")[1] for line in lines] == ["1", "2", "3", "4"]
    assert all(line.startswith("Modelfile:") for line in lines)
    assert "Correct Modelfile" in (raised.value.fix or "")


def test_files(tmp_path: Path) -> None:
    for name in ("my.gguf", "folder/b.gguf", "folder/a.gguf", "raw/model.safetensors"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"GGUF")
    (tmp_path / "empty").mkdir()
    assert [each.path.name for each in checked("FROM ./my.gguf", tmp_path).files] == ["my.gguf"]
    both = checked("FROM folder", tmp_path).files
    assert [(each.path.name, each.line) for each in both] == [("a.gguf", 1), ("b.gguf", 1)]
    assert "ollama create" in wrong("FROM ./raw", tmp_path)[0][1]
    assert "has no .gguf file" in wrong("FROM ./empty", tmp_path)[0][1]
    assert "did you mean my.gguf?" in wrong("FROM ./mi.gguf", tmp_path)[0][1]
    assert "wants one .gguf file" in wrong("FROM x\nADAPTER folder", tmp_path)[0][1]
    # A name with the ending of a file is a name where it is one of Hugging Face.
    assert checked("FROM hf.co/user/my.gguf", tmp_path).base.startswith("hf.co/")


def test_what_has_no_effect_any_more_is_no_mistake() -> None:
    found = checked("FROM x\nPARAMETER mirostat 1")
    assert found.notices == ["Modelfile:2: PARAMETER mirostat has no effect any more"]
    assert "parameters" not in found.fields


def test_texts_and_what_is_none() -> None:
    assert decode("\ufeffFROM x".encode(), "m") == "FROM x"
    assert decode("FROM ü".encode("utf-16"), "m") == "FROM ü"
    for raw in (b"FROM x\n\xff\xfe", b"FROM x\nSYSTEM \0"):
        with pytest.raises(ModelfileError) as raised:
            decode(raw, "m")
        assert raised.value.problems[0].line == 2


def test_the_engine_knows_the_same_parameters() -> None:
    assert set(PARAMETERS) == {*_INTEGERS, *_FLOATS, "stop", "use_mmap"}


def test_what_the_engine_writes_is_read_back(home: Path) -> None:
    store = Store(home / "store", others=())
    store.add_gguf("mine", paths.demo_gguf())
    model = store.find("mine")
    assert model is not None
    params = {"temperature": 0.5, "stop": ["<a>", "b c"], "num_ctx": 512}
    text = modelfile.text(model, system='He said "no".\nTwice.', params=params)
    assert parse(text)[1] == []
    found = checked(text)
    assert found.fields["parameters"] == params
    assert found.fields["system"] == 'He said "no".\nTwice.'
    assert [each.path for each in found.files] == [model.gguf]
