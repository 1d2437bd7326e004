"""Models made through the API: from files, from models, with layers of their own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import ollama
import pytest

from tests.integration.engine import tiny_gguf

DEMO = "assistant-demo"


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def upload(http: httpx.Client, file: Path) -> str:
    data = file.read_bytes()
    digest = digest_of(data)
    assert http.post(f"/api/blobs/{digest}", content=data).status_code in (200, 201)
    return digest


def lines(reply: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in reply.text.splitlines()]


def show(http: httpx.Client, name: str) -> dict[str, Any]:
    return http.post("/api/show", json={"model": name}).raise_for_status().json()


@pytest.fixture
def made(engine_http: httpx.Client) -> Iterator[str]:
    """A name for a model; what is made under it is removed afterwards."""
    yield "made/here:now"
    engine_http.request("DELETE", "/api/delete", json={"model": "made/here:now"})


@pytest.fixture(scope="module")
def other_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that no other test stores."""
    return tiny_gguf.write(tmp_path_factory.mktemp("gguf") / "other.gguf", seed=7)


@pytest.fixture
def uploaded(engine_http: httpx.Client, other_file: Path) -> str:
    return upload(engine_http, other_file)


def test_a_model_of_a_file(
    engine_client: ollama.Client, engine_http: httpx.Client, other_file: Path, made: str
) -> None:
    digest = engine_client.create_blob(other_file)
    steps = engine_client.create(made, files={"other.gguf": digest}, stream=True)
    assert [step.status for step in steps] == [
        "parsing GGUF",
        f"using existing layer {digest}",
        "writing manifest",
        "success",
    ]
    answer = show(engine_http, made)
    assert answer["details"]["parent_model"] == ""
    assert f"blobs/{digest.replace(':', '-')}" in answer["modelfile"].replace("\\", "/")
    reply = engine_client.generate(made, "x", options={"num_predict": 3, "temperature": 0})
    assert reply.eval_count == 3


def test_create_without_a_stream_is_one_object(
    engine_http: httpx.Client, uploaded: str, made: str
) -> None:
    body = {"model": made, "files": {"a.gguf": uploaded}, "stream": False}
    reply = engine_http.post("/api/create", json=body)
    assert (reply.status_code, reply.json()) == (200, {"status": "success"})


def test_a_model_of_a_model_has_its_layers_and_its_own(
    engine_http: httpx.Client, engine_client: ollama.Client, made: str
) -> None:
    engine_client.create(
        made,
        from_=DEMO,
        template="{{ .Prompt }} T",
        system="Be <b>rief.",
        license=["L1", "L2"],
        parameters={"temperature": 0.5, "stop": ["a", 'b"<'], "num_ctx": 512},
        messages=[{"role": "USER", "content": "hi"}, {"role": "assistant", "content": "yo"}],
    )
    answer = show(engine_http, made)
    assert answer["license"] == "L1\nL2"
    assert answer["system"] == "Be <b>rief."
    assert answer["template"].endswith("{{ .Prompt }} T")
    assert answer["details"]["parent_model"] == "assistant-demo:latest"
    assert answer["messages"] == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "yo"},
    ]
    assert answer["parameters"].splitlines() == [
        f"{'num_ctx':<30} 512",
        f'{"stop":<30} "a"',
        f'{"stop":<30} "b\\"<"',
        f"{'temperature':<30} 0.5",
    ]


def test_what_is_given_replaces_and_the_rest_stays(engine_http: httpx.Client, made: str) -> None:
    def create(**fields: Any) -> list[dict[str, Any]]:
        reply = engine_http.post("/api/create", json={"model": made, **fields})
        return lines(reply)

    create(**{"from": DEMO, "system": "S", "license": "L1", "parameters": {"a": 1, "b": 2}},
           renderer="r", messages=[{"role": "user", "content": "m"}])  # fmt: skip
    steps = create(**{"from": made, "system": "", "license": "L2", "parameters": {"b": 3}})
    assert steps[-1] == {"status": "success"}
    answer = show(engine_http, made)
    assert (answer["system"], answer["license"]) == ("S", "L1\nL2")
    assert [line.split() for line in answer["parameters"].splitlines()] == [["a", "1"], ["b", "3"]]
    assert "\nRENDERER r\n" in answer["modelfile"]
    assert answer["messages"] == [{"role": "user", "content": "m"}]
    create(**{"from": made, "system": "other", "messages": [{"role": "user", "content": "n"}]})
    answer = show(engine_http, made)
    assert (answer["system"], answer["messages"][0]["content"]) == ("other", "n")


def test_layers_have_the_digests_that_ollama_gives_them(
    engine_http: httpx.Client, made: str
) -> None:
    """The digests were read off a real Ollama 0.33.0 that was given the same request."""
    call = {"function": {"name": "f", "arguments": {"a": 1}}}
    reply = engine_http.post(
        "/api/create",
        json={
            "model": made,
            "from": DEMO,
            "template": "{{ .Prompt }} T",
            "system": "S <b>",
            "parameters": {"stop": ["<|im_start|>", "<|im_end|>"]},
            "messages": [
                {"role": "USER", "content": "hi"},
                {"role": "assistant", "content": "yo\nyo", "tool_calls": [call]},
            ],
        },
    )
    told = {step["status"].rpartition("sha256:")[2][:12] for step in lines(reply)}
    assert {"bd3b54383281", "0f9aeeeee1a2", "f02dd72bb242", "d0afe14507ee"} <= told


def test_a_lora_adapter_changes_the_words(
    engine_http: httpx.Client,
    engine_client: ollama.Client,
    uploaded: str,
    tmp_path: Path,
    made: str,
) -> None:
    lora = upload(engine_http, tiny_gguf.write_adapter(tmp_path / "lora.gguf"))
    plain = f"{made}-plain"
    engine_client.create(plain, files={"a.gguf": uploaded})
    engine_client.create(made, from_=plain, adapters={"lora.gguf": lora})
    modelfile = show(engine_http, made)["modelfile"]
    (adapter,) = [line for line in modelfile.splitlines() if line.startswith("ADAPTER ")]
    assert adapter.endswith(f"sha256-{lora.removeprefix('sha256:')}")
    options = {"num_predict": 12, "temperature": 0}
    words = {
        name: engine_client.generate(name, "hello", raw=True, options=options).response
        for name in (plain, made, plain)
    }
    assert len(words[plain]) == len(words[made]) == 12
    assert words[plain] != words[made]
    engine_client.delete(plain)


def test_a_model_in_several_files_becomes_one(
    engine_http: httpx.Client,
    engine_client: ollama.Client,
    uploaded: str,
    tmp_path: Path,
    made: str,
) -> None:
    tiny_gguf.write(tmp_path / "part.gguf", seed=7, split=8)
    parts = {file.name: upload(engine_http, file) for file in sorted(tmp_path.glob("part-*"))}
    assert len(parts) == 3
    engine_client.create(made, files=parts)
    merged = show(engine_http, made)
    engine_client.create(f"{made}-whole", files={"a.gguf": uploaded})
    whole = show(engine_http, f"{made}-whole")
    assert merged["model_info"] == whole["model_info"]
    assert sorted(map(str, merged["tensors"])) == sorted(map(str, whole["tensors"]))
    options = {"num_predict": 12, "temperature": 0}
    one, two = (
        engine_client.generate(name, "hello", raw=True, options=options).response
        for name in (made, f"{made}-whole")
    )
    assert one == two
    engine_client.delete(f"{made}-whole")


def test_parts_that_do_not_fit_are_refused(
    engine_http: httpx.Client, tmp_path: Path, made: str
) -> None:
    tiny_gguf.write(tmp_path / "part.gguf", seed=8, split=12)
    first, second = (upload(engine_http, file) for file in sorted(tmp_path.glob("part-*")))
    for files, text in (
        ({"p-00001-of-00002.gguf": first}, "has 1 shards, expected 2"),
        ({"p.gguf": first}, "must use llama.cpp split filename pattern"),
        ({"p-00001-of-00003.gguf": first}, "filename count 3 does not match metadata count 2"),
        ({"p-00001-of-00002.gguf": second}, "filename index 0 does not match metadata index 1"),
    ):
        reply = engine_http.post(
            "/api/create", json={"model": made, "files": files, "stream": False}
        )
        assert reply.status_code == 400
        assert text in reply.json()["error"]


D0, D1 = f"sha256:{'0' * 64}", f"sha256:{'1' * 64}"
REFUSED = [
    ({}, 400, "invalid model name"),
    ({"model": "a:"}, 400, "invalid model name"),
    ({"model": " x", "from": DEMO}, 400, "invalid model name"),
    ({"model": "x"}, 400, "neither 'from' or 'files' was specified"),
    ({"model": "x", "modelfile": "FROM y"}, 400, "neither 'from' or 'files' was specified"),
    ({"model": "x", "files": {"/a": D0}}, 400, "file path must be relative"),
    ({"model": "x", "files": {"../a": D0}}, 400, "file path must be relative"),
    ({"model": "x", "files": {"a": ""}}, 400, "invalid digest format"),
    ({"model": "x", "files": {}}, 400, "unknown type"),
    ({"model": "x", "files": {"a": "sha256:0"}}, 400, "unknown type"),
    ({"model": "x", "files": {"a": D1}}, 400, "unknown type"),
    ({"model": "x", "files": {"a.gguf": "sha256:0"}}, 400, "invalid digest format"),
    ({"model": "x", "files": {"a.gguf": D1}}, 400,
     f'blob "{D1}" not found: upload it first (/api/blobs)'),
    ({"model": "x", "files": {"a.safetensors": D1}}, 400,
     "the embedded engine does not convert safetensors: create the model from a GGUF file"),
    ({"model": "x", "from": "a:"}, 400, "invalid model name"),
    ({"model": "x", "from": "a:cloud"}, 400,
     "the embedded engine does not support remote models"),
    ({"model": "x", "from": DEMO, "template": "{{ .Prompt"}, 400,
     "template error: template: :1: unclosed action"),
    ({"model": "x", "from": DEMO, "quantize": "q4_k_m"}, 500,
     "quantization is only supported for F16, BF16 and F32 models"),
    ({"model": "x", "from": DEMO, "quantize": "foo"}, 500,
     "unsupported quantization type FOO - supported types are F32, F16, Q4_K_S, Q4_K_M, Q8_0"),
    ({"model": "x", "from": DEMO, "adapters": {"a": ""}}, 400, "invalid digest format"),
    ({"model": "x", "from": DEMO, "adapters": {}}, 400, "unknown type"),
    ({"model": "x", "from": DEMO, "adapters": {"a.gguf": D0, "b.gguf": D0}}, 400,
     "only one adapter is currently supported"),
    ({"model": "x", "from": DEMO, "license": 5}, 500,
     "json: cannot unmarshal number into Go value of type []string"),
    ({"model": "x", "from": DEMO, "files": 7}, 400, "json: cannot unmarshal number into Go "
     "struct field CreateRequest.files of type map[string]string"),
    ({"model": "x", "from": DEMO, "files": {"a": 5}}, 400, "json: cannot unmarshal number into "
     "Go struct field CreateRequest.files of type string"),
    ({"model": "x", "from": DEMO, "messages": [{"role": 5}]}, 400, "json: cannot unmarshal "
     "number into Go struct field CreateRequest.messages.role of type string"),
    ({"model": "x", "from": DEMO, "parameters": {"a": [10**350]}}, 400, "json: cannot unmarshal "
     f"number {10**350} into Go struct field CreateRequest.parameters of type float64"),
    ({"model": "x", "from": DEMO, "draft_files": {"a": D0}}, 400,
     "the embedded engine does not support draft models"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status", "text"), REFUSED)
def test_refusals(engine_http: httpx.Client, body: dict[str, Any], status: int, text: str) -> None:
    reply = engine_http.post("/api/create", json={"stream": False, **body})
    assert (reply.status_code, reply.json()) == (status, {"error": text})


def test_a_file_that_is_no_gguf(engine_http: httpx.Client, tmp_path: Path, made: str) -> None:
    (tmp_path / "no").write_bytes(b"not a model")
    (tmp_path / "cut").write_bytes(b"GGUF\x03\x00")
    for name, text in (("no", "supplied file was not in GGUF format"), ("cut", "cannot be loaded")):
        digest = upload(engine_http, tmp_path / name)
        reply = engine_http.post("/api/create", json={"model": made, "files": {"a.gguf": digest}})
        assert lines(reply)[0] == {"status": "parsing GGUF"}
        assert text in lines(reply)[-1]["error"]
    assert engine_http.post("/api/show", json={"model": made}).status_code == 404


def test_a_full_precision_model_is_not_quantized_here(
    engine_http: httpx.Client, tmp_path: Path, made: str
) -> None:
    digest = upload(engine_http, tiny_gguf.write(tmp_path / "f32.gguf", seed=9))
    body = {"model": made, "files": {"a.gguf": digest}, "stream": False}
    reply = engine_http.post("/api/create", json={**body, "quantize": "q8_0"})
    assert reply.status_code == 400
    assert "cannot quantize F32 to Q8_0" in reply.json()["error"]
    assert engine_http.post("/api/create", json={**body, "quantize": "f32"}).status_code == 200


def test_a_file_that_is_no_adapter(engine_http: httpx.Client, uploaded: str, made: str) -> None:
    body = {"model": made, "from": DEMO, "adapters": {"a.gguf": uploaded}, "stream": False}
    reply = engine_http.post("/api/create", json=body)
    assert reply.status_code == 400
    assert "is not a LoRA adapter" in reply.json()["error"]
