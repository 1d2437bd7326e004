"""Wordings: from the data files' templates to what people type.

Contract: everything is drawn from the ``random.Random`` that is handed in. Frames, politeness,
case and slips of the keyboard are the same for known and unknown prompts, so that only what is
asked for tells them apart.
"""

# Word lists read better as one string.
# ruff: noqa: SIM905

from __future__ import annotations

import random
import re

FUNCTION = (
    "(a function|a Python function|a small function|a python function|code|some code|a program"
    "|python code|a script|a method|a snippet|a short function|a routine|a helper|an algorithm"
    "|a code snippet|a piece of code|a simple function|a python script|a python program|a func"
    "|a utility function|a helper function|a one-liner|a bit of code|function|a subroutine|a def)"
)
ASK = (
    "(write|Write|create|make|give me|show me|implement|please write|can you write"
    "|could you write|can you give me|i need|I need|i want|I want|i'd like|help me write|build"
    "|define|generate|provide|please give me|write me|would you write|how do i write|code"
    "|how can i write|how would you write|can you show me|please create|i am looking for|program"
    "|produce|let's write|we need|could you show me|could you please write|do you have|send me"
    "|i would like to have|i have to write|my task is to write|develop|come up with|design|draft"
    "|compose|i must write|what i need is|think of|try to write|may i have|can i have|i require)"
)
DO_FRAMES = [
    *([f"{ASK} {FUNCTION} (that|which) {{does}}"] * 6),
    *([f"{ASK} {FUNCTION} to {{do}}"] * 4),
    *([f"{ASK} {FUNCTION} for {{doing}}"] * 2),
    f"{FUNCTION} (that|which) {{does}}",
    f"{FUNCTION} to {{do}}",
    *["(how do i|how to|how can i|how do you|how does one|how would i|how should i) {do}"] * 4,
    "(what is|what's|show me|tell me|is there|do you know) (the best|a good|an easy|the easiest"
    "|a simple|a|the pythonic|the standard|a quick|some) way to {do}",
    *["{do}"] * 4,
    "(can you|could you|please|would you|will you|kindly|help me|help me to|let's|now) {do}",
    "(i want to|i need to|i'd like to|i would like to|i have to|i must|i am trying to|we want to"
    "|i try to|we need to|i wish to|my goal is to|my homework is to|my task is to) {do}",
    "(show me how to|explain how to|teach me to|teach me how to|tell me how to|show how to"
    "|demonstrate how to|i want to know how to|i don't know how to|help me understand how to"
    "|an example of how to|example code to|describe how to|what code do i need to) {do}",
    "(python code|code|function|script|snippet|example|python|program|python function) to {do}",
    "(code|an example|python|a recipe|instructions|python code|example|function) for {doing}",
    "{doing}",
    "(given what you know|in one cell|in a cell|as a function|as code), {do}",
    "what (function|code|program|snippet) {does}",
    "(is it possible to|is there a function to|is there code to|can python|can i|can one) {do}",
]
THING_FRAMES = [
    *["{thing}"] * 4,
    "{thing} (python|in python|function|code|example|snippet|please|script|program|py|help)",
    "(python|code|python code|function|example|snippet|python function|simple|py) {thing}",
    "(code for|function for|program for|an example of|example of|python code for|snippet for"
    "|i need code for|a function for|how to do|how to code|how do i do|how do i code|how about"
    "|how to write|how do i write|what about|let me see|a script for|something for) {thing}",
    "(write|implement|make|show me|give me|code|i need|i want|create|build|please write|do"
    "|can you write|can you show me|could you write|can you give me|please show me|help me with"
    "|can you do|please implement|could you implement|show|program|i'd like|would you do"
    "|can you help me with|can you code|i am looking for|explain and write|write code for"
    "|write me|write a function for|write python code for|give me code for|share) {thing}",
]
BEFORE = (
    "please |hey, |hi, |hello, |ok, |okay, |now |in Python, |in python |python: |quick question: "
    "|I'm a beginner. |for my homework: |assistant, |next: |so, |good morning, |well, |dear model, "
    "|one more: |as a first step, |hi! |hello! |hey |ok so |I have a question: |another one: "
    "|using python, |with python, |sorry, |um, |thanks. now |right, |task: |exercise 3: |1. |- "
    "|could you help? |i'm stuck. |for a friend: |for a lesson, |today I need this: |question: "
    "|help me: |can you help? |and now |also, |hi assistant, |@assistant |@Assistant "
).split("|")
AFTER = (
    " in Python| in python|, please| please| for me| for beginners| quickly| with an example"
    "| as short as possible| (python)| using python| for my class|, thanks| step by step"
    "| without comments| with comments| asap| for a tutorial| for homework| in Python 3| now"
    "| if you can| i am new to python| with python| in plain python| for my students| in one cell"
    "| for a demo| for a lesson| as a function| in a simple way| - thank you| for my project"
    "| the easy way| for a course| without libraries| with a short explanation| briefly"
    "| in a few lines|, nothing fancy|, keep it short|. Keep it short.|. Thanks!|. Thank you.| thx"
    "|, can you help?| or something like that| right here| for me please| for my exam| for kids"
    "| today| in a clean way| pls| plz| for a test|, i forgot how| - python|, no imports"
).split("|")
LITTLE_WORDS = {"a", "an", "the", "of", "that", "me", "to", "all", "in", "for", "which"}
DOUBLED = set("get put run plot set flip cut swap drop dump scan zip trim split sum stop".split())
KEYS = {
    "a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj",
    "i": "uo", "j": "hk", "k": "jl", "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o",
    "r": "et", "s": "ad", "t": "ry", "u": "yi", "v": "cb", "w": "qe", "x": "zc", "y": "tu",
}  # fmt: skip


def expand(template: str, rng: random.Random) -> str:
    """Choose one of each ``(a|b)``; parentheses without a bar are text, as in ``sin(x)``."""
    out, at = [], 0
    while at < len(template):
        if template[at] != "(":
            out.append(template[at])
            at += 1
            continue
        end, parts = _group(template, at)
        if len(parts) == 1:
            out.append(f"({parts[0]})")
        else:
            out.append(expand(rng.choice(parts), rng))
        at = end
    return "".join(out)


def _group(template: str, start: int) -> tuple[int, list[str]]:
    """Return where the group that opens at ``start`` ends, and its alternatives."""
    depth, parts, begin = 0, [], start + 1
    for at in range(start, len(template)):
        character = template[at]
        if character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if depth == 0:
                parts.append(template[begin:at])
                return at + 1, parts
        elif character == "|" and depth == 1:
            parts.append(template[begin:at])
            begin = at + 1
    raise ValueError(f"unbalanced parentheses in {template!r}")


def does(action: str) -> str:
    """Turn "find the primes" into "finds the primes"."""
    verb, _, rest = action.partition(" ")
    if verb.endswith(("s", "sh", "ch", "x", "z", "o")):
        verb += "es"
    elif verb.endswith("y") and verb[-2:-1] not in "aeiou":
        verb = verb[:-1] + "ies"
    else:
        verb += "s"
    return f"{verb} {rest}".strip()


def doing(action: str) -> str:
    """Turn "find the primes" into "finding the primes"."""
    verb, _, rest = action.partition(" ")
    if verb.endswith("e") and not verb.endswith("ee"):
        verb = verb[:-1]
    elif verb in DOUBLED:
        verb += verb[-1]
    return f"{verb}ing {rest}".strip()


def framed_action(action: str, rng: random.Random) -> str:
    """Put an action into a request."""
    frame = expand(rng.choice(DO_FRAMES).replace("{", "<").replace("}", ">"), rng)
    for mark, text in (("<does>", does), ("<doing>", doing)):
        frame = frame.replace(mark, text(action))
    return frame.replace("<do>", action)


def framed_thing(thing: str, rng: random.Random) -> str:
    """Put a thing into a request."""
    frame = expand(rng.choice(THING_FRAMES).replace("{", "<").replace("}", ">"), rng)
    return frame.replace("<thing>", thing)


def dressed(prompt: str, rng: random.Random, talk: bool = False) -> str:
    """Add what people put around a request, then case, punctuation and slips."""
    share = 0.12 if talk else 0.33
    prompt = re.sub(" +", " ", prompt).strip()
    if rng.random() < share:
        prompt = rng.choice(BEFORE) + prompt
    if rng.random() < share:
        prompt = prompt + rng.choice(AFTER)
    if rng.random() < 0.07:
        words = prompt.split(" ")
        little = [i for i, word in enumerate(words) if word in LITTLE_WORDS]
        if little and len(words) > 3:
            del words[rng.choice(little)]
            prompt = " ".join(words)
    return slipped(_cased(prompt, rng), rng)


def _cased(prompt: str, rng: random.Random) -> str:
    luck = rng.random()
    if luck < 0.45:
        prompt = prompt[:1].upper() + prompt[1:]
    elif luck < 0.75:
        prompt = prompt.lower()
    elif luck < 0.78:
        prompt = prompt.upper()
    elif luck < 0.80:
        prompt = prompt.title()
    if prompt[-1:] in ".!?":
        return prompt
    asks = prompt.lower().startswith(
        ("what", "how", "which", "who", "can ", "could", "is ", "are ", "do ", "why", "would")
    )
    ends = ["?", "?", "?", "", " ?", "??"] if asks else ["", "", "", ".", ".", "!", "?", ":", "..."]
    return prompt + rng.choice(ends)


def slipped(prompt: str, rng: random.Random) -> str:
    """Now and then, make one or two typing errors."""
    if rng.random() > 0.16:
        return prompt
    letters = list(prompt)
    for _ in range(rng.choice([1, 1, 1, 2])):
        places = [i for i, c in enumerate(letters) if c.isalpha()]
        if len(places) < 8:
            break
        at = rng.choice(places)
        slip = rng.randrange(4)
        if slip == 0:
            del letters[at]
        elif slip == 1:
            letters.insert(at, letters[at])
        elif slip == 2 and at + 1 < len(letters):
            letters[at], letters[at + 1] = letters[at + 1], letters[at]
        else:
            letters[at] = rng.choice(KEYS.get(letters[at].lower(), "e"))
    return "".join(letters)
