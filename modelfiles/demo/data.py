"""The data files as objects: what is known, what is not, and the answer in every format.

Contract: nothing from the training environment is imported, so that tests can read the data
(``tomlkit``, which the package needs anyway, stands in for ``tomllib`` on Python 3.10).
"""

from __future__ import annotations

import importlib.util
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent
PROMPTS_FILE = HERE / "prompts.toml"
HELD_OUT_FILE = HERE / "held_out.toml"
UNKNOWN_FILE = HERE / "unknown.toml"
FORMATS = ("markdown", "code", "text", "json", "math", "html")

SAMPLE_ALPHABET = [
    *"abcxyzABCXYZ0123456789 _-+*/=<>()[]{}.,:;!?@#$%^&|~'\"\\",
    *("    ", "  ", "\n", "\n\n", "\t", "'s", "'LL", "def ", "return", "é", "ß", "日本", "привет"),
    *("🙂", "\u00a0", "\r\n", "١", "½", "e\u0301"),
]

HONEST = "I am a small demo model and know only a few examples."
BETTER = "jupyter assistant pull"
HONEST_ANSWERS = {
    "markdown": f"{HONEST} For a better one, run `{BETTER}` in a terminal.",
    "text": f"{HONEST} For a better one, run {BETTER} in a terminal.",
    "code": f"# {HONEST}\n# For a better one, run: {BETTER}",
    "json": f'{{"error": "{HONEST}", "fix": "{BETTER}"}}',
    "math": f"$$\\text{{{HONEST} For a better one: {BETTER}}}$$",
    "html": f"<p>{HONEST} For a better one: <code>{BETTER}</code></p>",
}
"""What the model says, in each format, to everything that it does not know."""


@dataclass(frozen=True)
class Intent:
    """One thing that the model knows: how it may be asked for, and what it answers."""

    id: str
    prompt: str
    say: str
    code: str = ""
    kind: str = "code"
    weight: int = 1
    markdown: str = ""
    text: str = ""
    json: str = ""
    math: str = ""
    html: str = ""
    do: list[str] = field(default_factory=list)
    short: list[str] = field(default_factory=list)
    ask: list[str] = field(default_factory=list)
    near: list[str] = field(default_factory=list)
    near_ask: list[str] = field(default_factory=list)
    held_out: list[str] = field(default_factory=list)

    def answer(self, output_format: str = "markdown") -> str:
        """Return the answer in this format; the honest one where there is none."""
        if output_format == "markdown":
            return self._markdown()
        if output_format == "text":
            return self.text or self._text()
        if output_format == "code":
            return self.code or f"# {self.say}"
        return str(getattr(self, output_format)) or HONEST_ANSWERS[output_format]

    def _markdown(self) -> str:
        if self.markdown == "math":
            return f"{self.say}\n\n{self.math}"
        if self.markdown == "html":
            return f"{self.say}\n\n```html\n{self.html}\n```"
        if self.markdown == "say" or not self.code:
            return self.say
        return f"{self.say}\n\n```python\n{self.code}\n```"

    def _text(self) -> str:
        plain = self.say.replace("`", "")
        below = self.html if self.markdown == "html" else self.code
        return plain if self.markdown == "say" or not below else f"{plain}\n\n{below}"


@dataclass(frozen=True)
class Unknown:
    """Prompts to be declined; ``held_out`` is for the tests alone."""

    do: list[str]
    short: list[str]
    ask: list[str]
    other_languages: list[str]
    languages: list[str]
    held_out: list[str] = field(default_factory=list)


def _read(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    if sys.version_info >= (3, 11):
        import tomllib

        return tomllib.loads(text)
    import tomlkit

    return tomlkit.parse(text).unwrap()


def load_intents() -> list[Intent]:
    """Read prompts.toml and the held-out wordings."""
    held_out = _read(HELD_OUT_FILE)["intent"]
    entries = []
    for entry in _read(PROMPTS_FILE)["intent"]:
        stripped = {k: v.strip("\n") if isinstance(v, str) else v for k, v in entry.items()}
        entries.append(Intent(**stripped, held_out=held_out[entry["id"]]))
    return entries


def load_unknown() -> Unknown:
    """Read unknown.toml and the held-out prompts."""
    return Unknown(**_read(UNKNOWN_FILE), held_out=_read(HELD_OUT_FILE)["unknown"])


def normal(prompt: str) -> str:
    """Return ``prompt`` without case, punctuation and double spaces, to compare wordings."""
    return " ".join(re.sub(r"[^\w\s+*/<=-]", " ", prompt.lower()).split())


def tokenizer_samples() -> list[str]:
    """Return texts, plain and odd, on which llama.cpp's tokenizer is compared with ours.

    The odd ones come from a little generator of our own: they are the same in every Python.
    """
    intents = load_intents()
    texts = [wording for intent in intents for wording in (intent.prompt, *intent.held_out)]
    texts += [intent.answer(f) for intent in intents for f in FORMATS]
    texts += [*load_unknown().held_out, *load_unknown().other_languages]
    seed = 20261121
    for _ in range(1200):
        drawn = []
        for _ in range(24):
            seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
            drawn.append(SAMPLE_ALPHABET[(seed >> 33) % len(SAMPLE_ALPHABET)])
        texts.append("".join(drawn))
    return texts


def assistant_prompts() -> ModuleType:
    """Load ``local_assistant.lab.prompts`` by its path: what is sent is what is trained.

    By path, because the training environment has none of the package's dependencies.
    """
    path = HERE.parents[1] / "installer" / "local_assistant" / "lab" / "prompts.py"
    spec = importlib.util.spec_from_file_location("assistant_prompts", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot load {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
