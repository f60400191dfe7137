"""One diff: it checks two files, compares them within limits, and publishes the outputs."""

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from diffing.core.errors import BadArgument
from diffing.core.input_file import named_apart
from diffing.core.progress import Progress
from diffing.core.sizes import bytes_in
from diffing.core.spec import Checksums, DiffSpec
from diffing.csvfiles.archives import Copies
from diffing.csvfiles.split import CUTTING, MOST_PIECES, Cutting, Pieces
from diffing.engine.analysis.moves import Moves
from diffing.engine.compare_pair import Compared, PairComparison
from diffing.engine.connection import ENGINE, OrderedSession, Session
from diffing.engine.destination import Destination
from diffing.engine.key_search import SearchContext
from diffing.engine.last_night import LastNight
from diffing.engine.measure import Measurer
from diffing.engine.on_cluster import OnCluster
from diffing.engine.pair import Pair, PairOpener
from diffing.engine.reporter import Reporter
from diffing.engine.stoppable import Stoppable
from diffing.engine.summary import Summary
from diffing.engine.summing_up import Finished, input_summaries, result_summary
from diffing.engine.verdict import with_verdict
from diffing.engine.warn import Facts
from diffing.engine.written import Written
from diffing.files.digests import Digests
from diffing.files.results import Outputs
from diffing.files.versions import unchanged
from diffing.sandbox.helpers import Helpers
from diffing.sandbox.limits import Limits
from diffing.sandbox.malloc import set_up_heap


class AnsweredBefore(Exception):
    """A result for the same contents exists.

    Args:
        contents: the SHA-256 of old and new.
    """

    def __init__(self, contents: Checksums) -> None:
        super().__init__("a result for these contents exists")
        self.contents = contents


class Diff(Stoppable):
    """One diff of two files.

    Args:
        spec: the order; the files are CSV, perhaps packed, or Parquet.
        limits: threads, memory and disk.
        cutting: sizes of pieces and samples of the files.
        cluster: joins the rows; None for DuckDB.

    Attributes:
        helpers: the processes that `fork_helpers` forked.
    """

    def __init__(
        self,
        spec: DiffSpec,
        limits: Limits,
        cutting: Cutting = CUTTING,
        cluster: OnCluster | None = None,
    ) -> None:
        super().__init__()
        self._spec = spec
        self._cluster = cluster
        self.helpers = Helpers()
        self._old, self._new = named_apart(spec.old, spec.new)
        self._limits = limits
        self._cutting = cutting

    def fork_helpers(self) -> None:
        """Fork processes that hash keys beside this one, if the files are large.

        Call it before `run`, as long as this process has one thread; else it does nothing. `run`
        ends them.
        """
        paths = [file.path for file in (self._old, self._new)]
        if not self._cluster and all(
            path.is_file() and path.stat().st_size >= self._cutting.helped for path in paths
        ):
            memory = bytes_in(self._limits.memory) // 4
            set_up_heap(self._limits.threads)
            self.helpers.fork(min(self._limits.threads, MOST_PIECES), memory)

    def run(
        self,
        outputs: Outputs,
        on_progress: Callable[[Progress], None] = lambda _: None,
        on_ready: Callable[[Outputs], None] = lambda _: None,
    ) -> Summary:
        """Compare the files and write the outputs.

        They appear under their names only when all are complete.

        Args:
            outputs: files to write, with `result` or `detail` or both; `totals` only if the
                comparison takes them.
            on_progress: called at the start of a stage, and as more is read; from any thread, but
                never from two at once.
            on_ready: called with the temporary files of the outputs, before anything is read.

        Raises:
            BadInput: a file is not valid CSV, lacks a column, has no key that can be found, or
                repeats a key against the options.
            InputChanged: a file changed during the diff.
            BadArgument, CannotWrite: an output cannot be written.
            OutOfMemory, OutOfDisk, DiffFailed: the machine failed.
            Interrupted: `interrupt` was called.
            AnsweredBefore: the contents of the files are among `answered` of the order.
        """
        outputs = self._checked(outputs)
        started = time.monotonic()
        set_up_heap(self._limits.threads)
        with (
            self.helpers,
            outputs.parts() as parts,
            self._scratch() as scratch,
            unchanged(self._old, self._new),
            ExitStack() as stack,
        ):
            on_ready(parts)
            reporter = Reporter(on_progress)
            reporter.stage("checking")
            digests = stack.enter_context(self._begin_digests())
            pair = self._opened(scratch, reporter)
            if [file.path for file in pair] != [self._old.path, self._new.path]:
                digests.read_on()  # the diff reads copies
            written = Written.of(parts, pair, scratch)
            plain = written.plain
            if pair.comparison.needs_moves:
                plain = _for_moves(plain, scratch)
            destination = Destination(plain, scratch, reporter)
            last_night = stack.enter_context(LastNight(self._spec.hashes, digests, pair, scratch))
            compared = self._compared(pair, destination, last_night)
            moves = self._measured(compared, destination)
            written.finish()
            finished = self._finished(compared, parts, digests)
            last_night.leave(self._limits.temp_folder)
        seconds = time.monotonic() - started
        return with_verdict(finished.summary(seconds, self._engine), moves)

    def interrupt(self) -> None:
        """Stop the work from another thread. It then raises Interrupted."""
        super().interrupt()
        if self._cluster:
            self._cluster.joiner.interrupt()

    @property
    def _engine(self) -> str:
        joined = self._cluster and self._cluster.engine
        return f"{ENGINE}, {joined}" if joined else ENGINE

    def _checked(self, outputs: Outputs) -> Outputs:
        """The outputs that this comparison can have."""
        if not (outputs.result or outputs.detail):
            raise BadArgument("Name a file for the result.")
        comparison = self._spec.comparison
        if outputs.only_changed_columns and comparison.needs_moves:
            raise BadArgument(
                "Leave out `only_changed_columns`: a period, or a rule of COLUMN.moved or "
                "COLUMN.largest, needs all columns."
            )
        return outputs if comparison.takes_totals else replace(outputs, totals=None)

    def _opened(self, scratch: Path, reporter: Reporter) -> Pair:
        connect_in_order = partial(self.connect, OrderedSession, self._limits, scratch, ())
        connect = partial(self._connect, scratch, ())
        context = SearchContext(scratch, connect, self._limits.threads, self._interrupted)
        copies = Copies(scratch, self._limits.max_unpacked_bytes)
        inputs = self._old, self._new
        opener = PairOpener(inputs, self._spec.comparison, context, copies, connect_in_order)
        return opener.run(reporter)

    def _compared(self, pair: Pair, destination: Destination, last_night: LastNight) -> Compared:
        scratch = destination.scratch
        return PairComparison(
            limits=self._limits,
            cutting=self._cutting,
            destination=destination,
            connect=partial(self._connect, scratch),
            interrupted=self._interrupted,
            helpers=self.helpers,
            last_night=last_night,
            cluster=self._cluster,
        ).run(pair)

    def _measured(self, compared: Compared, destination: Destination) -> Moves | None:
        connect = partial(self._connect, destination.scratch)
        return Measurer(destination, self._limits, self._cutting, connect).measure(compared)

    def _finished(self, compared: Compared, parts: Outputs, digests: Digests) -> Finished:
        spec, pair, counts = self._spec, compared.pair, compared.counts
        facts = Facts(spec.comparison, pair.comparison, pair.old, pair.new, counts)
        found = digests.wait()  # also hashes that the summary does not name
        old, new = found if spec.sha256 else (None, None)
        inputs = input_summaries(spec, facts, (old, new))
        return Finished(facts, spec.metric, inputs, result_summary(parts, counts))

    def _connect(
        self,
        scratch: Path,
        outputs: Iterable[Path],
        pieces: Sequence[Pieces],
        limits: Limits | None = None,
    ) -> Session:
        return self.connect(Session, limits or self._limits, scratch, outputs, pieces)

    def _begin_digests(self) -> Digests:
        """The digests of both files, if they are wanted, beside the pass over them.

        Raises:
            AnsweredBefore: as from `run`.
        """
        spec = self._spec
        digests = Digests(
            [spec.old, spec.new] if spec.sha256 or spec.hashes else [],
            self._interrupted,
            "sha256" if spec.sha256 else "blake3",
            awaits_blocks=spec.hashes is not None,
        )
        if self._spec.answered:
            with digests:
                old, new = digests.wait()
            if (old, new) in self._spec.answered:
                raise AnsweredBefore((old, new))
        return digests

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="diff-", dir=self._limits.temp_folder) as folder:
            yield Path(folder)


def _for_moves(outputs: Outputs, scratch: Path) -> Outputs:
    """The same outputs, and those that `moves_of` reads."""
    detail = outputs.detail or scratch / "all-detail.csv"
    return replace(outputs, detail=detail, removed=outputs.removed or scratch / "all-removed.csv")
