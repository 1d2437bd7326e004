"""Documents that the chat has learned: ``/learn`` reads them, ``/ask`` answers from them.

Contract: everything stays in one SQLite file per embedding model under the assistant's own
folder. ``learning.learn`` is incremental (a file that has not changed is not embedded again)
and may be stopped at any file; ``retrieval.retrieve`` finds the passages nearest to a question.
Import the modules themselves; none imports anything heavy at top. Nothing here knows the chat.
"""
