"""The scopes of API keys."""

import enum


class Scope(enum.StrEnum):
    """The scopes of an API key. With any of them it sees its own jobs."""

    READ = "read"  # the catalogue and the metrics of the service
    SUBMIT = "submit"  # start jobs, and cancel its own
    ACCEPT = "accept"  # accept files of any job, and make and remove pins
    ADMIN = "admin"  # everything, with the jobs of every API key
