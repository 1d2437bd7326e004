"""Models in memory: a process for each, slots, and who leaves first."""
