"""The faults of packed files."""


class Damaged(Exception):
    """A packed file is damaged."""


class Unreadable(Exception):
    """A packed file cannot be unpacked. The text has the reason, for the user."""
