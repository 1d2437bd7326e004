"""The ``jupyter assistant`` command.

``main`` catches and exits, ``group`` loads commands when they are needed, ``commands/``
holds one file for each verb, ``result`` is what they return, ``render`` alone prints.
"""
