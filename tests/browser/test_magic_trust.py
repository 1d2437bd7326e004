"""What a model writes must not act in the page: ``%%ai`` outputs in a real JupyterLab.

JupyterLab trusts the outputs of a cell that was just run, so a script in them runs with the
user's rights. The first test shows that; without it the others would prove nothing.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator

from tests.browser.pages import Notebook

IMAGE = "<img src=x onerror='window.acted=1'>"
PIECES = [
    "`", "``", "```", "```\n", "```py\n", "\n```\n", "\n  ```\n", "~~~\n", "$", "$$", "\n", "\n\n",
    "  ", "    ", "> ", "- ", "1. ", "|", "\\", IMAGE, "<script>window.acted=1</script>",
    "<b onmouseover=x>", "\\begin{a}", "\\end{a}", "\\\\(", "\\\\)", "[x](", "javascript:x", ")",
    "https://a.example/b", "](", "\n[x]: javascript:x\n", "[x]", "![", '"', "'", "text", "*",
    "|---|---|\n", "~~", "~~`~~", "\\![", "```mermaid\n",
    "<!--", "-->", "<a href=javascript:x>", "&#106;avascript:x", '" onx=1 $', "www.",
]  # fmt: skip
SHOW = """
import random
from IPython.display import display
from local_assistant.lab.magics.formats import render
random.seed({seed})
pieces = {pieces!r}
for _ in range({count}):
    text = "".join(random.choice(pieces) for _ in range(random.randint(3, 20)))
    display(render("{form}", text).bundle, raw=True)
"""
LOOK = """area => [...area.querySelectorAll('*')].flatMap(element => {
  const found = ['IMG', 'SCRIPT', 'B'].includes(element.tagName) ? [element.tagName] : [];
  for (const attribute of element.attributes) {
    if (attribute.name.startsWith('on')) found.push(attribute.name);
    if (attribute.name === 'href' && element.href.startsWith('javascript')) found.push('href');
  }
  return found;
})"""


def _acted(cell: Locator) -> bool:
    cell.page.wait_for_timeout(300)  # an image that is not there reports that a little later
    return bool(cell.page.evaluate("window.acted"))


def test_a_trusted_output_does_act(notebook: Notebook) -> None:
    shown = f'from IPython.display import Markdown\nMarkdown("""{IMAGE}""")'
    notebook.run(shown)
    notebook.lab.page.wait_for_function("window.acted")  # however long the image takes to fail
    notebook.lab.page.evaluate("window.acted = undefined")


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_models_markdown_does_not(notebook: Notebook, seed: int) -> None:
    cell = notebook.run(SHOW.format(seed=seed, pieces=PIECES, count=48, form="markdown"))
    area = cell.locator(".jp-OutputArea")
    assert area.locator(".jp-RenderedMarkdown").count() >= 45
    assert area.evaluate(LOOK) == []
    assert not _acted(cell)


def test_a_models_html_does_not(notebook: Notebook) -> None:
    cell = notebook.run(SHOW.format(seed=3, pieces=PIECES, count=20, form="html"))
    frames = cell.locator(".jp-OutputArea iframe")
    assert frames.count() >= 18
    assert {frame.get_attribute("sandbox") for frame in frames.all()} == {""}
    assert not _acted(cell)


TEX = [
    r"\href{javascript:window.acted=1}{x}",
    r"\require{html}",
    r"\class{lm-Menu}{y}",
    r"\style{position:fixed}{z}",
    r"\cssId{main}{q}",
    r"\unicode{x}",
    r"\data{a=b}{c}",
    r"\includegraphics{http://far.example/x}",
    "$$",
    "$",
    "x = 1",
    r"\frac{1}{2}",
    r"\text{<img src=x onerror='window.acted=1'>}",
    "\\",
    "\n",
    r"\begin{align}",
    r"\end{align}",
    r"\url{javascript:window.acted=1}",
    r"\mmlToken{mi}[onclick=window.acted=1]{x}",
    IMAGE,
    "{",
    "}",
]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_models_formulas_do_not(notebook: Notebook, seed: int) -> None:
    cell = notebook.run(SHOW.format(seed=seed, pieces=TEX, count=60, form="math"))
    area = cell.locator(".jp-OutputArea")
    assert area.locator(".jp-RenderedLatex").count() >= 30
    area.locator("mjx-container").last.wait_for()
    assert area.evaluate(LOOK) == []
    assert area.locator("mjx-container :is([href], [id], .lm-Menu)").count() == 0
    assert not _acted(cell)
