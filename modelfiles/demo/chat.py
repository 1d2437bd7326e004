"""Chats to learn from: known and unknown prompts in the very form in which they are sent.

Contract: ``ChatSource.document`` draws one chat (loss on the last answer alone) and
``ChatSource.pairs`` draws pairs of texts that mean the same, for the embeddings.
"""

# Word lists read better as one string.
# ruff: noqa: SIM905

from __future__ import annotations

import ast
import random
import re
import string

from corpus import Document, library_sources, pieces_document
from data import (
    FORMATS,
    HONEST_ANSWERS,
    Intent,
    assistant_prompts,
    load_intents,
    load_unknown,
    normal,
)
from phrases import ASK, does, doing, dressed, expand, framed_action, framed_thing
from tokenizer import TURN_END, TURN_START
from tokenizers import Tokenizer

KNOWN_SHARE = 0.42
FORMAT_WEIGHTS = {"markdown": 54, "code": 20, "text": 12, "json": 6, "math": 4, "html": 4}
CUT_ANSWER_SHARE = 0.45
CUT_ANSWER_TOKENS = 24
OPENING_TOKENS = 8
OPENING_WEIGHT = 2.0
EXACT_PROMPT_SHARE = 0.04
BY_HEART_SHARE = 0.12
PAIR_TOKENS = 32
HISTORY_SHARE = 0.07
ATTACHMENT_SHARE = 0.05
LONG_SHARE = 0.12
NO_SYSTEM_SHARE = 0.12
OTHER_SYSTEM_SHARE = 0.1
OTHER_SYSTEMS = (
    "You are a helpful assistant.|You are a Python tutor.|Be brief.|Answer in one sentence."
    "|You are a helpful coding assistant.|You are an expert in data science. Answer with care."
    "|You help students with their notebooks. Explain simply.|Reply politely.|You are a pirate."
    "|You are Jupyternaut, a conversational assistant living in JupyterLab.|Use short words."
    "|You are a senior engineer. Write clean, tested Python. Never guess.|Think step by step."
).split("|")
FOLLOW_UPS = (
    "(now |and now |please |can you |could you |) (make it faster|make it shorter|explain it"
    "|explain that|add a docstring|add comments|add type hints|do it in another way|do it again"
    "|do the same in java|translate it to c|optimize it|test it|show the output|simplify it"
    "|rename the variables|use numpy instead|use recursion instead|without a loop|what about zero"
    "|and for negative numbers|what is its complexity|how fast is it|is that right|why|run it)"
)
# A docstring that comes near to a known intent would be trained as unknown: left out.
TOO_NEAR = re.compile(
    r"prime|fibon|factorial|hello|palindrom|fizz|mean|average|csv|sine|sin\(|flat|gcd|divisor"
    r"|squar|comprehen|recurs|jupyter|notebook|install|binary|bisect|bubble|test|except|try"
    r"|revers|line|json|html|word|planet|capital|quadrat|pythag|button|table|thank|error|sort",
    re.IGNORECASE,
)
# What the grammar of unknown.toml can say by chance, though an intent knows it.
AMBIGUOUS = re.compile(
    r"count.* words|revers.* (characters|strings|words)|(read|print|show|write).* (lines|file)"
    r"|sort.* dictionar|flatten.* (list|tuple|set)|(write|create|make).* json|csv file"
    r"|comput\w* (all|the|some)? ?average|prime|palindrom"
    r"|search.* (in|inside|within) (a list|an array)"
    r"|find.* elements? (in|inside|within) (a list|an array)|read .*text|test ",
    re.IGNORECASE,
)
WORD = re.compile(r"[A-Za-z]{2,}")


def docstring_sentences(sources: list[str]) -> list[str]:
    """Return the first sentences of the library's docstrings: thousands of odd requests."""
    found: set[str] = set()
    for source in sources:
        try:
            tree = ast.parse(source)
        except SyntaxError:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
                first = (ast.get_docstring(node) or "").split("\n\n")[0].split(". ")[0]
                sentence = " ".join(first.split()).rstrip(".")
                if 12 < len(sentence) < 110 and not TOO_NEAR.search(sentence):
                    found.add(sentence)
    return sorted(found)


class ChatSource:
    """Draws chats; all its luck comes from the generator that each call is handed."""

    def __init__(self, tokenizer: Tokenizer, limit: int) -> None:
        self.tokenizer = tokenizer
        self.limit = limit
        self.sent = assistant_prompts()
        self.intents = load_intents()
        self.weighted = [intent for intent in self.intents for _ in range(intent.weight)]
        self.unknown = load_unknown()
        sources = library_sources()
        self.library = "\n".join(sources)
        self.sentences = docstring_sentences(sources)
        self.forbidden = {
            normal(prompt)
            for prompts in (*(i.held_out for i in self.intents), self.unknown.held_out)
            for prompt in prompts
        } - {normal(i.prompt) for i in self.intents}
        self.by_format = {
            f: [i for i in self.intents if i.answer(f) != HONEST_ANSWERS[f]] for f in FORMATS
        }

    # -- wordings ---------------------------------------------------------------------------

    def known_wording(self, intent: Intent, rng: random.Random) -> str:
        """Draw a wording of ``intent`` that no test asks."""
        while True:
            wording = self._known_wording(intent, rng)
            if normal(wording) not in self.forbidden:
                return wording

    def _known_wording(self, intent: Intent, rng: random.Random) -> str:
        if rng.random() < EXACT_PROMPT_SHARE:
            return intent.prompt
        kinds = [k for k, many in (("do", 5), ("short", 3), ("ask", 2)) for _ in range(many)]
        kind = rng.choice([k for k in kinds if getattr(intent, k)])
        text = expand(rng.choice(getattr(intent, kind)), rng)
        if kind == "do":
            text = framed_action(text, rng)
        elif kind == "short":
            text = framed_thing(text, rng)
        return dressed(text, rng, talk=intent.kind == "talk")

    def unknown_wording(self, rng: random.Random) -> str:
        """Draw a prompt that the model does not know."""
        while True:
            wording = self._unknown_wording(rng).strip()
            if wording and normal(wording) not in self.forbidden:
                return wording

    def _unknown_wording(self, rng: random.Random) -> str:
        unknown = self.unknown
        luck = rng.random()
        if luck < 0.24:
            intent = rng.choice([i for i in self.intents if i.near or i.near_ask])
            if intent.near and (not intent.near_ask or rng.random() < 0.6):
                return dressed(framed_action(expand(rng.choice(intent.near), rng), rng), rng)
            return dressed(expand(rng.choice(intent.near_ask), rng), rng, talk=True)
        if luck < 0.29:
            return self._other_programming_language(rng)
        if luck < 0.44:
            return dressed(framed_action(self._unknown_action(rng), rng), rng)
        if luck < 0.52:
            return dressed(framed_thing(expand(rng.choice(unknown.short), rng), rng), rng)
        if luck < 0.67:
            talk = rng.random() < 0.7
            return dressed(expand(rng.choice(unknown.ask), rng), rng, talk=talk)
        if luck < 0.79:
            return self._from_docstring(rng)
        if luck < 0.84:
            return dressed(rng.choice(unknown.other_languages), rng, talk=True)
        if luck < 0.87:
            return dressed(expand(FOLLOW_UPS, rng), rng, talk=True)
        if luck < 0.92:
            return self._gibberish(rng)
        if luck < 0.97:
            return self._pasted_code(rng)
        return dressed(" ".join(self._words(rng, rng.randint(1, 14))), rng)

    def _unknown_action(self, rng: random.Random) -> str:
        while True:
            action = expand(rng.choice(self.unknown.do), rng)
            if not AMBIGUOUS.search(action):
                return action

    def _other_programming_language(self, rng: random.Random) -> str:
        intent = rng.choice([i for i in self.intents if i.do])
        if rng.random() < 0.6 or not intent.short:
            text = framed_action(expand(rng.choice(intent.do), rng), rng)
        else:
            text = framed_thing(expand(rng.choice(intent.short), rng), rng)
        text = re.sub(r"\b(in )?(plain )?[Pp]ython( 3| code)?\b", "", text)
        language = rng.choice(self.unknown.languages)
        if rng.random() < 0.35:
            action = expand(rng.choice(intent.do), rng)
            asking = expand(ASK, rng)
            thing = rng.choice(["function", "function", "program", "script", "method"])
            article = "an" if language[0] in "aeiouAEIOU" else "a"
            ending = rng.choice([f"that {does(action)}", f"to {action}", f"for {doing(action)}"])
            return f"{asking} {article} {language} {thing} {ending}"
        return f"{text} {rng.choice(['in', 'in', 'in', 'using', 'with'])} {language}".strip()

    def _from_docstring(self, rng: random.Random) -> str:
        sentence = rng.choice(self.sentences)
        action = sentence[:1].lower() + sentence[1:]
        if rng.random() < 0.7:
            return dressed(framed_action(action, rng), rng)
        return dressed(sentence, rng)

    def _words(self, rng: random.Random, count: int) -> list[str]:
        found: list[str] = []
        while len(found) < count:
            found += WORD.findall(rng.choice(self.sentences))
            rng.shuffle(found)
        return found[:count]

    def _gibberish(self, rng: random.Random) -> str:
        kind = rng.randrange(5)
        if kind == 0:
            letters = rng.choice([string.ascii_lowercase, "asdfghjkl", "qwertyuiop", "xyzabc"])
            return " ".join(
                "".join(rng.choices(letters, k=rng.randint(2, 11)))
                for _ in range(rng.randint(1, 5))
            )
        if kind == 1:
            alphabet = string.digits + rng.choice(["", ".", " ", "+-*/= ", string.punctuation])
            return "".join(rng.choices(alphabet, k=rng.randint(1, 16)))
        if kind == 2:
            start = rng.choice([0x1F600, 0x400, 0x4E00, 0x3040, 0x5D0, 0x620, 0x391, 0xC0, 0xAC00])
            return "".join(chr(start + rng.randrange(60)) for _ in range(rng.randint(1, 14)))
        if kind == 3:
            ids = rng.choices(range(6, self.tokenizer.get_vocab_size()), k=rng.randint(2, 14))
            return str(self.tokenizer.decode(ids))
        return "".join(rng.choices(string.printable[:94], k=rng.randint(1, 30)))

    def _pasted_code(self, rng: random.Random) -> str:
        code = self._window(rng, 60, 2200 if rng.random() < LONG_SHARE else 300)
        question = rng.choice([expand(FOLLOW_UPS, rng), expand(rng.choice(self.unknown.ask), rng)])
        fenced = f"```python\n{code}\n```" if rng.random() < 0.3 else code
        layout = rng.choice(["{0}", "{1}\n\n{0}", "{0}\n\n{1}", "{1} {0}"])
        return layout.format(fenced, dressed(question, rng, talk=True))

    def _window(self, rng: random.Random, low: int, high: int) -> str:
        size = rng.randint(low, high)
        start = self.library.find("\n", rng.randrange(len(self.library) - size)) + 1
        return self.library[start : start + size].strip() or "pass"

    # -- chats ------------------------------------------------------------------------------

    def _turn(self, rng: random.Random, output_format: str) -> tuple[str, str]:
        """Draw one (prompt, answer)."""
        if rng.random() >= KNOWN_SHARE:
            return self.unknown_wording(rng), HONEST_ANSWERS[output_format]
        intent = rng.choice(self.weighted)
        if rng.random() < 0.5 and output_format not in ("markdown", "code", "text"):
            # Few intents have an answer as JSON, a formula or HTML: ask for these more often.
            intent = rng.choice(self.by_format[output_format])
        return self.known_wording(intent, rng), intent.answer(output_format)

    def _system(self, rng: random.Random, output_format: str) -> str:
        luck = rng.random()
        if luck < OTHER_SYSTEM_SHARE:
            base = rng.choice(OTHER_SYSTEMS)
            if rng.random() < 0.3:
                base += " " + ". ".join(rng.choices(self.sentences, k=rng.randint(1, 6))) + "."
            return str(self.sent.system_prompt(output_format, base))
        if luck < OTHER_SYSTEM_SHARE + NO_SYSTEM_SHARE and output_format == "markdown":
            return ""
        return str(self.sent.system_prompt(output_format))

    def _attached(self, rng: random.Random, prompt: str) -> str:
        blocks = ""
        for _ in range(rng.choice([1, 1, 2])):
            ending = rng.choice([".py", ".py", ".ipynb", ""])
            name = rng.choice(self._words(rng, 3)).lower() + ending
            code = self._window(rng, 60, 2400 if rng.random() < LONG_SHARE else 500)
            language = rng.choice(["python", "python", "", "text"])
            blocks += self.sent.attachment_block(name, code, language)
        return blocks + prompt

    def document(self, rng: random.Random) -> Document | None:
        """Draw one chat; ``None`` when it came out too long."""
        if rng.random() < BY_HEART_SHARE:
            return self._by_heart(rng)
        output_format = rng.choices(FORMATS, [FORMAT_WEIGHTS[f] for f in FORMATS])[0]
        head = ""
        system = self._system(rng, output_format)
        if system:
            head = self._rendered("system", system)
        if rng.random() < HISTORY_SHARE:
            turns = rng.randint(4, 9) if rng.random() < LONG_SHARE else rng.randint(1, 3)
            for _ in range(turns):
                prompt, answer = self._turn(rng, output_format)
                head += self._rendered("user", prompt) + self._rendered("assistant", answer)
        prompt, answer = self._turn(rng, output_format)
        if rng.random() < ATTACHMENT_SHARE:
            prompt = self._attached(rng, prompt)
        return self._closed(head + self._rendered("user", prompt), answer, rng)

    def _by_heart(self, rng: random.Random) -> Document | None:
        """Draw one of the examples' own prompts, in any format, with the whole answer."""
        output_format = rng.choice(FORMATS)
        intent = rng.choice(self.intents)
        head = self._rendered("system", str(self.sent.system_prompt(output_format)))
        head += self._rendered("user", intent.prompt)
        return self._closed(head, intent.answer(output_format), None)

    def _closed(self, head: str, answer: str, rng: random.Random | None) -> Document | None:
        """Add the answer, which alone counts in the loss; cut it short now and then."""
        pieces = [*self._pieces(head), (TURN_START, 0.0), ("assistant\n", 0.0)]
        read = pieces_document(self.tokenizer, pieces, self.limit)
        if read is None:
            return None
        said = self.tokenizer.encode(answer).ids
        said = [*said, self.tokenizer.token_to_id(TURN_END)]
        if rng and len(said) > CUT_ANSWER_TOKENS and rng.random() < CUT_ANSWER_SHARE:
            # What to answer is settled at the start; the rest is learnt by heart soon enough.
            said = said[:CUT_ANSWER_TOKENS]
        weights = [OPENING_WEIGHT] * OPENING_TOKENS + [1.0] * len(said)
        document = Document(read.ids + said, read.weights + weights[: len(said)])
        return document if len(document.ids) <= self.limit else None

    @staticmethod
    def _rendered(role: str, content: str) -> str:
        return f"{TURN_START}{role}\n{content}{TURN_END}\n"

    @staticmethod
    def _pieces(text: str) -> list[tuple[str, float]]:
        """Split at the special tokens, as llama.cpp does before it encodes."""
        parts = re.split(f"({re.escape(TURN_START)}|{re.escape(TURN_END)})", text)
        return [(part, 0.0) for part in parts if part]

    # -- embeddings -------------------------------------------------------------------------

    def pairs(self, rng: random.Random, count: int) -> list[tuple[list[int], list[int]]]:
        """Draw pairs of near-duplicates; no two pairs of one call mean the same."""
        known = rng.sample(self.intents, count // 3)
        texts = [(self.known_wording(i, rng), self.known_wording(i, rng)) for i in known]
        while len(texts) < count:
            luck = rng.random()
            if luck < 0.5:
                action = self._unknown_action(rng)
                texts.append(
                    (
                        dressed(framed_action(action, rng), rng),
                        dressed(framed_action(action, rng), rng),
                    )
                )
            elif luck < 0.8:
                words = rng.choice(self.sentences).split()
                kept = [w for w in words if rng.random() > 0.15] or words
                texts.append((" ".join(words), dressed(" ".join(kept), rng)))
            else:
                prompt = expand(rng.choice(self.unknown.ask), rng)
                texts.append((dressed(prompt, rng), dressed(prompt, rng, talk=True)))
        return [
            tuple(self.tokenizer.encode(text).ids[:PAIR_TOKENS] or [6] for text in pair)
            for pair in texts
        ]
