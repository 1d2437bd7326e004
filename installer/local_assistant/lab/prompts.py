"""The system prompts that chat and ``%%ai`` really send.

Contract: standard library only, no state. The demo model is trained on these very
strings (``modelfiles/demo``), so a change here wants the demo model retrained; the
integration tests of the demo model say so by failing. The texts are short because a
small local model reads its prompt at a few hundred tokens a second.
"""

from __future__ import annotations

SYSTEM_PROMPT = (
    "You are a coding assistant in JupyterLab. "
    "Answer briefly in Markdown, with code in fenced blocks."
)

FORMAT_PROMPTS: dict[str, str] = {
    "markdown": "",
    "code": "Reply with Python code only.",
    "text": "Reply in plain text without Markdown.",
    "json": "Reply with one JSON value only.",
    "math": "Reply with LaTeX only, between $$ and $$.",
    "html": "Reply with one HTML fragment only.",
}
"""What ``-f FORMAT`` adds to the system prompt; the keys are the formats that exist."""

FIX = (
    "This cell of a Python notebook fails. Explain the cause in one or two sentences. "
    "Then give the whole corrected cell in one fenced Python block."
)
FIX_CODE = (
    "This code has a mistake. Explain it in one or two sentences. "
    "Then give the whole corrected code in one fenced block."
)
EXPLAIN = "Explain what this Python code does, in a few short sentences."
EXPLAIN_ERROR = "Explain what this Python code does and why it fails, in a few short sentences."
TEST = "Write a few short tests with assert for this Python code, in one fenced Python block."
DOC = (
    "Add docstrings and short comments to this Python code. Change nothing else. "
    "Give the whole code in one fenced Python block."
)
OUTLINE = (
    "Plan a short Python notebook about this: {topic}\n"
    "Reply with a numbered list of two to five steps, each one line without code."
)
STEP = "We write a Python notebook about this: {topic}\nWrite the code of this step: {step}"
"""What the commands of chat and ``%ai`` ask, behind the code that it is about."""


def system_prompt(output_format: str = "markdown", base: str = SYSTEM_PROMPT) -> str:
    """Return the system message for one request: ``base`` plus what the format asks for."""
    addition = FORMAT_PROMPTS[output_format]
    return f"{base} {addition}" if addition else base


def attachment_block(name: str, content: str, language: str = "python") -> str:
    """Return one attached file or cell as it stands in front of the user's question."""
    fence = fence_for(content)
    return f"{name}:\n{fence}{language}\n{content.rstrip()}\n{fence}\n\n"


def fence_for(text: str) -> str:
    """Return the backticks around a block of code that nothing in it can end."""
    fence = "```"
    while fence in text:
        fence += "`"
    return fence
