"""The commands `diffing keys …`."""

from typing import TYPE_CHECKING, Annotated

import typer

from diffing.cli.console import to_people
from diffing.core.settings import Settings, load_settings
from diffing.core.text import shown
from diffing.store.scopes import Scope

if TYPE_CHECKING:
    from diffing.store.api_keys import Key, Keys

keys = typer.Typer(
    name="keys",
    help="Create, list and revoke API keys.",
    no_args_is_help=True,
    add_completion=False,
)

Scopes = Annotated[
    list[Scope] | None,
    typer.Option("--scope", help="A scope; repeat for more (default: read and submit)."),
]


@keys.command()
def create(
    name: Annotated[str, typer.Argument(help="A name for the API key.")], scope: Scopes = None
) -> None:
    """Create an API key, and print its token, once, to standard output."""
    settings = load_settings()
    key, token = _table(settings).create(name, {*(scope or (Scope.READ, Scope.SUBMIT))})
    to_people.print(
        f"Made the key {key.id}, for {_scopes_of(key)}. Send its token as "
        "`Authorization: Bearer TOKEN`; it cannot be shown again:",
        markup=False,
    )
    if settings.api_keys == "auto":
        to_people.print("On loopback no key is needed, unless DIFFING_API_KEYS=on.")
    if settings.api_keys == "off":
        to_people.print("No key is needed: DIFFING_API_KEYS=off.")
    typer.echo(token)


@keys.command(name="list")
def list_keys() -> None:
    """List the API keys: id, scopes, date, state, name."""
    for key in _table(load_settings()).all():
        revoked = f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else "holds"
        made = f"{key.created_at:%Y-%m-%d}"
        typer.echo(f"{key.id}  {_scopes_of(key):18}  {made}  {revoked:18}  {shown(key.name)}")


@keys.command()
def revoke(
    key_id: Annotated[
        str, typer.Argument(metavar="ID", help="The id that `diffing keys list` prints.")
    ],
) -> None:
    """Revoke an API key."""
    key = _table(load_settings()).revoke(key_id)
    to_people.print(f"The key {key.id} ({shown(key.name)}) holds no longer.", markup=False)


def _table(settings: Settings) -> "Keys":
    # imported here: a diff needs no database, and starts in half the time
    from diffing.store.api_keys import Keys
    from diffing.store.database import open_file

    settings.make_folders()
    return Keys(open_file(settings.jobs_file))


def _scopes_of(key: "Key") -> str:
    return " ".join(sorted(key.scopes))
