"""Measurements of the figures that the project promises; each a ratio or a difference in one run.

Every module here has ``measure(runs) -> list[Figure]``. Machines are noisy and small, so
the two things compared take turns (A B A B …) and medians are reported; nothing here is a
test and nothing fails for being slow.
"""
