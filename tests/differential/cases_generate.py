"""``/api/generate``: plain, streamed, raw, with a suffix, and refused."""

from __future__ import annotations

from typing import Any

from tests.differential.case import (
    BARE,
    DEMO,
    GO,
    GREEDY,
    NATIVE,
    TALK,
    TOOLS,
    VECTOR,
    Case,
    Step,
    Texts,
    post,
    several,
)

_PATH = "/api/generate"
_CODE = "def add(a, b):\n    return "
_SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
}


def _generate(name: str, *, texts: Texts = "same", model: str = DEMO, **fields: Any) -> Case:
    body = {"model": model, "prompt": "hello", "options": GREEDY, **fields}
    return post(f"generate/{name}", _PATH, body, texts=texts)


def _options(name: str, options: dict[str, Any], *, texts: Texts = "same") -> Case:
    return post(
        f"options/{name}",
        _PATH,
        {"model": DEMO, "prompt": "hello", "stream": False, "options": {**GREEDY, **options}},
        texts=texts,
    )


_WRONG: dict[str, dict[str, Any]] = {
    "ctx-text": {"num_ctx": "big"},
    "ctx-list": {"num_ctx": [1]},
    "ctx-true": {"num_ctx": True},
    "temperature-text": {"temperature": "hot"},
    "stop-text": {"stop": "x"},
    "stop-numbers": {"stop": [1, 2]},
    "seed-text": {"seed": "a"},
    "seed-float": {"seed": 1.9},
    "mmap-text": {"use_mmap": "yes"},
    "predict-null": {"num_predict": None},
    "gpu-text": {"num_gpu": "all"},
    "draft-text": {"draft_num_predict": "x"},
    "main-gpu-text": {"main_gpu": "x"},
}
_ALLOWED: dict[str, dict[str, Any]] = {
    "unknown": {"no_such_option": 1},
    "mirostat": {"mirostat": 1, "tfs_z": 1.0, "numa": True},
    "predict-0": {"num_predict": 0},
    "predict-1": {"num_predict": 1},
    "predict-5": {"num_predict": 5},
    "top-k-0": {"top_k": 0},
    "top-k-1": {"top_k": 1, "temperature": 1.0},
    "penalties": {"repeat_penalty": 1.3, "presence_penalty": 0.5, "frequency_penalty": 0.5},
    "stop": {"stop": ["for"]},
    "stop-empty": {"stop": []},
    "stop-blank": {"stop": [""]},
    "float-for-int": {"num_predict": 4.9},
    "min-p": {"min_p": 0.1, "typical_p": 0.9},
    "keep-all": {"num_keep": -1},
    "threads": {"num_thread": 1},
    "upper": {"NUM_PREDICT": 1},
}

GENERATE: list[Case] = [
    _generate("plain", stream=False),
    _generate("streamed"),
    _generate("bare", model=BARE, stream=False),
    _generate("native", model=NATIVE, stream=False),
    _generate("native-system", model=NATIVE, system="You are terse."),
    _generate("native-think", model=NATIVE, think=True),
    _generate("native-no-think", model=NATIVE, think=False, stream=False),
    _generate("native-format", model=NATIVE, format="json", stream=False, texts="any"),
    _generate("native-debug", model=NATIVE, _debug_render_only=True),
    _generate("streamed-said", stream=True),
    _generate("name-in-full", model=f"{DEMO}:latest", stream=False),
    _generate("unicode", prompt="héllo 你好 🙂", stream=False),
    _generate("markup", prompt="<b>&amp;</b>", stream=False),
    _generate("newlines", prompt="\n\n\n", stream=False),
    _generate("blank", prompt=" ", stream=False),
    _generate("system", system="You are terse.", stream=False),
    _generate("raw", prompt="<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n", raw=True),
    _generate("raw-plain", prompt="import numpy as", raw=True, stream=False),
    _generate("raw-system", raw=True, system="x"),
    _generate("raw-template", raw=True, template="x"),
    _generate("raw-context", raw=True, context=[1, 2]),
    _generate("raw-empty", raw=True, prompt=""),
    _generate("raw-suffix", raw=True, suffix="x"),
    _generate("raw-suffix-go", raw=True, suffix="x", model=GO, stream=False),
    _generate("template", template="{{ .Prompt }} and", stream=False),
    _generate("template-system", template="{{ .System }}|{{ .Prompt }}", system="S", stream=False),
    _generate("template-bad", template="{{ .Prompt "),
    _generate("template-unknown-field", template="{{ .Nothing }}"),
    _generate("template-unknown-function", template="{{ nothing .Prompt }}"),
    _generate("template-no-prompt", template="Say something.", stream=False),
    _generate("context", context=[1, 1640, 204, 3939, 342, 2], stream=False),
    _generate("context-text", context="x"),
    _generate("context-floats", context=[1.5]),
    several(
        "generate/context-back",
        [
            Step(
                "POST",
                _PATH,
                {"model": DEMO, "prompt": "hello", "stream": False, "options": GREEDY},
            ),
            Step(
                "POST",
                _PATH,
                {
                    "model": DEMO,
                    "prompt": "again",
                    "stream": False,
                    "context": [45, 618],
                    "options": GREEDY,
                },
            ),
        ],
    ),
    _generate("images", images=["aGk="]),
    _generate("images-bad", images=["%%%"]),
    _generate("images-empty", images=[], stream=False),
    _generate("truncate-off", truncate=False, stream=False),
    _generate("too-long", prompt="hello " * 3000, stream=False, texts="any"),
    _generate("too-long-refused", prompt="hello " * 3000, truncate=False),
    _generate("too-long-no-shift", prompt="hello " * 3000, shift=False),
    _generate("shift-off", shift=False, stream=False),
    _generate("go", model=GO, stream=False),
    _generate("go-streamed", model=GO),
    _generate("go-system", model=GO, system="Another.", stream=False),
    _generate("talk", model=TALK, stream=False),
    _generate("tools-model", model=TOOLS, stream=False),
    _generate("vector-model", model=VECTOR),
    _generate("debug", _debug_render_only=True, stream=False),
    _generate("debug-go", _debug_render_only=True, model=GO, stream=False),
    _generate("debug-suffix", _debug_render_only=True, model=GO, suffix="x", stream=False),
    _generate("debug-template", _debug_render_only=True, template="{{ .Prompt }}!", stream=False),
    _generate("suffix", prompt=_CODE, suffix="\n\nprint(add(1, 2))\n", model=GO, stream=False),
    _generate("suffix-streamed", prompt=_CODE, suffix="\n", model=GO),
    _generate("suffix-blank", prompt=_CODE, suffix=" ", model=GO, stream=False),
    _generate("suffix-empty", prompt=_CODE, suffix="", model=GO, stream=False),
    _generate("suffix-without-insert", prompt=_CODE, suffix="x"),
    _generate("suffix-system", prompt=_CODE, suffix="x", system="S", model=GO, stream=False),
    _generate(
        "suffix-template",
        prompt="a",
        suffix="b",
        model=GO,
        template="{{ .Prompt }}{{ .Suffix }}",
        stream=False,
    ),
    _generate("format-json", format="json", stream=False, texts="any"),
    _generate("format-json-streamed", format="json", texts="any"),
    _generate("format-empty", format="", stream=False),
    _generate("format-null", format=None, stream=False),
    _generate("format-schema", format=_SCHEMA, stream=False, texts="any"),
    _generate("format-xml", format="xml"),
    _generate("format-number", format=1),
    _generate("format-list", format=[]),
    _generate("format-true", format=True),
    _generate("format-object-empty", format={}, stream=False, texts="any"),
    _generate("format-bad-schema", format={"type": "nothing"}),
    _generate("format-bad-ref", format={"$ref": "#/nowhere"}),
    _generate("think-off", think=False, stream=False),
    _generate("think-on", think=True),
    _generate("think-high", think="high"),
    _generate("think-bad", think="hard"),
    _generate("think-empty", think=""),
    _generate("think-number", think=1),
    _generate("think-tools-model", think=True, model=TOOLS, stream=False),
    _generate("logprobs", logprobs=True, stream=False),
    _generate("logprobs-streamed", logprobs=True),
    _generate("logprobs-top", logprobs=True, top_logprobs=3, stream=False),
    _generate("logprobs-top-alone", top_logprobs=3, stream=False),
    _generate("logprobs-top-many", logprobs=True, top_logprobs=21),
    _generate("logprobs-top-negative", logprobs=True, top_logprobs=-1),
    _generate("options-null", options=None, stream=False, texts="any"),
    _generate("options-list", options=[]),
    _generate(
        "all-null",
        system=None,
        template=None,
        context=None,
        images=None,
        think=None,
        keep_alive=None,
        stream=False,
    ),
    *(_options(name, options) for name, options in _WRONG.items()),
    *(_options(name, options) for name, options in _ALLOWED.items()),
    several(
        "generate/repeated",
        [
            Step(
                "POST",
                _PATH,
                {"model": DEMO, "prompt": "hello", "stream": False, "options": GREEDY},
            )
        ]
        * 2,
    ),
]
