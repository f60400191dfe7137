"""The credentials of buckets, which only the processes that need them have."""

import os
from collections.abc import Mapping

# The variables of boto, of the libraries of Azure and Google, and of fsspec, which may be
# credentials.
_VARIABLES = ("AWS_", "AZURE_", "BOTO_", "GOOGLE_", "GCS_", "FSSPEC_")


def take_credentials() -> dict[str, str]:
    """Take the variables of stores out of the environment, so that no child inherits them.

    Returns:
        The variables, for `give_credentials`.
    """
    return {name: os.environ.pop(name) for name in [*os.environ] if name.startswith(_VARIABLES)}


def give_credentials(variables: Mapping[str, str]) -> None:
    """Put the variables of stores into the environment of this process."""
    if variables:
        from fsspec.config import conf, set_conf_env

        os.environ.update(variables)
        set_conf_env(conf)
