"""The history of a metric: its ended jobs, and their unusual figures."""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from diffing.api.access import caller_of
from diffing.api.backend import Backend
from diffing.api.baselines import acceptance_of
from diffing.api.jobs import NOT_STORED, baseline_of, iso
from diffing.api.paging import cursor_after, id_in, limit_in, link_to_next
from diffing.core.unusual import RUNS, Unusual, unusual
from diffing.store.baselines import Acceptance
from diffing.store.history import Run


class HistoryViews:
    """Describes the ended jobs of metrics."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def routes(self) -> list[Route]:
        """The routes of these endpoints."""
        return [Route("/api/diffing/metrics/{metric_id}/history", self.history)]

    def history(self, request: Request) -> Response:
        """A page of ended jobs of a metric, newest first, with the cursor of the next page."""
        catalogue, asked = self._backend.catalogue, request.query_params
        most, before = limit_in(asked.get("limit")), id_in(asked.get("cursor"))
        metric = catalogue.find(request.path_params["metric_id"])
        runs = self._backend.history.page(
            metric.id, most + 1, before, caller_of(request).whose_jobs
        )
        following = cursor_after(runs[most - 1].job_id) if len(runs) > most else None
        shown = runs[:most]
        accepted = self._accepted(shown)
        said = [
            _described(run, found, accepted.get(run.job_id))
            for run, found in zip(
                shown,
                unusual_figures(self._backend, shown, caller_of(request).whose_jobs),
                strict=True,
            )
        ]
        headers = NOT_STORED | link_to_next(request, following)
        return JSONResponse({"history": said, "next": following}, headers=headers)

    def _accepted(self, runs: Sequence[Run]) -> dict[int, Acceptance]:
        """The last acceptance of each run."""
        if not runs:
            return {}
        return self._backend.baselines.of_jobs(runs[0].metric, runs[-1].job_id, runs[0].job_id)


def unusual_figures(
    backend: Backend, runs: Sequence[Run], owner: str | None
) -> list[tuple[Unusual, ...]]:
    """For each run, the figures that differ from those of the runs before it.

    Args:
        backend: has the history.
        runs: successive ones of one metric, newest first.
        owner: whose jobs are compared; None for all.
    """
    if not runs:
        return []
    oldest = runs[-1]
    before = backend.history.usual(oldest.metric, RUNS, oldest.job_id, owner)
    usual = [*(run for run in runs if run.is_usual), *before]
    found = []
    for run in runs:
        earlier = [_figures(other) for other in usual if other.job_id < run.job_id][:RUNS]
        found.append(unusual(_figures(run), earlier) if run.is_usual else ())
    return found


def _figures(run: Run) -> dict[str, float]:
    counts, new = run.counts or {}, run.new or {}
    names = ("added", "changed", "removed", "within_tolerance")
    return {"rows": new["rows"], **{name: counts[name] for name in names}}


def _described(run: Run, found: Sequence[Unusual], accepted: Acceptance | None) -> dict[str, Any]:
    return {
        "job_id": run.job_id,
        "status": run.status,
        "of_catalogue": run.of_catalogue,
        "created_at": iso(run.created_at),
        "finished_at": iso(run.finished_at),
        "seconds": run.seconds,
        "counts": run.counts,
        "verdict": run.verdict,
        "old": run.old,
        "new": run.new,
        "reused_from": run.reused_from,
        "baseline": baseline_of(run.baseline),
        "accepted": acceptance_of(accepted) if accepted else None,
        "unusual": [{**vars(one), "text": one.text} for one in found],
        "error": run.error,
    }
