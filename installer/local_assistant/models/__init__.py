"""Which models there are: presets, what fits this machine, getting them, listing them.

Contract: import the modules themselves (``presets``, ``machine``, ``pull``, ``catalog``);
all are cheap to import, heavy libraries are imported where they are used.
"""
