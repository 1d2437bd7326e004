"""The models that cases ask for, made on a server by its own API and taken away again.

Contract: everything comes from the demo model's file; nothing but ``/api/blobs``,
``/api/create`` and ``/api/delete`` is used. A server that cannot make a model says so, and
the cases that need it are counted as not played.
"""

from __future__ import annotations

import json
import struct
from typing import Any

from tests.differential import case
from tests.differential.play import Server

GO_TEMPLATE = (
    "{{- if .Suffix }}<|fim_prefix|>{{ .Prompt }}<|fim_suffix|>{{ .Suffix }}<|fim_middle|>"
    "{{- else if .Messages }}"
    "{{- range $i, $_ := .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}"
    "<|im_start|>assistant\n"
    "{{ else }}{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}"
    "<|im_start|>user\n{{ .Prompt }}<|im_end|>\n<|im_start|>assistant\n{{ end }}{{ .Response }}"
)
TOOLS_TEMPLATE = (
    "{{- if .Tools }}<|im_start|>system\nTools:\n{{ range .Tools }}{{ json . }}\n{{ end }}"
    "<|im_end|>\n{{ end }}"
    "{{- range .Messages }}<|im_start|>{{ .Role }}\n"
    "{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}{{ .Content }}"
    "{{ range .ToolCalls }}<tool_call>"
    '{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}'
    "</tool_call>{{ end }}"
    "<|im_end|>\n{{ end }}<|im_start|>assistant\n"
)
CHATML = (
    "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}"
    "<|im_start|>assistant\n"
)
JINJA = (
    "{%- if tools %}<|im_start|>system\n"
    "{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}<|im_end|>\n{% endif %}"
    "{%- for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{%- if message['role'] == 'tool' %}<tool_response>{{ message['content'] }}</tool_response>"
    "{%- else %}{{ message['content'] or '' }}{% endif %}"
    "{%- for call in message['tool_calls'] or [] %}<tool_call>"
    '{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}'
    "</tool_call>{% endfor %}<|im_end|>\n{% endfor %}"
    "{%- if add_generation_prompt %}<|im_start|>assistant\n"
    "{%- if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n"
    "{% endif %}{% endif %}"
)
STOPS = ["<|im_start|>", "<|im_end|>"]


def files(data: bytes) -> dict[str, bytes]:
    """Return the files that models are made from, by model."""
    return {
        case.DEMO: data,
        case.VECTOR: _with_key(data, b"llama.pooling_type", struct.pack("<II", 4, 1)),
        case.NATIVE: _with_key(
            data.replace(b"tokenizer.chat_template", b"tokenizer.chat_unusedxx", 1),
            b"tokenizer.chat_template",
            struct.pack("<IQ", 8, len(JINJA)) + JINJA.encode(),
        ),
    }


def wanted(digests: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Return what is sent to ``/api/create`` for each model."""
    bare = {"files": {"demo.gguf": digests[case.DEMO]}}
    demo = {**bare, "template": CHATML, "parameters": {"stop": STOPS}}
    return {
        case.DEMO: demo,
        case.BARE: bare,
        case.NATIVE: {"files": {"native.gguf": digests[case.NATIVE]}},
        case.GO: {
            **demo,
            "template": GO_TEMPLATE,
            "system": "You are a helpful assistant.",
            "parameters": {"stop": STOPS, "num_ctx": 512, "temperature": 0.5},
            "license": ["First licence", "Second licence"],
        },
        case.TALK: {
            **demo,
            "messages": [
                {"role": "user", "content": "hello"},
                {"role": "assistant", "content": "Hello! Ask me for an example."},
            ],
        },
        case.TOOLS: {**demo, "template": TOOLS_TEMPLATE, "parameters": {"stop": STOPS}},
        case.VECTOR: {"files": {"vector.gguf": digests[case.VECTOR]}},
    }


def set_up(
    server: Server, bodies: dict[str, dict[str, Any]], blobs: dict[str, bytes]
) -> dict[str, str]:
    """Make the models; return those that could not be made, each with the server's answer."""
    for digest, data in blobs.items():
        server.http.post(f"/api/blobs/{digest}", content=data)
    failed = {}
    for placeholder, body in bodies.items():
        name = server.names[placeholder]
        answer = server.http.post("/api/create", json={"model": name, "stream": False, **body})
        if answer.status_code != 200:
            failed[placeholder] = f"{answer.status_code} {answer.text[:200]}"
    return failed


def take_away(server: Server, placeholders: list[str]) -> None:
    for placeholder in placeholders:
        name = server.names[placeholder]
        server.http.request("DELETE", "/api/delete", content=json.dumps({"model": name}))


def _with_key(data: bytes, key: bytes, value: bytes) -> bytes:
    """Return the GGUF with one more key: ``value`` is its type and what is of that type.

    The key goes first, beside one that fills up to the alignment, so that nothing else moves.
    """
    magic, version, tensors, keys = struct.unpack_from("<4sIQQ", data)
    more = struct.pack("<Q", len(key)) + key + value
    name = b"differential.filler"
    begin = struct.pack("<Q", len(name)) + name + struct.pack("<I", 8)
    fill = -(len(more) + len(begin) + 8) % 32
    more += begin + struct.pack("<Q", fill) + b"x" * fill
    return struct.pack("<4sIQQ", magic, version, tensors, keys + 2) + more + data[24:]
