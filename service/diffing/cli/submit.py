"""The command `diffing submit`: starts a diff on a service."""

import errno
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import typer

from diffing.cli.console import progress, say, target_of, warn
from diffing.cli.dialects import with_dialects
from diffing.cli.files import pair, require_files, with_columns
from diffing.cli.options import Quiet, Url, with_comparison
from diffing.cli.suggest import require_key
from diffing.core.baseline import is_baseline
from diffing.core.environment import load_settings
from diffing.core.errors import BadArgument, CannotWrite
from diffing.core.input_file import InputFile
from diffing.csvfiles.file_kinds import address
from diffing.files.publish import require_apart, scratch_folder
from diffing.files.spool import taken
from diffing.files.uploads import SIDES

EXAMPLES = (
    "diffing submit revenue --wait -o revenue_diff.csv",
    "diffing submit old.csv new.csv -k id -v price --wait",
)


@with_dialects
@with_comparison
def submit(  # noqa: PLR0913 - typer makes an option of each
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="METRIC | OLD NEW",
            help="A metric of the service, or two files to send; - is standard input. [required]",
        ),
    ] = None,
    metric: Annotated[str | None, typer.Option(metavar="M", help="A metric, as an option.")] = None,
    old: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="OLD, as an option; for a metric also accepted, or pin:NAME."
        ),
    ] = None,
    new: Annotated[Path | None, typer.Option(metavar="FILE", help="NEW, as an option.")] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the result, and write it.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="CSV file to write. [default: standard output]"
        ),
    ] = None,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Compare the files, even if an earlier job of theirs did."),
    ] = False,
    quiet: Quiet = False,
    url: Url = None,
    *,
    options: dict[str, Any],
) -> None:
    """Start a diff on a service: print its job id, or with --wait its result."""
    if output and not wait:
        raise BadArgument("Give --wait with --output.")
    order = _Order.of(words or [], metric, old, new)
    order.require_sense(options)
    target = target_of(output)
    require_apart(order.files, [target])
    if not target.parent.is_dir():  # else the job would run for nothing
        raise CannotWrite(target, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))
    # imported here: the other commands speak no HTTP
    from diffing.cli.client import Client

    # else SIGTERM would leave temporary files
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Client.of_settings(url) as client, scratch_folder() as folder:
        with progress("sending", quiet=quiet) as report:
            members, files = order.request(options, folder)
            job_id = client.submit(
                order.metric, members, files, lambda now: report(str(now)), fresh=fresh
            )
            if wait:
                if not quiet:
                    say(f"job {job_id}")
                client.wait(job_id, lambda now: report(str(now)))
        if not wait:
            typer.echo(job_id)
        else:
            for warning in client.fetch(job_id, target):
                warn(warning)


@dataclass(frozen=True)
class _Order:
    """The metric or the files of a request, as the user named them.

    Args:
        baseline: a file that the service keeps, in the place of old.
    """

    metric: str | None
    old: Path | None
    new: Path | None
    baseline: str | None = None

    @classmethod
    def of(cls, words: list[str], metric: str | None, old: Path | None, new: Path | None) -> Self:
        """An order from words and options. A single word is a metric, unless it names a file.

        Raises:
            BadArgument: they contradict each other.
        """
        if len(words) == 1 and not metric and not _is_file(words[0]):
            (metric,), words = words, []
        if metric and old and is_baseline(str(old)):
            return cls(metric, None, new, str(old))
        return cls(metric, *pair([*map(Path, words)], old, new))

    @property
    def files(self) -> list[Path]:
        """The files to send."""
        return [path for path in (self.old, self.new) if path]

    def require_sense(self, options: Mapping[str, object]) -> None:
        """Check the arguments.

        Raises:
            BadArgument: two arguments contradict each other, or one is missing.
        """
        if self.metric and {"key", "value"} & options.keys():
            raise BadArgument("Give METRIC, or --key and --value, not both.")
        if self.baseline and self.files:
            raise BadArgument(f"{self.baseline} is compared with the new file of the metric alone.")
        if self.metric and len(self.files) == 1:
            raise BadArgument("Give both --old and --new, or neither.")
        if not self.metric and not self.files:
            raise BadArgument("Give METRIC, or two files, OLD and NEW, with --key.")
        if not self.metric:
            require_files(self.old, self.new)
        for path in self.files:
            may_be_missing = path == self.old and options.get("first") == "added"
            if path != Path("-") and not path.exists() and not may_be_missing:
                raise BadArgument(address(str(path)) or f"Missing file {path}.")
            if path.is_dir():
                raise BadArgument(f"{path}: is a folder. Name a CSV file.")

    def request(
        self, options: Mapping[str, Any], folder: Path
    ) -> tuple[dict[str, Any], list[Path]]:
        """The members and files of the request.

        Args:
            options: given fields of `Comparison`.
            folder: for copies of streams, and for an empty file in place of a missing one.

        Raises:
            BadArgument: the key is missing.
            BadInput, OutOfDisk: a stream cannot be copied, or a file cannot be read.
        """
        sides = zip(self.files, SIDES, strict=False)
        files = [_existing(taken(path, side, folder), side, folder) for path, side in sides]
        if self.metric:
            named = {"old": self.baseline} if self.baseline else {}
            return {**options, **named}, [file.path for file in files]
        chosen = with_columns(options, files)
        require_key(chosen, files, load_settings())
        return chosen, [file.path for file in files]


def _is_file(word: str) -> bool:
    path = Path(word)
    return word == "-" or bool(path.suffix) or path.is_file()


def _existing(file: InputFile, side: str, folder: Path) -> InputFile:
    """The file; in place of a missing one, an empty file."""
    if file.path.exists():
        return file
    empty = folder / side / file.path.name
    empty.parent.mkdir()
    empty.touch()
    return InputFile(empty, file.name)
