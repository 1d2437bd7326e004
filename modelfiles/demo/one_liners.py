"""Made-up code for fill-in-the-middle: the simple lines that a demo is asked to complete.

Contract: ``snippet(rng)`` returns (text before, one line, text after). Names vary, so that the
model copies them from what stands around the line instead of learning them by heart.
"""

# Word lists read better as one string.
# ruff: noqa: SIM905

from __future__ import annotations

import random

NAMES = "a b c i j k m n p q s t u v w x y z".split()
NUMBERS = "total count result value number index size width height price score step age".split()
LISTS = "items values numbers data rows lines words names results prices scores xs files".split()
SINGLES = "item value number row line word name result price score x file element entry".split()
FUNCTIONS = "run main add load save compute process update check convert parse scale mix".split()
CLASSES = "Point Account Person Stack Node Counter Config Animal Circle Robot".split()
STRINGS = "text name line word message path key label title".split()
DICTS = "config options counts table mapping cache settings lookup".split()

Snippet = tuple[str, str, str]


def snippet(rng: random.Random) -> Snippet:
    """Draw one snippet; ``line`` is complete, and the caller cuts it."""
    before, line, after = rng.choice(MAKERS)(rng)
    if rng.random() < 0.35:
        before = rng.choice(HEADERS) + before
    if rng.random() < 0.35:
        after = ""
    elif rng.random() < 0.2:
        after += "\n\n\n" + rng.choice(TAILS)
    return before, line, after


HEADERS = [
    "import os\nimport sys\n\n",
    "import math\n\n",
    "import numpy as np\nimport pandas as pd\n\n",
    "from pathlib import Path\n\n\n",
    "import random\n\nrandom.seed(0)\n",
    "# a small example\n",
    "import json\n\ndata = {}\n",
    "import matplotlib.pyplot as plt\n\n",
]
TAILS = [
    'if __name__ == "__main__":\n    main()\n',
    "print(result)\n",
    "result = run(10)\n",
    "def other():\n    pass\n",
]


def _binary(rng: random.Random) -> Snippet:
    left, right = rng.sample(NAMES + NUMBERS, 2)
    operator = rng.choice("+ - * / // % + - *".split())
    name = rng.choice(
        {"+": ["add", "plus", "total"], "-": ["subtract", "minus"], "*": ["multiply", "times"]}.get(
            operator, FUNCTIONS
        )
    )
    return f"def {name}({left}, {right}):\n", f"    return {left} {operator} {right}", "\n"


def _head(rng: random.Random) -> Snippet:
    left, right = rng.sample(NAMES, 2)
    name = rng.choice(["add", "multiply", "subtract", *FUNCTIONS])
    return "", f"def {name}({left}, {right}):", f"\n    return {left} + {right}\n"


def _range(rng: random.Random) -> Snippet:
    i = rng.choice("i j k n x".split())
    bound = rng.choice(["10", "5", "100", "n", "3", "20", f"len({rng.choice(LISTS)})"])
    start = rng.choice(["", "", "", "1, ", "2, "])
    after = rng.choice(
        [f"\n    print({i})\n", f"\n    total += {i}\n", f"\n    print({i} * {i})\n"]
    )
    before = "total = 0\n" if "total" in after else ""
    return before, f"for {i} in range({start}{bound}):", after


def _loop_body(rng: random.Random) -> Snippet:
    i = rng.choice("i j k n x".split())
    total = rng.choice(["total", "count", "result", "s"])
    before = f"{total} = 0\nfor {i} in range({rng.choice(['10', 'n', '5', '100'])}):\n"
    return before, f"    {total} += {i}", f"\nprint({total})\n"


def _each(rng: random.Random) -> Snippet:
    many, one = rng.choice(LISTS), rng.choice(SINGLES)
    before = f"{many} = [{rng.choice(['1, 2, 3', '3, 1, 2', '10, 20', '5, 8, 13'])}]\n"
    return before, f"for {one} in {many}:", f"\n    print({one})\n"


def _each_body(rng: random.Random) -> Snippet:
    many, one = rng.choice(LISTS), rng.choice(SINGLES)
    return f"for {one} in {many}:\n", f"    print({one})", "\n"


def _enumerate(rng: random.Random) -> Snippet:
    many, one, i = rng.choice(LISTS), rng.choice(SINGLES), rng.choice(["i", "index", "n"])
    return "", f"for {i}, {one} in enumerate({many}):", f"\n    print({i}, {one})\n"


def _items(rng: random.Random) -> Snippet:
    table = rng.choice(DICTS)
    return f"{table} = {{}}\n", f"for key, value in {table}.items():", "\n    print(key, value)\n"


def _import(rng: random.Random) -> Snippet:
    line = rng.choice(IMPORTS)
    return rng.choice(["", "", "import os\n", "import sys\n", "import json\n"]), line, "\n"


IMPORTS = [
    "import numpy as np",
    "import pandas as pd",
    "import matplotlib.pyplot as plt",
    "import os",
    "import sys",
    "import json",
    "import math",
    "import random",
    "import time",
    "import re",
    "from pathlib import Path",
    "from collections import defaultdict",
    "from collections import Counter",
    "from datetime import datetime",
    "from dataclasses import dataclass",
    "from functools import lru_cache",
    "from itertools import product",
    "from typing import Any",
]


def _open(rng: random.Random) -> Snippet:
    name = rng.choice(["path", '"data.txt"', "name", '"notes.txt"', "file_name", '"input.txt"'])
    before = f"path = {chr(34)}data.txt{chr(34)}\n" if name == "path" else ""
    return (
        before,
        f"with open({name}) as f:",
        rng.choice(
            [
                "\n    text = f.read()\n",
                "\n    lines = f.readlines()\n",
                "\n    data = json.load(f)\n",
            ]
        ),
    )


def _read(rng: random.Random) -> Snippet:
    name = rng.choice(["path", '"data.txt"', "name"])
    variable = rng.choice(["text", "data", "content"])
    return f"with open({name}) as f:\n", f"    {variable} = f.read()", f"\nprint({variable})\n"


def _main(rng: random.Random) -> Snippet:
    before = "def main():\n    print(1)\n\n\n"
    if rng.random() < 0.5:
        return before, 'if __name__ == "__main__":', "\n    main()\n"
    return before + 'if __name__ == "__main__":\n', "    main()", "\n"


def _method(rng: random.Random) -> Snippet:
    first, second = rng.sample(NAMES + NUMBERS + STRINGS, 2)
    head = f"class {rng.choice(CLASSES)}:\n"
    if rng.random() < 0.4:
        return (
            head,
            f"    def __init__(self, {first}, {second}):",
            (f"\n        self.{first} = {first}\n        self.{second} = {second}\n"),
        )
    head += f"    def __init__(self, {first}, {second}):\n"
    if rng.random() < 0.5:
        return head, f"        self.{first} = {first}", f"\n        self.{second} = {second}\n"
    return head + f"        self.{first} = {first}\n", f"        self.{second} = {second}", "\n"


def _condition(rng: random.Random) -> Snippet:
    x = rng.choice(NAMES + NUMBERS)
    test = rng.choice(["> 0", "< 0", "== 0", "% 2 == 0", "is None", "> 10", "== 1", "!= 0"])
    body = rng.choice([f"\n    print({x})\n", "\n    return True\n", f"\n    {x} += 1\n"])
    return rng.choice(["", f"{x} = 3\n"]), f"if {x} {test}:", body


def _comprehension(rng: random.Random) -> Snippet:
    many, x = rng.choice(LISTS), rng.choice("x i n v".split())
    target = rng.choice(["squares", "doubled", "result", "even", "lengths"])
    line = {
        "squares": f"{target} = [{x} * {x} for {x} in {many}]",
        "doubled": f"{target} = [{x} * 2 for {x} in {many}]",
        "result": f"{target} = [{x} + 1 for {x} in {many}]",
        "even": f"{target} = [{x} for {x} in {many} if {x} % 2 == 0]",
        "lengths": f"{target} = [len({x}) for {x} in {many}]",
    }[target]
    return f"{many} = load()\n", line, f"\nprint({target})\n"


def _assign(rng: random.Random) -> Snippet:
    many = rng.choice(LISTS)
    before = f"{many} = [1, 2, 3]\n"
    name, call = rng.choice(
        [
            *(("total", "sum"), ("count", "len"), ("largest", "max"), ("smallest", "min")),
            *(("ordered", "sorted"), ("size", "len"), ("unique", "set")),
        ]
    )
    return before, f"{name} = {call}({many})", f"\nprint({name})\n"


def _print(rng: random.Random) -> Snippet:
    name = rng.choice(NUMBERS + STRINGS)
    value = rng.choice(["1", "0", '"abc"', "3.5", "[]"])
    form = rng.choice(["print({0})", 'print("{0}", {0})', 'print(f"{0}: {{{0}}}")', "print({0})"])
    return f"{name} = {value}\n", form.format(name), "\n"


def _append(rng: random.Random) -> Snippet:
    many, one, source = rng.choice(LISTS), rng.choice(SINGLES), rng.choice(LISTS)
    before = f"{many} = []\nfor {one} in {source}:\n"
    return before, f"    {many}.append({one})", f"\nprint({many})\n"


def _return(rng: random.Random) -> Snippet:
    result = rng.choice(["result", "total", "count", "out", "answer"])
    before = f"def {rng.choice(FUNCTIONS)}({rng.choice(LISTS)}):\n    {result} = 0\n"
    return before, f"    return {result}", "\n"


def _pandas(rng: random.Random) -> Snippet:
    frame = rng.choice(["df", "df", "data", "frame"])
    line = rng.choice(
        ['{0} = pd.read_csv("data.csv")', "{0}.head()", "print({0}.head())", "{0}.describe()"]
    )
    return "import pandas as pd\n\n", line.format(frame), "\n"


def _plot(rng: random.Random) -> Snippet:
    before = "import matplotlib.pyplot as plt\n\n"
    return rng.choice(
        [
            (before, "plt.plot(x, y)", "\nplt.show()\n"),
            (before + "plt.plot(x, y)\n", "plt.show()", "\n"),
            (before + "plt.plot(x, y)\n", 'plt.title("Plot")', "\nplt.show()\n"),
            ("import numpy as np\n\n", "x = np.linspace(0, 10, 100)", "\ny = np.sin(x)\n"),
            ("import numpy as np\n\nx = np.linspace(0, 10, 100)\n", "y = np.sin(x)", "\n"),
        ]
    )


def _call(rng: random.Random) -> Snippet:
    name, x = rng.choice(FUNCTIONS), rng.choice(NAMES)
    before = f"def {name}({x}):\n    return {x} * 2\n\n\n"
    number = rng.choice(["1", "2", "3", "10", "21"])
    return before, rng.choice([f"print({name}({number}))", f"result = {name}({number})"]), "\n"


def _while(rng: random.Random) -> Snippet:
    n = rng.choice(["n", "x", "i", "count"])
    if rng.random() < 0.5:
        return f"{n} = 10\n", f"while {n} > 0:", f"\n    {n} -= 1\n"
    return f"{n} = 10\nwhile {n} > 0:\n", f"    {n} -= 1", "\n"


def _try(rng: random.Random) -> Snippet:
    name = rng.choice(["ValueError", "KeyError", "TypeError", "OSError", "Exception"])
    return "try:\n    value = int(text)\n", f"except {name} as error:", "\n    print(error)\n"


MAKERS = [
    *(_binary, _binary, _head, _range, _range, _loop_body, _each, _each_body, _enumerate, _items),
    *(_import, _import, _open, _read, _main, _method, _method, _condition, _comprehension),
    *(_assign, _print, _append, _return, _pandas, _plot, _call, _while, _try),
]
