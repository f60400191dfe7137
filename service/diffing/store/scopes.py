"""What an API key may be used for."""

import enum


class Scope(enum.StrEnum):
    """The scopes of a key; it sees the jobs that it made, whichever of them it has."""

    READ = "read"  # the catalogue and the figures of the service
    SUBMIT = "submit"  # new jobs, and the end of those that it made
    ADMIN = "admin"  # everything, and the jobs of every key
