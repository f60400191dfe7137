"""Faults by the hundred against the real processes; `python -m tests.torture` prints what held."""
