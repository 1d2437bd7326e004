"""How each family of models wants to be asked for the text between two texts.

Contract: pure. :func:`family_for` takes what ``/api/show`` tells of a model and returns how
to write its prompt, or ``None`` where it knows no fill-in-the-middle by tokens of its own.
The tokens come, in this order, from the model's name, from its GGUF's own tokens (their ids
and the vocabulary, where the server shows it), and from the part of its template that has a
``.Suffix``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Family:
    """The tokens of one family, and the order it was trained with.

    Attributes:
        name: for people.
        pre: stands in front of the text before the cursor.
        suf: stands in front of the text after it.
        mid: asks for the middle; empty where the text before the cursor comes last.
        suffix_first: whether the text after the cursor is the first in the prompt.
        stops: further texts at which an answer is over.
        line_last: whether ``fim_order = "auto"`` puts the current line behind ``mid``.
        lines_behind: how many lines may stand behind ``mid`` before the current one.
        trained: whether the family's own authors trained it for this.
    """

    name: str
    pre: str
    suf: str
    mid: str
    suffix_first: bool = False
    stops: tuple[str, ...] = ()
    line_last: bool = True
    lines_behind: int = 8
    trained: bool = True

    @property
    def markers(self) -> tuple[str, ...]:
        """Every text that is a token of this family's own; none may come from a document."""
        own = (self.pre.strip(), self.suf.strip(), self.mid.strip(), *self.stops)
        return tuple(dict.fromkeys(text for text in own if text))


_PIPED = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
_PLAIN = ("<fim_prefix>", "<fim_suffix>", "<fim_middle>")
_DASHED = ("<fim-prefix>", "<fim-suffix>", "<fim-middle>")
_END = "<|endoftext|>"
_QWEN_STOPS = (_END, "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>", "<|im_start|>", "<|im_end|>")

QWEN_CODER = Family("Qwen Coder", *_PIPED, stops=_QWEN_STOPS)
QWEN = Family("Qwen", *_PIPED, stops=_QWEN_STOPS, trained=False)
CODEQWEN = Family("CodeQwen", *_PLAIN, stops=(_END, "<fim_pad>", "<file_sep>"))
DEEPSEEK = Family(
    "DeepSeek Coder",
    "<｜fim▁begin｜>",
    "<｜fim▁hole｜>",
    "<｜fim▁end｜>",
    stops=("<｜end▁of▁sentence｜>", "<|EOT|>"),
)
CODELLAMA = Family("Code Llama", "<PRE> ", " <SUF>", " <MID>", stops=("<EOT>", "</s>"))
STARCODER = Family("StarCoder", *_PLAIN, stops=(_END, "<file_sep>", "<repo_name>"))
SANTACODER = Family("SantaCoder", *_DASHED, stops=(_END,))
CODEGEMMA = Family("CodeGemma", *_PIPED, stops=("<|file_separator|>", "<eos>", "<end_of_turn>"))
CODESTRAL = Family("Codestral", "[PREFIX]", "[SUFFIX]", "", suffix_first=True, stops=("</s>",))
GRANITE_CODE = Family("Granite Code", *_PLAIN, stops=(_END, "<filename>", "<reponame>"))
GRANITE = Family("Granite", *_PIPED, stops=("<|end_of_text|>", "<|filename|>", "<|reponame|>"))
STABLE_CODE = Family("Stable Code", *_PLAIN, stops=(_END,))
SEED_CODER = Family(
    "Seed Coder", "<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>", suffix_first=True
)
MELLUM = Family("Mellum", *_PLAIN, suffix_first=True, stops=(_END, "<filename>"))
CODEGEEX = Family(
    "CodeGeeX",
    "<|code_prefix|>",
    "<|code_suffix|>",
    "<|code_middle|>",
    suffix_first=True,
    stops=(_END, "<|user|>"),
)
# It was trained on middles of one line.
DEMO = Family("demo", *_PIPED, stops=(_END, "<|im_end|>"), lines_behind=0)

_BY_NAME: tuple[tuple[str, Family | None], ...] = (
    (r"assistant-demo", DEMO),
    (r"qwen[-_ .0-9]*coder|qwen.*coder", QWEN_CODER),
    (r"codeqwen", CODEQWEN),
    (r"deepseek.*coder", DEEPSEEK),
    (r"code-?llama.*python", None),  # the one Code Llama without an infilling objective
    (r"code-?llama", CODELLAMA),
    (r"star-?coder|starchat|refact", STARCODER),
    (r"santa-?coder", SANTACODER),
    (r"code-?gemma", CODEGEMMA),
    (r"codestral", CODESTRAL),
    (r"granite.*code", GRANITE_CODE),
    (r"stable-?code", STABLE_CODE),
    (r"seed-?coder", SEED_CODER),
    (r"mellum", MELLUM),
    (r"codegeex", CODEGEEX),
)
"""Names, as far as they tell the tokens. ``None``: known to have none."""

_BY_TOKENS = {
    family.pre.strip(): family
    for family in (SANTACODER, DEEPSEEK, CODELLAMA, CODESTRAL, SEED_CODER, CODEGEEX)
}
_TOKEN_IDS = {
    "pre": ("tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.prefix_token_id"),
    "suf": ("tokenizer.ggml.fim_suf_token_id", "tokenizer.ggml.suffix_token_id"),
    "mid": ("tokenizer.ggml.fim_mid_token_id", "tokenizer.ggml.middle_token_id"),
}
_PART = re.compile(
    r"\{\{-?\s*(?:else\s+)?if\s+(?:and\s+)?\.Suffix\s*-?\}\}(?P<part>.*?)"
    r"\{\{-?\s*(?:else|end)\b",
    re.S,
)
_FIELD = re.compile(r"\{\{-?\s*\.(Prompt|Suffix)\s*-?\}\}")
_UNREAL = ("<prefix>", "<suffix>", "<middle>")
"""What our own engine writes into a template only to tell clients that the model inserts."""


def family_for(name: str, show: dict[str, Any]) -> Family | None:
    """Return how to ask the model that ``/api/show`` describes with ``show``."""
    info = show.get("model_info") or {}
    for known in (name, str(info.get("general.basename", "")), str(info.get("general.name", ""))):
        for pattern, family in _BY_NAME:
            if known and re.search(pattern, known.lower()):
                return family
    architecture = str(info.get("general.architecture", ""))
    found = _from_template(str(show.get("template") or "")) or _from_tokens(info)
    if found is None and _has_ids(info):
        found = _by_architecture(architecture)
    if found is not None and architecture.startswith("qwen") and found.pre == QWEN.pre:
        return QWEN
    return found


def wants_vocabulary(name: str, show: dict[str, Any]) -> bool:
    """Return whether only the vocabulary (a verbose show) can tell the tokens' texts."""
    info = show.get("model_info") or {}
    return family_for(name, show) is None and _has_ids(info) and not _listed(info)


def _by_architecture(architecture: str) -> Family | None:
    if architecture.startswith("qwen"):
        return QWEN
    if architecture.startswith("granite"):
        return GRANITE
    if architecture.startswith("starcoder"):
        return STARCODER
    return None


def _from_template(template: str) -> Family | None:
    match = _PART.search(template)
    if not match:
        return None
    pieces = _FIELD.split(re.sub(r"\{\{-?\s*/\*.*?\*/\s*-?\}\}", "", match["part"]))
    if len(pieces) != 5 or "{{" in "".join(pieces):
        return None
    first, field, second, _, last = pieces
    if first.strip() in _UNREAL or not first.strip():
        return None
    first, last = first.lstrip("\n"), last.rstrip("\n")
    if field == "Prompt":
        family = Family("template", first, second, last)
    else:
        family = Family("template", second, first, last, suffix_first=True)
    known = _BY_TOKENS.get(family.pre.strip())
    if known is not None:
        return known
    return family if family.suf.strip() else None


def _has_ids(info: dict[str, Any]) -> bool:
    return all(
        any(isinstance(info.get(key), int) for key in _TOKEN_IDS[kind]) for kind in ("pre", "suf")
    )


def _listed(info: dict[str, Any]) -> bool:
    return isinstance(info.get("tokenizer.ggml.tokens"), list)


def _from_tokens(info: dict[str, Any]) -> Family | None:
    """Read the texts of the fill-in-the-middle tokens out of a vocabulary."""
    if not _listed(info):
        return None
    tokens = info["tokenizer.ggml.tokens"]
    texts = {}
    for kind, keys in _TOKEN_IDS.items():
        ids = [info[key] for key in keys if isinstance(info.get(key), int)]
        if ids and 0 <= ids[0] < len(tokens):
            texts[kind] = str(tokens[ids[0]]).replace("▁<", "<")
    if "pre" not in texts or "suf" not in texts:
        return None
    if texts["pre"] in _BY_TOKENS:
        return _BY_TOKENS[texts["pre"]]
    eos = info.get("tokenizer.ggml.eos_token_id")
    stops = (str(tokens[eos]),) if isinstance(eos, int) and 0 <= eos < len(tokens) else ()
    middle = texts.get("mid", "")
    return Family("GGUF", texts["pre"], texts["suf"], middle, suffix_first=not middle, stops=stops)
