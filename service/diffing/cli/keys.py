"""The commands `diffing keys …`."""

from typing import TYPE_CHECKING, Annotated

import typer

from diffing.cli.console import examples, say
from diffing.cli.options import DataDir
from diffing.core.environment import load_settings
from diffing.core.errors import BadSetting
from diffing.core.settings import Settings
from diffing.core.text import shown
from diffing.store.scopes import Scope

if TYPE_CHECKING:
    from diffing.store.api_keys import ApiKey, ApiKeys

api_keys = typer.Typer(
    name="keys",
    help="Create, list and revoke API keys.",
    rich_markup_mode=None,
)

Scopes = Annotated[
    list[Scope] | None,
    typer.Option("--scope", help="A scope; repeat for more. [default: read and submit]"),
]


@api_keys.command(epilog=examples("diffing keys create nightly --scope read --scope submit"))
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name for the API key.")],
    scope: Scopes = None,
    data_dir: DataDir = None,
) -> None:
    """Create an API key, and print its token, once, to standard output."""
    settings = load_settings(data_dir=data_dir)
    api_key, token = _table(settings).create(name, {*(scope or (Scope.READ, Scope.SUBMIT))})
    say(
        f"Created API key {api_key.id} with the scopes {_scopes_of(api_key)}. Send its token as "
        "`Authorization: Bearer TOKEN`. The token cannot be shown again:"
    )
    if settings.api_keys == "auto":
        say("Requests on loopback need no API key, unless DIFFING_API_KEYS=on.")
    if settings.api_keys == "off":
        say("Requests need no API key: DIFFING_API_KEYS=off.")
    typer.echo(token)


@api_keys.command(name="list", epilog=examples("diffing keys list"))
def list_api_keys(data_dir: DataDir = None) -> None:
    """List the API keys: id, scopes, date, state, name."""
    settings = load_settings(data_dir=data_dir)
    known = _existing_table(settings).all()
    if not known:
        say(f"No API keys in {settings.data_dir.absolute()}.")
    for api_key in known:
        revoked = f"revoked {api_key.revoked_at:%Y-%m-%d}" if api_key.revoked_at else "valid"
        made = f"{api_key.created_at:%Y-%m-%d}"
        typer.echo(
            f"{api_key.id}  {_scopes_of(api_key):18}  {made}  {revoked:18}  {shown(api_key.name)}"
        )


@api_keys.command(epilog=examples("diffing keys revoke 0123456789ab"))
def revoke(
    api_key_id: Annotated[
        str, typer.Argument(metavar="ID", help="The id that `diffing keys list` prints.")
    ],
    data_dir: DataDir = None,
) -> None:
    """Revoke an API key."""
    api_key = _existing_table(load_settings(data_dir=data_dir)).revoke(api_key_id)
    say(f"Revoked API key {api_key.id} ({shown(api_key.name)}).")


def _table(settings: Settings) -> "ApiKeys":
    # imported here: a diff needs no database, and starts in half the time
    from diffing.store.api_keys import ApiKeys
    from diffing.store.database import open_database

    settings.make_folders()
    return ApiKeys(open_database(settings))


def _existing_table(settings: Settings) -> "ApiKeys":
    """The table of a service that has run.

    Raises:
        BadSetting: the folder has no service.
    """
    if not settings.database_url and not settings.jobs_file.exists():
        raise BadSetting(
            f"{settings.data_dir.absolute()}: no data of a service. "
            "Name its folder with --data-dir or DIFFING_DATA_DIR."
        )
    return _table(settings)


def _scopes_of(api_key: "ApiKey") -> str:
    return " ".join(sorted(api_key.scopes))
