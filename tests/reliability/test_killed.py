"""Case 1 of docs/appendix/reliability.md: killed between the put of an object and the commit, or anywhere in a save."""

from __future__ import annotations

import random
import sys

import pytest

from tests.reliability.kill import CALLS, points, spread, victims
from tests.support.check import Checker
from tests.support.places import Parcel, Place, parcel
from tests.support.sizes import note, sizes

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="strace is of Linux"),
    pytest.mark.timeout(1800),
]


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("count", sizes(10, 200))
async def test_killed_at_any_moment_a_save_is_whole_or_not_there(place: Place, count: int) -> None:
    checker = Checker(place)
    killed = unnoticed = orphans = 0
    acknowledged: dict[object, Parcel] = {}
    before: frozenset[str] = frozenset()
    with victims(place) as forks:
        watched = forks.save(0, trace=CALLS)
        assert watched.saved is not None
        calls = points(watched.calls)
        assert len(calls) > 10, watched.calls
        duration = forks.save(1).seconds
        times = count // 5
        plan = [*spread(calls, count - times), *[None] * times]
        drawn = random.Random(count)
        for seed, point in enumerate(plan, start=100):
            objects, workers = drawn.randint(2, 6), drawn.choice([1, 1, 4])
            if point is None:
                ended = forks.save(seed, objects, workers=workers, kill_after=drawn.uniform(0, 1.1 * duration))
            else:
                call, when = point
                ended = forks.save(seed, objects, workers=workers, inject=f"{call}:signal=KILL:when={when}")
            assert ended.killed or ended.saved is not None, ended
            assert ended.failed == [], ended
            killed += ended.killed
            unnoticed += not ended.killed
            found = await checker.look()
            assert found.sound, (point, found)
            assert len(found.orphans - before) <= objects, (point, found)
            orphans, before = len(found.orphans), found.orphans
            acknowledged[ended.first] = parcel(-1 - seed, 2)
            if ended.saved is not None:
                acknowledged[ended.saved] = parcel(seed, objects)
            assert acknowledged.keys() <= found.roots, point
    assert killed > count // 2  # some are not hit: a call that is not made, a time that is too late
    async with place.opened():
        for root, model in list(acknowledged.items())[-20:]:
            assert await Parcel.load(root) == model  # type: ignore[arg-type]
        assert await Parcel.load(await parcel(1).save("after")) == parcel(1)
    note(
        1,
        place.kind,
        points=count,
        killed=killed,
        came_through=unnoticed,
        system_calls=len(calls),
        dangling=0,
        partial=0,
        orphans=orphans,
    )
