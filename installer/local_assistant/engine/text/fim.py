"""Fill-in-the-middle prompts, from the token ids that the GGUF names.

Contract: pure. The prompt is a list of token ids and strings, as llama.cpp's server takes
it, so the markers are tokens whatever their spelling in this model. It begins with an empty
string: there llama.cpp puts the tokens that this vocabulary wants at the beginning.
"""

from __future__ import annotations

from local_assistant.engine.gguf.header import Header

_SUFFIX_FIRST = ("codestral", "mellum", "seed-coder", "seed_coder", "seedcoder")
"""Families that were trained with the suffix in front (by a part of the model's name)."""
_NO_MIDDLE = ("codestral",)
"""Families whose vocabulary may have a middle token that they were not trained with."""


def prompt(header: Header, prefix: str, suffix: str) -> list[int | str]:
    """Return the prompt for the text between ``prefix`` and ``suffix``.

    Most families want prefix, suffix, middle (Qwen, DeepSeek, Code Llama, StarCoder, Granite,
    CodeGemma, GLM). A model without a middle token, and a few others, want the suffix first.
    """
    ids = header.fim
    parts: list[int | str]
    if "mid" not in ids or _is_one_of(header, _NO_MIDDLE):
        parts = [ids["suf"], suffix, ids["pre"], prefix]
    elif suffix_first(header):
        parts = [ids["suf"], suffix, ids["pre"], prefix, ids["mid"]]
    else:
        parts = [ids["pre"], prefix, ids["suf"], suffix, ids["mid"]]
    return ["", *(part for part in parts if part != "")]


def suffix_first(header: Header) -> bool:
    """Whether this family was trained with the suffix in front."""
    return _is_one_of(header, _SUFFIX_FIRST)


def _is_one_of(header: Header, families: tuple[str, ...]) -> bool:
    keys = ("general.name", "general.basename", "general.finetune")
    said = " ".join(str(header.metadata.get(key) or "") for key in keys).lower()
    return any(family in said.replace(" ", "-") for family in families)
