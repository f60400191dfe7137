"""Results of earlier jobs that answer the same question, about files with the same bytes."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from diffing.core.errors import ResultGone
from diffing.core.input_file import InputFile
from diffing.core.spec import Checksums, DiffSpec
from diffing.files.results import Outputs
from diffing.store.job import Job
from diffing.store.jobs import Jobs
from diffing.worker.sharing import AttemptResults

_log = logging.getLogger(__name__)


class Answers:
    """Finds and takes results of earlier jobs.

    Args:
        jobs: the jobs table.
    """

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def worth_a_look(self, job: Job, question: str, spec: DiffSpec) -> frozenset[Checksums]:
        """The contents of files that were compared before, of the same sizes as those of a job.

        Without any, nothing needs to be read before the diff.

        Args:
            job: that a worker took.
            question: that it asks.
            spec: its files.

        Raises:
            DatabaseUnavailable: the jobs table cannot be read.
        """
        sizes = [_size_of(spec.old), _size_of(spec.new)]
        return frozenset(
            checksums_of(answer)
            for answer in self._answers(job, question)
            if [_side(answer, "old")["bytes"], _side(answer, "new")["bytes"]] == sizes
        )

    def take(
        self,
        job: Job,
        question: str,
        contents: Checksums,
        results: AttemptResults,
        *,
        takes_totals: bool,
    ) -> Job | None:
        """Give a job the files of one that compared the same contents.

        Args:
            job: that this worker runs.
            question: that it asks.
            contents: of its files.
            results: of the attempt.
            takes_totals: whether the question asks for totals of whole files.

        Returns:
            The other job; None if its files were removed by now, or are damaged.

        Raises:
            DatabaseUnavailable: the jobs table cannot be read.
            OSError: the files can neither be linked nor copied.
            DiffingError: they cannot be fetched.
        """
        mine = _outputs_of(job, results, takes_totals)
        for answer in self._answers(job, question):
            if checksums_of(answer) != contents or not answer.summary:
                continue
            its = _outputs_of(answer, results, takes_totals)
            try:
                results.bring(its.paths)
            except ResultGone:
                continue
            if mine.take_from(its, answer.summary["result"]["sha256"]):
                _log.info("job %d has the result of job %d", job.id, answer.id)
                return answer
        return None

    def _answers(self, job: Job, question: str) -> Sequence[Job]:
        return [other for other in self._jobs.answers(question, job.owner) if other.id != job.id]


def _outputs_of(job: Job, results: AttemptResults, takes_totals: bool) -> Outputs:
    outputs = Outputs.of_attempt(results.folder, job.id, job.attempt)
    return outputs if takes_totals else replace(outputs, totals=None)


def checksums_of(job: Job) -> Checksums:
    """The contents of the files that a job compared."""
    return _side(job, "old").get("sha256"), _side(job, "new").get("sha256")


def _side(job: Job, side: str) -> dict[str, Any]:
    found: dict[str, Any] = (job.summary or {})[side]
    return found


def _size_of(file: InputFile) -> int:
    try:
        return file.path.stat().st_size
    except OSError:  # old may be missing; the diff reports any other fault
        return 0
