"""Jupyter AI's own parts get the same models: Jupyternaut 3 and all of Jupyter AI 2.

Contract: the stock parts are told three fixed model names (``models.aliases``) once, in
``jupyter_ai/config.json`` of the user's Jupyter data directory, the only file in a home that
is not ours and is written. Only where no model is chosen there; what :func:`ensure` wrote is
recorded first, and :func:`remove` takes back exactly that. Where the server is and its token
never stand in that file: they come by the environment, from the server extension. What
kernels need for the stock magics is set by ``lab.stock_magics``, when they start.
"""

from local_assistant.setup.jupyter_ai.step import ensure, files, own_model, problems, remove

__all__ = ["ensure", "files", "own_model", "problems", "remove"]
