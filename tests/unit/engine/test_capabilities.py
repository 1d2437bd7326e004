"""What models are said to be capable of, and the template that is shown for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from local_assistant.engine.gguf.header import Header
from local_assistant.engine.store import modelfile, names
from local_assistant.engine.store.capabilities import capabilities, shown_template
from local_assistant.engine.store.stored import StoredModel

PLAIN = "{{ .Prompt }}"
FIM = "{{ if .Suffix }}<P>{{ .Prompt }}<S>{{ .Suffix }}<M>{{ else }}{{ .Prompt }}{{ end }}"
GO_TOOLS = "{{ range .Messages }}{{ .Content }}{{ end }}{{ if .Tools }}{{ .Tools }}{{ end }}"
GO_ROUND_TRIP = (
    "{{ range .Messages }}{{ .Content }}{{ if .ToolCalls }}{{ .ToolCalls }}{{ end }}"
    '{{ if eq .Role "tool" }}{{ .Content }}{{ end }}{{ end }}{{ .Tools }}'
)
GO_THINKS = (
    "{{ range .Messages }}{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}"
    "{{ .Content }}{{ end }}"
)
CHATML = "{% for message in messages %}{{ message.content }}{% endfor %}"
TOOLS = CHATML + "{{ tools }}"
ROUND_TRIP = TOOLS + "{{ message.tool_calls }}{{ tool_response }}"
THINKS = CHATML + "<think></think>"


def header(template: str = "", *, fim: bool = False, pooling: bool = False) -> Header:
    metadata: dict[str, Any] = {"general.architecture": "llama"}
    if template:
        metadata["tokenizer.chat_template"] = template
    if pooling:
        metadata["llama.pooling_type"] = 1
    ids = {"pre": 1, "suf": 2, "mid": 3} if fim else {}
    return Header(Path("x"), 100, metadata, 1, fim=ids)


def model(template: str = "", **config: Any) -> StoredModel:
    return StoredModel(names.parse("m"), Path("x"), "d", 1, 0.0, template=template, config=config)


@pytest.mark.parametrize(
    ("go", "own", "found"),
    [
        ("", "", {"completion"}),
        ("", CHATML, {"completion"}),
        ("", TOOLS, {"completion", "tools"}),
        ("", THINKS, {"completion", "thinking"}),
        ("", CHATML + "content.split('</think>')", {"completion", "thinking"}),
        ("", CHATML + "content.split('</think>') reasoning_content", {"completion"}),
        (PLAIN, "", {"completion"}),
        (FIM, "", {"completion", "insert"}),
        (FIM, CHATML, {"completion", "insert"}),
        (GO_TOOLS, "", {"completion", "tools"}),
        (GO_TOOLS, CHATML, {"completion", "tools"}),
        (GO_ROUND_TRIP, THINKS, {"completion", "tools"}),
        (GO_THINKS, ROUND_TRIP + "<think></think>", {"completion", "tools", "thinking"}),
        (GO_THINKS, "", {"completion", "thinking"}),
        ("{{ if }", "", {"completion"}),
    ],
)
def test_templates_tell_what_a_model_can_do(go: str, own: str, found: set[str]) -> None:
    assert set(capabilities(model(go), header(own))) == found


def test_fim_tokens_are_enough_to_insert() -> None:
    assert capabilities(model(), header(fim=True)) == ["completion", "insert"]


def test_a_model_for_embeddings_does_nothing_else() -> None:
    assert capabilities(model(), header(pooling=True, fim=True)) == ["embedding"]


def test_what_the_configuration_says_is_kept_but_for_images() -> None:
    found = capabilities(model(capabilities=["vision", "tools"]), header())
    assert found == ["tools", "completion"]
    assert "thinking" in capabilities(model(model_family="gptoss"), header())


@pytest.mark.parametrize(
    ("go", "own", "shown"),
    [
        ("", "", ""),
        ("", CHATML, CHATML),
        (PLAIN, CHATML, CHATML),  # what `ollama show --modelfile` writes where there is none
        (PLAIN + "!", CHATML, PLAIN + "!"),
        (PLAIN, TOOLS, TOOLS),
        (GO_TOOLS, TOOLS, GO_TOOLS),
        (GO_TOOLS, ROUND_TRIP, ROUND_TRIP),
        (GO_ROUND_TRIP, ROUND_TRIP, GO_ROUND_TRIP),
        (GO_ROUND_TRIP, TOOLS + "<think></think>", GO_ROUND_TRIP),
        (FIM, THINKS, FIM),
    ],
)
def test_the_template_that_can_do_more_is_shown(go: str, own: str, shown: str) -> None:
    assert shown_template(model(go), header(own)) == shown


def test_where_ollama_has_code_of_its_own_the_ggufs_template_is_shown() -> None:
    assert shown_template(model(GO_TOOLS, renderer="qwen3"), header(CHATML)) == CHATML
    harmony = "<|start|>{{ .Prompt }}<|end|>"
    assert shown_template(model(harmony, model_family="gptoss"), header(CHATML)) == CHATML
    assert shown_template(model(harmony), header(CHATML)) == harmony


def test_a_modelfile_is_written_as_ollama_writes_it() -> None:
    made = StoredModel(
        names.parse("user/m:t"),
        Path("/b/sha256-1"),
        "d",
        1,
        0.0,
        params={"stop": ["a", 'b"<', " c"], "num_ctx": 4096, "use_mmap": True, "seed": 1e20},
        messages=(
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": 'yo "x"\nyo'},
        ),
        template="a\n{{ .Prompt }}",
        license=("L1", "L2\n"),
        adapters=(Path("/b/sha256-2"),),
        projectors=(Path("/b/sha256-3"),),
        config={"renderer": "r", "parser": "p"},
    )
    assert modelfile.text(made, system="Be brief.", params=made.params) == (
        '# Modelfile generated by "ollama show"\n'
        "# To build a new Modelfile based on this, replace FROM with:\n"
        "# FROM user/m:t\n\n"
        "FROM /b/sha256-1\nADAPTER /b/sha256-2\nFROM /b/sha256-3\n"
        'TEMPLATE "a\n{{ .Prompt }}"\nSYSTEM Be brief.\nRENDERER r\nPARSER p\n'
        "PARAMETER num_ctx 4096\nPARAMETER seed 1e+20\n"
        'PARAMETER stop a\nPARAMETER stop b"<\nPARAMETER stop " c"\nPARAMETER use_mmap true\n'
        'LICENSE L1\nLICENSE "L2\n"\n'
        'MESSAGE user hi\nMESSAGE assistant """yo "x"\nyo"""\n'
    )
    assert modelfile.parameters(made.params).splitlines() == [
        f"{'num_ctx':<30} 4096",
        f"{'seed':<30} 1e+20",
        f'{"stop":<30} "a"',
        f'{"stop":<30} "b\\"<"',
        f'{"stop":<30} " c"',
        f"{'use_mmap':<30} true",
    ]
