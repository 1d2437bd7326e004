"""What a cell may use of its notebook: imports, and what its names are.

Contract: reads sources, runs nothing. A cell that is no Python (yet) is passed over.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

_MAGIC = re.compile(r"^([ \t]*)[%!].*$", re.MULTILINE)
_LONGEST = 100
"""Characters of a definition: what something is stands at its beginning."""


def plain(source: str) -> str:
    """Return a cell without the lines that only a notebook understands."""
    if source.lstrip().startswith("%%"):
        return ""
    return _MAGIC.sub(r"\1pass", source)


def parses(source: str) -> bool:
    """Return whether a cell is Python, or has a magic of its own."""
    try:
        ast.parse(plain(source))
    except (SyntaxError, ValueError, RecursionError):
        return False
    return True


def names_for(source: str, others: Sequence[str]) -> str:
    """Return the imports of a notebook and how the names in ``source`` came to be, as Python.

    Args:
        source: the cell.
        others: the sources of the cells above it, in order.
    """
    used = {node.id for node in ast.walk(_parsed(source)) if isinstance(node, ast.Name)}
    imports: dict[str, None] = {}
    names: dict[str, str] = {}
    for other in others:
        imported, defined = _told_by(other)
        imports.update(dict.fromkeys(imported))
        for name, said in defined:
            names.pop(name, None)  # the last definition counts, where it stands
            names[name] = said
    wanted = dict.fromkeys(said for name, said in names.items() if name in used)
    lines = [*imports, *wanted]
    return "\n".join(line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…" for line in lines)


@lru_cache(maxsize=1024)
def _told_by(source: str) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Return the imports and the definitions of a cell; of all others it is asked again."""
    body = _parsed(source).body
    imports = [node for node in body if isinstance(node, (ast.Import, ast.ImportFrom))]
    defined = [found for node in body for found in _defined(node)]
    return tuple(map(ast.unparse, imports)), tuple(defined)


def _defined(node: ast.stmt) -> Iterator[tuple[str, str]]:
    """Yield the names that a statement defines, and a line that says how."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        yield node.name, f"def {node.name}({ast.unparse(node.args)}): ..."
    elif isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        yield node.name, f"class {node.name}({bases}): ..." if bases else f"class {node.name}: ..."
    elif isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        said = ast.unparse(node)
        for target in targets:
            for each in ast.walk(target):
                if isinstance(each, ast.Name):
                    yield each.id, said
    elif isinstance(node, (ast.With, ast.For)):
        head = ast.unparse(node).partition("\n")[0]
        for each in ast.walk(node):
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
                yield each.id, head


def _parsed(source: str) -> ast.Module:
    return ast.parse(plain(source) if parses(source) else "")
