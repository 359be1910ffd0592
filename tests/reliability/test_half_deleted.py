"""Case 4 of docs/appendix/reliability.md: a deletion that is killed at each of its steps."""

from __future__ import annotations

import random
import sys
from datetime import timedelta

import pytest

from artigraph import delete
from artigraph.maintenance import fsck, gc
from tests.reliability.kill import CALLS, points, spread, victims
from tests.support.check import Checker
from tests.support.places import Parcel, Place, parcel
from tests.support.sizes import note, sizes

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="strace is of Linux"),
    pytest.mark.timeout(1800),
]


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("count", sizes(6, 200))
async def test_a_deletion_that_was_killed_is_done_as_a_whole_or_not_and_can_be_done_again(
    place: Place, count: int
) -> None:
    checker = Checker(place)
    killed = undone = 0
    with victims(place) as forks:
        watched = forks.delete(0, trace=CALLS)
        assert watched.deleted
        calls = points(watched.calls)
        assert len(calls) > 5, watched.calls
        duration = forks.delete(1).seconds
        times = count // 5
        plan = [*spread(calls, count - times), *[None] * times]
        drawn = random.Random(count)
        before: frozenset[str] = frozenset()
        for seed, point in enumerate(plan, start=100):
            objects = drawn.randint(1, 5)
            if point is None:
                ended = forks.delete(seed, objects, kill_after=drawn.uniform(0, 1.1 * duration))
            else:
                call, when = point
                ended = forks.delete(seed, objects, inject=f"{call}:signal=KILL:when={when}")
            assert ended.killed or ended.deleted, ended
            killed += ended.killed
            found = await checker.look()
            assert found.sound, (point, found)
            assert len(found.orphans - before) <= objects, (point, found)
            assert ended.run is not None
            async with place.opened():
                again = await delete(ended.run)
                assert (again.artifacts, again.runs) in [(0, 0), (2, 2)], (point, again)
                assert not (ended.deleted and again.artifacts)
                undone += again.artifacts == 2
                assert (await delete(ended.run)).not_found == (ended.run,)
                assert await Parcel.load(ended.first) == parcel(-1 - seed, 2)
            before = (await checker.look()).orphans
    assert killed > count // 3  # some are not hit: a call that is not made, a time that is too late
    async with place.opened():
        collected = await gc(dry_run=False, grace=timedelta())
        assert collected.unregistered.count == len(before)
        assert (await fsck()).ok
    found = await checker.look()
    assert found.sound
    assert found.orphans == frozenset()
    note(4, place.kind, points=count, killed=killed, undone=undone, dangling=0, partial=0, orphans=len(before))
