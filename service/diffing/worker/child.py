"""The child process of one order: a fetch, a diff, or what is made of or done with a result."""

import logging
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from diffing.core import logs
from diffing.core.errors import DiffingError, OutOfMemory, of_os
from diffing.core.progress import Progress
from diffing.core.spec import (
    AnalysisSpec,
    BringSpec,
    CellsSpec,
    ChangesSpec,
    ConversionSpec,
    DiffSpec,
    FetchSpec,
    JoinSpec,
    KeepSpec,
    MadeSpec,
    PublishSpec,
    StopSpec,
)
from diffing.engine.analysis.analyse import Analysis
from diffing.engine.analysis.cells import Cells
from diffing.engine.analysis.changes import Changes
from diffing.engine.analysis.rows import Rows
from diffing.engine.convert import convert
from diffing.engine.diff import AnsweredBefore, Diff
from diffing.engine.on_cluster import OnCluster
from diffing.engine.spark import SparkSession, stop
from diffing.engine.sql import SQL_DIR
from diffing.files.credentials import give_credentials
from diffing.files.fetch import Fetch
from diffing.files.keeping import FOLDER as KEPT
from diffing.files.keeping import pack
from diffing.files.results import Outputs
from diffing.sandbox import landlock
from diffing.sandbox.limits import Limits
from diffing.sandbox.process import bound_memory, ignore_signals, leave_no_core
from diffing.worker.line import Line
from diffing.worker.task import Task

_log = logging.getLogger(__name__)


def run(task: Task, connection: Connection) -> None:
    """Run the order, and send its progress, then its summary as JSON values or the Failure."""
    ignore_signals()
    bound_memory(task.limits.most_memory)
    logs.configure(task.log)
    with logs.bound(**task.said):
        _run(task, Line(connection))


def _run(task: Task, sender: Line) -> None:
    word = task.spec.word
    try:
        sender.send(_done(task, sender))
    except DiffingError as error:
        if error.__cause__:
            _log.error("the %s failed: %s", word, error, exc_info=error.__cause__)
        sender.send(error.failure)
    except OSError as error:
        _log.exception("the %s failed", word)
        sender.send(of_os(error).failure)
    except MemoryError:
        _log.exception("the %s failed", word)
        sender.send(
            OutOfMemory(
                f"The {word} needs more memory than it may use. Raise DIFFING_MEMORY_LIMIT."
            ).failure
        )


def _done(task: Task, line: Line) -> dict[str, Any]:
    """Run the order, and return its summary as JSON values, or the contents as `answered`."""
    if isinstance(task.spec, DiffSpec):
        return _diffed(task.spec, task, line)
    if isinstance(task.spec, FetchSpec):
        return _fetched(task.spec, task.limits.most_temp, line.send)
    if isinstance(task.spec, BringSpec):
        return _brought(task.spec, task.limits.most_temp)
    if isinstance(task.spec, PublishSpec):
        return _published(task.spec, line.send)
    if isinstance(task.spec, KeepSpec):
        return _kept(task.spec, line.send)
    if isinstance(task.spec, JoinSpec):
        return _joined(task.spec)
    if isinstance(task.spec, StopSpec):
        stop(task.spec.cluster)
    elif isinstance(task.spec, ConversionSpec):
        convert(task.spec, task.outputs, task.limits, partial(_enclose, task))
    else:
        task.outputs.make(_maker(task.spec, task.limits).write, partial(_enclose, task))
    return {}


def _diffed(spec: DiffSpec, task: Task, line: Line) -> dict[str, Any]:
    cluster = OnCluster(spec.staged, line) if spec.staged else None
    diff = Diff(spec, task.limits, cluster=cluster)

    def on_ready(parts: Outputs) -> None:
        _enclose(task, parts)
        diff.fork_helpers()  # they are enclosed, too

    try:
        found = diff.run(task.outputs, on_progress=line.send, on_ready=on_ready)
    except AnsweredBefore as answered:
        return {"answered": answered.contents}
    return found.model_dump(mode="json")


def _fetched(
    spec: FetchSpec, most: float, on_progress: Callable[[Progress], None]
) -> dict[str, Any]:
    """Fetch files, and return the name of each copy, and its name for the user, by side.

    This process needs the network, so it does not parse what it fetches.
    """
    give_credentials(spec.credentials)
    fetch, found = Fetch(spec.folder, most), {}
    for side, file in spec.files.items():
        may_be_missing = side == "old" and spec.old_may_be_missing
        copy = fetch.copy(file, side, on_progress, may_be_missing=may_be_missing)
        found[side] = [copy.path.name, copy.name]
    return found


def _brought(spec: BringSpec, most: float) -> dict[str, Any]:
    give_credentials(spec.credentials)
    fetch = Fetch(spec.folder, most)
    for name, file in spec.files.items():
        fetch.copy_as(name, file)
    return {}


def _published(spec: PublishSpec, on_progress: Callable[[Progress], None]) -> dict[str, Any]:
    from diffing.files.bucket import Bucket

    give_credentials(spec.credentials)
    bucket, sizes = Bucket(spec.folder), [path.stat().st_size for path in spec.files]
    if spec.instead_of:
        bucket.remove([*bucket.names("", spec.instead_of)])
    for count, path in enumerate(spec.files):
        on_progress(Progress("publishing", sum(sizes[:count]), sum(sizes)))
        bucket.put(path, path.name)
    return {}


def _kept(spec: KeepSpec, on_progress: Callable[[Progress], None]) -> dict[str, Any]:
    from diffing.files.bucket import Bucket

    give_credentials(spec.credentials)
    bucket, name = Bucket(spec.storage), f"{KEPT}/{spec.name}"
    on_progress(Progress("keeping the new file"))
    if not bucket.exists(name):
        bucket.put_once(pack(spec.file, spec.sha256, spec.folder, spec.least_free), name)
    return {}


def _joined(spec: JoinSpec) -> dict[str, Any]:
    """Have the cluster join the staged rows, and return the name of the engine.

    This process needs the network, so it does not see the inputs: the diff waits meanwhile.
    """
    leave_no_core()
    session = SparkSession(spec.cluster)
    try:
        return {"engine": session.join(spec.join)}
    finally:
        session.close()


def _maker(spec: MadeSpec, limits: Limits) -> Analysis | Cells | Changes | Rows:
    """The work that makes the file of an order."""
    if isinstance(spec, AnalysisSpec):
        return Analysis(spec, limits)
    if isinstance(spec, CellsSpec):
        return Cells(spec, limits)
    if isinstance(spec, ChangesSpec):
        return Changes(spec, limits)
    return Rows(spec, limits)


def _enclose(task: Task, parts: Outputs) -> None:
    """Restrict this process to the files of the order, in case an input exploits a bug."""
    leave_no_core()
    hashes = task.spec.hashes if isinstance(task.spec, DiffSpec) else None
    staged = task.spec.staged if isinstance(task.spec, DiffSpec) else None
    own = [] if isinstance(task.spec, ConversionSpec) else [task.limits.temp_folder]
    landlock.enclose(
        # the order reports a missing one
        read=[
            SQL_DIR,
            *(path for path in task.spec.inputs if path.is_file()),
            *([hashes] if hashes else []),
        ],
        write=parts.paths,
        rename={path.parent for path in parts.paths},
        own=[*own, *([staged.folder] if staged else [])],
    )
