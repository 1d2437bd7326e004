"""The one error of this package.

Contract: its text is what Go's ``text/template`` would say, since users meet the same words
in Ollama: ``template: :LINE: …`` for parsing, ``template: :LINE:COLUMN: executing "" at
<…>: …`` for running.
"""

from __future__ import annotations


class TemplateError(Exception):
    """A template that cannot be parsed or run."""
