"""``/api/tags``, ``show``, ``ps``, loading and unloading."""

from __future__ import annotations

from tests.differential.case import (
    BARE,
    DEMO,
    GO,
    GREEDY,
    NATIVE,
    SCRATCH,
    TALK,
    TOOLS,
    VECTOR,
    Case,
    Step,
    get,
    post,
    several,
)

_BAD_NAMES = ("", " ", "a b", "a:", ":b", "/a", "a//b", "../x", "a/b/c/d/e", "x" * 81, "é", "a?")
_ENDPOINTS = {
    "show": ("POST", "/api/show"),
    "generate": ("POST", "/api/generate"),
    "chat": ("POST", "/api/chat"),
    "embed": ("POST", "/api/embed"),
    "embeddings": ("POST", "/api/embeddings"),
    "delete": ("DELETE", "/api/delete"),
}


def _unload(*models: str) -> list[Step]:
    return [Step("POST", "/api/generate", {"model": model, "keep_alive": 0}) for model in models]


_ALL = _unload(DEMO, BARE, NATIVE, GO, TALK, TOOLS, VECTOR)

_KEEP = {
    "number": 60,
    "zero-text": "0",
    "minutes": "5m",
    "mixed": "1h30m10s",
    "fraction": "1.5m",
    "for-ever": -1,
    "for-ever-text": "-1m",
    "float": 300.0,
    "no-unit": "300",
    "unknown-unit": "5x",
    "words": "soon",
    "empty": "",
    "true": True,
    "list": [],
    "object": {},
    "null": None,
}

MODELS: list[Case] = [
    get("tags/all", "/api/tags"),
    get("tags/v1", "/v1/models"),
    several(
        "tags/order",
        [
            Step("POST", "/api/copy", {"source": DEMO, "destination": SCRATCH}),
            Step("GET", "/api/tags"),
            Step("DELETE", "/api/delete", {"model": SCRATCH}),
        ],
    ),
    post("show/demo", "/api/show", {"model": DEMO}),
    post("show/bare", "/api/show", {"model": BARE}),
    post("show/native", "/api/show", {"model": NATIVE}),
    post("show/name", "/api/show", {"name": DEMO}),
    post("show/both", "/api/show", {"model": DEMO, "name": "other"}),
    post("show/tag", "/api/show", {"model": f"{DEMO}:latest"}),
    post("show/full", "/api/show", {"model": f"registry.ollama.ai/library/{DEMO}:latest"}),
    post("show/spaces", "/api/show", {"model": f" {DEMO} "}),
    post("show/scheme", "/api/show", {"model": f"https://registry.ollama.ai/library/{DEMO}"}),
    post("show/wrong-tag", "/api/show", {"model": f"{DEMO}:none"}),
    post("show/go", "/api/show", {"model": GO}),
    post("show/talk", "/api/show", {"model": TALK}),
    post("show/tools", "/api/show", {"model": TOOLS}),
    post("show/vector", "/api/show", {"model": VECTOR}),
    post("show/verbose-false", "/api/show", {"model": DEMO, "verbose": False}),
    post("show/system", "/api/show", {"model": DEMO, "system": "Be brief."}),
    *(
        post(f"{name}/unknown", path, {"model": "no-such-model"}, method=method)
        for name, (method, path) in _ENDPOINTS.items()
    ),
    *(
        post(f"{name}/unknown-tag", path, {"model": "ns/no-such-model:1b"}, method=method)
        for name, (method, path) in _ENDPOINTS.items()
    ),
    *(
        post(f"{name}/no-model", path, {}, method=method)
        for name, (method, path) in _ENDPOINTS.items()
    ),
    *(
        post(f"{name}/bad-name-{index}", path, {"model": text}, method=method)
        for name, (method, path) in _ENDPOINTS.items()
        for index, text in enumerate(_BAD_NAMES)
    ),
    several("ps/nothing", [*_ALL, Step("GET", "/api/ps")]),
    several(
        "ps/loaded",
        [*_ALL, Step("POST", "/api/generate", {"model": DEMO}), Step("GET", "/api/ps")],
    ),
    several(
        "ps/for-ever",
        [
            *_ALL,
            Step("POST", "/api/chat", {"model": DEMO, "keep_alive": -1}),
            Step("GET", "/api/ps"),
        ],
    ),
    several(
        "ps/two-names",
        [
            *_ALL,
            Step("POST", "/api/generate", {"model": GO, "keep_alive": "9m"}),
            Step("POST", "/api/generate", {"model": DEMO, "keep_alive": "2m"}),
            Step("GET", "/api/ps"),
        ],
    ),
    several(
        "ps/num-ctx",
        [
            *_ALL,
            Step("POST", "/api/generate", {"model": DEMO, "options": {"num_ctx": 256}}),
            Step("GET", "/api/ps"),
        ],
    ),
    post("load/generate", "/api/generate", {"model": DEMO}),
    post("load/generate-stream", "/api/generate", {"model": DEMO, "stream": True}),
    post("load/generate-plain", "/api/generate", {"model": DEMO, "stream": False}),
    post("load/chat", "/api/chat", {"model": DEMO}),
    post("load/chat-empty", "/api/chat", {"model": DEMO, "messages": []}),
    post("load/embed", "/api/embed", {"model": VECTOR}),
    post("load/suffix", "/api/generate", {"model": GO, "suffix": "x", "options": GREEDY}),
    post("unload/generate", "/api/generate", {"model": DEMO, "keep_alive": 0}),
    post("unload/again", "/api/generate", {"model": DEMO, "keep_alive": 0}),
    post("unload/text", "/api/generate", {"model": DEMO, "keep_alive": "0s"}),
    post("unload/chat", "/api/chat", {"model": DEMO, "keep_alive": 0, "messages": []}),
    post("unload/plain", "/api/chat", {"model": DEMO, "keep_alive": 0, "stream": False}),
    post("unload/unknown", "/api/generate", {"model": "no-such-model", "keep_alive": 0}),
    *(
        post(f"keep-alive/{name}", "/api/generate", {"model": DEMO, "keep_alive": value})
        for name, value in _KEEP.items()
    ),
    several(
        "keep-alive/unload-after",
        [
            Step(
                "POST",
                "/api/generate",
                {
                    "model": DEMO,
                    "prompt": "hello",
                    "keep_alive": 0,
                    "stream": False,
                    "options": GREEDY,
                },
            ),
        ],
    ),
    post("show/unload-scratch", "/api/show", {"model": SCRATCH}),
]
