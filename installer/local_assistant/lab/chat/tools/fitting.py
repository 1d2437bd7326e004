"""A text cut to a number of tokens, at its end, between lines."""

from __future__ import annotations

from local_assistant.lab.chat.prompt import estimate_tokens


def fitted(text: str, most: int) -> tuple[str, str]:
    """Return what fits of a text, and what is left out, in words; "" where all of it fits.

    Args:
        text: the text.
        most: tokens, about.
    """
    if estimate_tokens(text) <= most:
        return text, ""
    lines, kept, used = text.splitlines(), 0, 0
    for line in lines:
        used += estimate_tokens(line) + 1
        if used > most:
            break
        kept += 1
    if kept:
        return "\n".join(lines[:kept]), f"only the first {kept:,} of {len(lines):,} lines fit"
    part = lines[0][: max(most, 0) * 3]
    while part and estimate_tokens(part) > most:
        part = part[: len(part) * 3 // 4]
    return part, f"only the first {len(part):,} of {len(text):,} characters fit"
