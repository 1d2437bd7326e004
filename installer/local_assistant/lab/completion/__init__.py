"""Ghost text, server side: from an editor's state to a suggestion, streamed.

Contract: ``handlers`` are the HTTP endpoints, ``service`` keeps at most one generation per
Jupyter server, ``job`` runs one; ``prompt``, ``context``, ``families``, ``judge`` and
``postprocess`` are pure. Importing this package or ``handlers`` is cheap (JupyterLab's start
waits for it); everything else is imported with the first request.
"""
