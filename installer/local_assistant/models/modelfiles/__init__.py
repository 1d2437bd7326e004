"""Modelfiles: reading them, and making models of them on either server.

Contract: ``parsing`` knows the grammar, ``checking`` what each instruction takes, ``creating``
makes a model of a checked file, ``variants`` the assistant's own variants of a model.
"""
