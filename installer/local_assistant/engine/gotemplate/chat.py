"""A model's prompt, from its template and a conversation.

Contract: pure. A template that mentions ``.Messages`` is run once on all of them; an older
one is run once for each turn, the last time only up to ``{{ .Response }}``. Neighbours of one
role become one message (tool results do not), and all system messages together are also
``.System``.
"""

from __future__ import annotations

from typing import Any

from local_assistant.engine.gotemplate import messages as convert
from local_assistant.engine.gotemplate.template import Template


def render_chat(
    template: Template,
    messages: list[dict[str, Any]],
    tools: list[Any] | None = None,
    think: Any = None,
) -> str:
    """Return the prompt for a conversation.

    Args:
        messages: as ``/api/chat`` takes them.
        tools: as ``/api/chat`` takes them; ``None`` where the request has none.
        think: ``None`` (not said), a boolean, or a level.
    """
    merged = _merged(messages)
    if not template.uses("messages"):
        return _turn_by_turn(template, merged, _thinking(think))
    system = [convert.text(each, "content") for each in messages if _role(each) == "system"]
    return template.render(
        {
            "System": "\n\n".join(system),
            "Messages": convert.messages(merged),
            "Tools": convert.tools(tools),
            "Response": "",
            **_thinking(think),
        }
    )


def render_prompt(
    template: Template, prompt: str, suffix: str = "", system: str = "", think: Any = None
) -> str:
    """Return the prompt for one request without history: a question, or a gap to fill.

    With a suffix the template sees nothing but prompt and suffix: no system message. The prompt
    may then be empty: a gap at the very beginning.
    """
    if suffix:
        values = {"Prompt": prompt, "Suffix": suffix, "Response": "", **_thinking(think)}
        return template.render(values)
    said = [{"role": "system", "content": system}] if system else []
    return render_chat(template, [*said, {"role": "user", "content": prompt}], think=think)


def _thinking(think: Any) -> dict[str, Any]:
    level = think if isinstance(think, str) else "medium" if think else ""
    return {"Think": bool(think), "ThinkLevel": level, "IsThinkSet": think is not None}


def _role(message: dict[str, Any]) -> str:
    return convert.text(message, "role").lower()


def _merged(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    merged: list[dict[str, Any]] = []
    for message in messages:
        role = _role(message)
        if merged and _role(merged[-1]) == role != "tool":
            both = f"{convert.text(merged[-1], 'content')}\n\n{convert.text(message, 'content')}"
            merged[-1] = {**merged[-1], "content": both}
        else:
            merged.append(message)
    return merged


def _turn_by_turn(
    template: Template, messages: list[dict[str, Any]], thinking: dict[str, Any]
) -> str:
    blank = {"System": "", "Prompt": "", "Response": ""}
    turn, out = dict(blank), []
    for message in messages:
        role, content = _role(message), convert.text(message, "content")
        begins = {"system": turn["Prompt"] or turn["Response"], "user": turn["Response"]}
        if begins.get(role):
            out.append(template.render({**turn, **thinking}))
            turn = dict(blank)
        field = {"system": "System", "user": "Prompt", "assistant": "Response"}.get(role)
        if field:
            turn[field] = content
    out.append(template.render_up_to_response({**turn, **thinking}))
    return "".join(out)
