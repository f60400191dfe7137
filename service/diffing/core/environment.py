"""Reads the settings from the environment, and words the faults in them."""

import os
from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, SecretStr, ValidationError

from diffing.core.errors import BadSetting
from diffing.core.settings import SECRETS, ClientSettings, Settings
from diffing.core.text import typed_option, words_of_fault

_S = TypeVar("_S", bound=BaseModel)


def load_settings(**overrides: object) -> Settings:
    """Read the settings.

    Args:
        overrides: settings given on the command line; None means not given.

    Raises:
        BadSetting: a value is invalid. The text names each variable.
    """
    return _load(Settings, overrides)


def load_client_settings(**overrides: object) -> ClientSettings:
    """Read the settings of a client, as `load_settings` does."""
    return _load(ClientSettings, overrides)


def variables_of(settings: Settings) -> dict[str, str]:
    """The variables that give a child process these settings."""
    return {
        _variable(name): value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in settings
        if value is not None
    }


def forget_secrets() -> None:
    """Remove the variables with passwords, so that no child process has them."""
    secrets = {_variable(name) for name in SECRETS}
    for variable in [*os.environ]:
        if variable.upper() in secrets:
            del os.environ[variable]


def _load(kind: type[_S], overrides: Mapping[str, object]) -> _S:
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return kind.model_validate({**_environment(kind), **given})
    except ValidationError as error:
        faults = [
            f"{_given_as('_'.join(map(str, e['loc'])), given)}: {words_of_fault(e)}"
            for e in error.errors()
            if e["type"] != "default_factory_not_called"  # because of another fault
        ]
        raise BadSetting("; ".join(faults)) from None


def _given_as(name: str, overrides: Mapping[str, object]) -> str:
    """The variable of a setting, or the option of the command line that was given."""
    return typed_option(name) if name in overrides else _variable(name)


def _environment(kind: type[BaseModel]) -> dict[str, str]:
    """The variables of these settings, in any case. Empty variables count as not set."""
    texts = {variable.upper(): text for variable, text in os.environ.items() if text}
    return {name: texts[_variable(name)] for name in kind.model_fields if _variable(name) in texts}


def _variable(name: str) -> str:
    return f"DIFFING_{name.upper()}"
