"""Models as JupyterLab shows them: what there is, which one answers, and getting one.

Contract: ``handlers`` are the HTTP endpoints, ``listing`` what the page is told, ``choosing``
the change of what answers, ``jobs`` the one download of a Jupyter server, ``changes`` who wants
to know of all this. Importing this package or ``handlers`` is cheap (JupyterLab's start waits
for it).
"""
