"""Tools for a model in the chat: what it may call, what each call needs, what came of it.

Off by default. Reading stays below JupyterLab's folder and off hidden files and files of secrets;
what changes something is shown first and done after the user's yes, each time.
"""
