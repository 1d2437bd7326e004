"""Fill-in-the-middle prompts, from the token ids that the GGUF names.

Contract: pure. The prompt is a list of token ids and strings, as llama.cpp's server takes
it, so the markers are tokens whatever their spelling in this model.
"""

from __future__ import annotations

from local_assistant.engine.gguf import Header


def prompt(header: Header, prefix: str, suffix: str) -> list[int | str]:
    """Return the prompt for the text between ``prefix`` and ``suffix``.

    A model without a middle token (Codestral) wants the suffix first.
    """
    ids = header.fim
    parts: list[int | str]
    if "mid" in ids:
        parts = [ids["pre"], prefix, ids["suf"], suffix, ids["mid"]]
    else:
        parts = [ids["suf"], suffix, ids["pre"], prefix]
    bos = header.metadata.get("tokenizer.ggml.bos_token_id")
    if header.metadata.get("tokenizer.ggml.add_bos_token") and isinstance(bos, int):
        # llama.cpp puts BOS before a leading string, not before a leading token.
        parts.insert(0, bos)
    return [part for part in parts if part != ""]
