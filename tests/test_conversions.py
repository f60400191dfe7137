"""The conversions table, and a reaper that looks after it: none is lost, done twice or left."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from diffing.core.errors import DiffFailed
from diffing.store import schema
from diffing.store.baselines import Baselines
from diffing.store.conversions import Conversion, Conversions
from diffing.store.history import History
from diffing.store.jobs import Jobs
from diffing.store.queue import CONVERSIONS
from diffing.worker.reaper import Reaper
from diffing.worker.sweeper import Sweeper
from tests.service_under_test import Service

pytestmark = pytest.mark.on_servers("postgresql", "redis")

NAME = "1.1.json"
FAILURE = DiffFailed("so it is").failure


class Reaping:
    """A reaper alone with the table and the queue, and clocks in one's hand."""

    def __init__(self, service: Service) -> None:
        engine = service.database()
        self.jump = timedelta()
        self.conversions = Conversions(engine, now=lambda: datetime.now(UTC) + self.jump)
        self.queue = service.queue(CONVERSIONS)
        self._now = 0.0
        settings = service.settings.model_copy(update={"stale_after": 15, "max_attempts": 2})
        self._reaper: Reaper[Conversion] = Reaper(
            settings,
            self.conversions,
            self.queue,
            Sweeper(settings, Jobs(engine), History(engine), Baselines(engine)),
            clock=lambda: self._now,
        )

    def after_long(self) -> None:
        """Look again and again, for longer than a worker is silent."""
        for passed in (0, 5, 5, 5):
            self._now += passed
            self._reaper.reap()


@pytest.fixture
def reaping(service: Service) -> Reaping:
    """A reaper that only looks when it is told to."""
    return Reaping(service)


def test_a_conversion_whose_id_was_lost_is_queued_once_and_not_among_the_jobs(
    service: Service, reaping: Reaping
) -> None:
    wanted = reaping.conversions.want(NAME, 1)
    reaping.after_long()
    reaping.after_long()

    assert 1 == reaping.queue.depth()
    assert {wanted.id} == reaping.queue.waiting()
    assert [] == service.queued_tasks()


def test_a_conversion_whose_worker_died_is_queued_until_it_had_its_attempts(
    reaping: Reaping,
) -> None:
    wanted = reaping.conversions.want(NAME, 1)
    seen = []
    for _ in range(2):
        assert reaping.conversions.claim(wanted.id)
        reaping.after_long()
        seen += reaping.conversions.of_ids([wanted.id])

    assert [("queued", 1), ("failed", 2)] == [(row.status, row.attempt) for row in seen]
    assert seen[1].error
    assert "The worker died while it ran the conversion." == seen[1].error["detail"]
    assert reaping.conversions.claim(wanted.id) is None


def test_a_conversion_that_is_asked_for_twice_is_one(reaping: Reaping) -> None:
    first = reaping.conversions.want(NAME, 1)
    again = reaping.conversions.want(NAME, 1)
    assert reaping.conversions.claim(first.id)
    late = reaping.conversions.want(NAME, 1)

    assert [first.id] * 3 == [row.id for row in (first, again, late)]
    assert [True, False, False] == [row.is_new for row in (first, again, late)]
    assert reaping.conversions.claim(first.id) is None


def test_a_conversion_that_failed_is_begun_anew_when_it_is_asked_for_again(
    reaping: Reaping,
) -> None:
    held = reaping.conversions.claim(reaping.conversions.want(NAME, 1).id)
    assert held
    assert reaping.conversions.fail(held, FAILURE)
    (failed,) = reaping.conversions.of_ids([held.id])
    again = reaping.conversions.want(NAME, 1)

    assert FAILURE.as_dict() == failed.error
    assert again.is_new
    assert ("queued", 0, None) == (again.status, again.attempt, again.error)
    assert reaping.conversions.claim(again.id)


def test_a_worker_whose_conversion_was_taken_over_can_change_nothing(reaping: Reaping) -> None:
    conversions = reaping.conversions
    lost = conversions.claim(conversions.want(NAME, 1).id)
    assert lost
    assert conversions.take_over(lost)
    held = conversions.claim(lost.id)

    assert not conversions.take_over(lost)
    assert not conversions.give_up(lost, FAILURE)
    assert not conversions.is_held(lost)
    assert not conversions.beat(lost)
    assert not conversions.succeed(lost)
    assert not conversions.fail(lost, FAILURE)
    assert not conversions.give_back(lost)
    assert [held] == conversions.unfinished()


def test_a_lost_conversion_cannot_change_the_new_one_with_its_id(
    service: Service, reaping: Reaping
) -> None:
    """As after a backup was restored while a worker ran."""
    conversions = reaping.conversions
    lost, new = (conversions.claim(conversions.want(name, 1).id) for name in (NAME, "2.1.json"))
    assert lost
    assert new
    service.execute(
        sa.delete(schema.conversions).where(schema.conversions.c.id == lost.id),
        sa.update(schema.conversions).values(id=lost.id),
    )

    assert not conversions.is_held(lost)
    assert not conversions.succeed(lost)
    assert not conversions.fail(lost, FAILURE)
    assert [replace(new, id=lost.id)] == conversions.unfinished()


def test_failures_that_nobody_asks_about_go_after_a_day(reaping: Reaping) -> None:
    held = reaping.conversions.claim(reaping.conversions.want(NAME, 1).id)
    assert held
    reaping.conversions.fail(held, FAILURE)
    reaping.conversions.want("2.1.json", 1)
    assert reaping.conversions.of_ids([held.id])
    reaping.jump = timedelta(hours=25)
    reaping.conversions.want("3.1.json", 1)

    assert [] == reaping.conversions.of_ids([held.id])
