"""A GGUF that says one thing, whatever it is asked: for tests of what is made of a model's words.

Each token leads to the next (:mod:`.following_gguf`): after any prompt come the pieces of
``says``, one token each, and then the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.integration.engine import following_gguf
from tests.integration.engine.tiny_gguf import CHAT_TEMPLATE, byte_tokens

_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>",
            "<tool_call>", "</tool_call>")  # fmt: skip

THINKING_TEMPLATE = """\
{%- if tools %}<|im_start|>system
You may call functions:
<tools>{% for tool in tools %}
{{ tool | tojson }}{% endfor %}
</tools>
For each function call, return a json object within <tool_call></tool_call> XML tags:
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call><|im_end|>
{% endif %}
{%- for message in messages %}
{%- if message.role == "tool" %}<|im_start|>user
<tool_response>
{{ message.content }}
</tool_response><|im_end|>
{% else %}<|im_start|>{{ message.role }}
{{ message.content }}
{%- if message.tool_calls %}{% for tool_call in message.tool_calls %}
<tool_call>
{"name": "{{ tool_call.function.name }}", "arguments": {{ tool_call.function.arguments | tojson }}}
</tool_call>{% endfor %}{% endif %}<|im_end|>
{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% if enable_thinking is defined and enable_thinking is false %}<think>

</think>

{% endif %}{% endif %}"""


def write(
    path: Path,
    says: Sequence[str],
    *,
    template: str | None = CHAT_TEMPLATE,
    fim: dict[str, int] | None = None,
    name: str = "talking",
    context: int = 4096,
    behind: tuple[str, Sequence[str]] | None = None,
    ends: bool = True,
) -> Path:
    """Write the model to ``path``.

    Args:
        says: the pieces of its answer, all different; one that is a special token is that.
        behind: a character, and what is said where the prompt ends with it.
        template: the chat template in the GGUF; ``None`` for none.
        fim: token ids by ``pre``, ``suf``, ``mid``.
        context: how many tokens it was "trained" for.
        ends: whether the answer does; else it begins again, for ever.
    """
    spelled = byte_tokens()
    tokens = [*spelled, *_SPECIAL]

    def script_of(pieces: Sequence[str]) -> list[int]:
        found = []
        for piece in pieces:
            if piece not in _SPECIAL:
                assert len(piece) > 1, "one byte is a token already"
                tokens.append("".join(spelled[byte] for byte in piece.encode()))
            found.append(len(tokens) - 1 if piece not in _SPECIAL else 256 + _SPECIAL.index(piece))
        return found

    script = script_of(says)
    other = script_of(behind[1]) if behind else []
    assert len({*script, *other}) == len(script) + len(other)
    end = 256 + _SPECIAL.index("<|im_end|>")
    plain = len(tokens) - 256 - len(_SPECIAL)
    types = [1] * 256 + [3] * 3 + [4] * (len(_SPECIAL) - 3) + [1] * plain
    following = dict.fromkeys(range(len(tokens)), script[0])
    following |= dict(zip(script, [*script[1:], end if ends else script[0]], strict=True))
    if behind:
        following |= dict(zip([ord(behind[0]), *other], [*other, end], strict=True))
    return following_gguf.write(
        path,
        tokens,
        types,
        following,
        name=name,
        end=end,
        template=template,
        fim=fim,
        context=context,
    )
