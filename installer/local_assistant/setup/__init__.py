"""The installer: steps that each look first and do nothing where all is right.

``steps`` holds the ``ensure_*`` steps, ``dropins`` what they write for Jupyter, ``record``
what was written (so that ``uninstall`` takes back that and no more), ``changes`` the list
of everything that may change on a machine, ``smoke`` the proof that each part works.
"""
