"""``/api/create``, ``copy``, ``delete``, ``blobs``, ``pull``, ``push``."""

from __future__ import annotations

from typing import Any

from tests.differential.case import (
    BLOB,
    DASHED,
    DEMO,
    FRESH,
    FRESH_DATA,
    GO,
    GREEDY,
    SCRATCH,
    Case,
    Step,
    get,
    post,
    raw,
    request,
    several,
)

_NONE = "sha256:" + "0" * 64
_DELETE = Step("DELETE", "/api/delete", {"model": SCRATCH})
_SHOW = Step("POST", "/api/show", {"model": SCRATCH})


def _create(name: str, *more: Step, **fields: Any) -> Case:
    """Create the scratch model, look at it, take it away."""
    body = {"model": SCRATCH, **fields}
    return several(f"create/{name}", [Step("POST", "/api/create", body), *more, _SHOW, _DELETE])


def _pull(name: str, **fields: Any) -> Case:
    return post(f"pull/{name}", "/api/pull", fields)


_ASK = Step(
    "POST",
    "/api/generate",
    {"model": SCRATCH, "prompt": "hello", "stream": False, "options": GREEDY},
)
_FILES = {"demo.gguf": BLOB}

STORE: list[Case] = [
    _create("files", _ASK, files=_FILES),
    _create("files-plain", files=_FILES, stream=False),
    _create("from", _ASK, **{"from": DEMO}),
    _create("from-tag", **{"from": f"{DEMO}:latest"}),
    _create("from-go", _ASK, **{"from": GO}),
    _create("from-go-changed", _ASK, **{"from": GO}, system="Other.", parameters={"top_k": 3}),
    _create("from-unknown", **{"from": "127.0.0.1:9/library/no-such-model"}),
    _create("from-bad", **{"from": "a b"}),
    _create("system", _ASK, **{"from": DEMO}, system="You are terse."),
    _create("template", _ASK, **{"from": DEMO}, template="{{ .System }} {{ .Prompt }}"),
    _create("template-bad", **{"from": DEMO}, template="{{ .Prompt"),
    _create("template-field", **{"from": DEMO}, template="{{ .Nothing }}"),
    _create(
        "parameters",
        **{"from": DEMO},
        parameters={"temperature": 0.1, "stop": ["a", "b"], "num_ctx": 128},
    ),
    _create("parameters-unknown", **{"from": DEMO}, parameters={"nothing": 1}),
    _create("parameters-wrong", _ASK, **{"from": DEMO}, parameters={"num_ctx": "many"}),
    _create("parameters-list", **{"from": DEMO}, parameters=[]),
    _create("license", **{"from": DEMO}, license="Mine"),
    _create("license-list", **{"from": DEMO}, license=["Mine", "Yours"]),
    _create("license-number", **{"from": DEMO}, license=1),
    _create("messages", _ASK, **{"from": DEMO}, messages=[{"role": "user", "content": "hi"}]),
    _create("messages-role", **{"from": DEMO}, messages=[{"role": "robot", "content": "hi"}]),
    _create("nothing"),
    _create("modelfile", modelfile=f"FROM {DEMO}"),
    _create("files-empty", files={}),
    _create("files-digest-unknown", files={"a.gguf": _NONE}),
    _create("files-digest-empty", files={"a.gguf": ""}),
    _create("files-digest-bad", files={"a.gguf": "sha256:zz"}),
    _create("files-absolute", files={"/a.gguf": BLOB}),
    _create("files-parent", files={"../a.gguf": BLOB}),
    _create("files-not-gguf", files={"a.txt": BLOB}),
    _create("files-list", files=[BLOB]),
    _create("quantize-unknown", files=_FILES, quantize="Q9"),
    _create("quantize-again", files=_FILES, quantize="Q4_K_M"),
    _create("adapter-unknown", **{"from": DEMO}, adapters={"a.gguf": _NONE}),
    _create("adapter-model", **{"from": DEMO}, adapters={"a.gguf": BLOB}),
    _create("requires", **{"from": DEMO}, requires="0.12.0"),
    _create("requires-bad", **{"from": DEMO}, requires="soon"),
    _create(
        "twice", Step("POST", "/api/create", {"model": SCRATCH, "from": DEMO}), **{"from": DEMO}
    ),
    _create("namespace-from", **{"from": f"library/{DEMO}"}),
    post("create/no-model", "/api/create", {"from": DEMO}),
    post("create/bad-name", "/api/create", {"model": "a b", "from": DEMO}),
    post("create/name-key", "/api/create", {"name": "a b", "from": DEMO}),
    several(
        "create/over-itself",
        [
            Step("POST", "/api/create", {"model": SCRATCH, "from": DEMO, "system": "One."}),
            Step("POST", "/api/create", {"model": SCRATCH, "from": SCRATCH, "system": "Two."}),
            _SHOW,
            _DELETE,
        ],
    ),
    several(
        "copy/plain",
        [
            Step("POST", "/api/copy", {"source": DEMO, "destination": SCRATCH}),
            _SHOW,
            _ASK,
            _DELETE,
            _SHOW,
        ],
    ),
    several(
        "copy/tag",
        [
            Step("POST", "/api/copy", {"source": DEMO, "destination": f"{SCRATCH}:v1"}),
            Step("POST", "/api/show", {"model": f"{SCRATCH}:v1"}),
            Step("POST", "/api/show", {"model": SCRATCH}),
            Step("DELETE", "/api/delete", {"model": f"{SCRATCH}:v1"}),
        ],
    ),
    several(
        "copy/namespace",
        [
            Step("POST", "/api/copy", {"source": DEMO, "destination": f"me/{SCRATCH}"}),
            Step("POST", "/api/show", {"model": f"ME/{SCRATCH}"}),
            Step("DELETE", "/api/delete", {"name": f"me/{SCRATCH}"}),
        ],
    ),
    post("copy/same", "/api/copy", {"source": DEMO, "destination": DEMO}),
    post("copy/unknown", "/api/copy", {"source": "no-such-model", "destination": "other"}),
    post("copy/bad-source", "/api/copy", {"source": "a b", "destination": "other"}),
    post("copy/bad-destination", "/api/copy", {"source": DEMO, "destination": "a b"}),
    post("copy/no-source", "/api/copy", {"destination": "other"}),
    post("copy/no-destination", "/api/copy", {"source": DEMO}),
    post("copy/spaces", "/api/copy", {"source": f" {DEMO}", "destination": "other"}),
    several(
        "delete/name-key",
        [
            Step("POST", "/api/copy", {"source": DEMO, "destination": SCRATCH}),
            Step("DELETE", "/api/delete", {"name": SCRATCH}),
            Step("DELETE", "/api/delete", {"name": SCRATCH}),
        ],
    ),
    request("blobs/head", "HEAD", f"/api/blobs/{BLOB}"),
    request("blobs/head-unknown", "HEAD", f"/api/blobs/{_NONE}"),
    request("blobs/head-bad", "HEAD", "/api/blobs/sha256:zz"),
    request("blobs/head-no-digest", "HEAD", "/api/blobs/x"),
    request("blobs/head-parent", "HEAD", "/api/blobs/..%2fx"),
    request("blobs/get", "GET", f"/api/blobs/{BLOB}"),
    raw("blobs/again", f"/api/blobs/{BLOB}", b"anything"),
    raw("blobs/mismatch", f"/api/blobs/{_NONE}", b"anything"),
    raw("blobs/bad", "/api/blobs/sha256:zz", b"anything"),
    raw("blobs/empty-path", "/api/blobs/", b"anything"),
    raw(
        "blobs/new",
        f"/api/blobs/{FRESH}",
        FRESH_DATA.encode(),
    ),
    request("blobs/head-dash", "HEAD", f"/api/blobs/{DASHED}"),
    raw(
        "blobs/upper",
        "/api/blobs/sha256:5FECEB66FFC86F38D952786C6D696C79C2DBC239DD4E91B46729D73A27FB57E9",
        b"0",
    ),
    several(
        "create/not-gguf",
        [
            Step(
                "POST",
                "/api/create",
                {
                    "model": SCRATCH,
                    "files": {"a.gguf": FRESH},
                },
            ),
            _SHOW,
        ],
    ),
    _pull("no-model"),
    _pull("bad-name", model="a b"),
    _pull("bad-name-plain", model="a b", stream=False),
    _pull("empty", model=""),
    _pull("refused-connection", model="127.0.0.1:9/library/no-such-model", insecure=True),
    _pull("refused-connection-plain", model="127.0.0.1:9/library/x", insecure=True, stream=False),
    _pull("stream-text", model="x", stream="yes"),
    _pull("name-number", model=1),
    post("push/no-model", "/api/push", {}),
    get("pull/get", "/api/pull"),
]
