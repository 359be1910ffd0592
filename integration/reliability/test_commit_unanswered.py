"""Case 3 of docs/appendix/reliability.md: the connection is lost while COMMIT is in flight."""

from __future__ import annotations

from uuid import UUID

import pytest

from artigraph import Run, RunManager
from artigraph.db import session_context
from artigraph.errors import DatabaseUnavailableError
from artigraph.testing.proxy import RequestFault
from integration.reliability.through import is_commit, on_servers, through
from tests.support.check import Checker
from tests.support.places import Parcel, Place, parcel
from tests.support.sizes import note, sizes

pytestmark = [pytest.mark.timeout(1800), on_servers]

FAULTS: tuple[RequestFault, ...] = ("lose_reply", "late", "drop", "lose_reply", "cut")


@pytest.mark.parametrize("count", sizes(5, 50))
async def test_a_save_whose_commit_was_not_answered_is_found_again(place: Place, count: int) -> None:
    checker = Checker(place)
    expected: set[UUID] = set()
    async with through(place) as (behind, proxy), behind.opened():
        expected.add(await parcel(0).save("first"))
        for number in range(1, count + 1):
            fault = FAULTS[number % len(FAULTS)]
            proxy.on_request(fault, is_commit)
            expected.add(await parcel(number, 2 + number % 4).save("it"))
            assert proxy.faults == number, fault
            found = await checker.look()
            assert found.roots == expected, fault
            assert found.sound, fault
            assert found.orphans == frozenset(), fault
        for root in expected:
            assert isinstance(await Parcel.load(root), Parcel)
    note(3, place.kind, lost=count, doubles=0, dangling=0, orphans=0)


async def test_a_run_whose_commits_were_not_answered_is_there_once(place: Place) -> None:
    checker = Checker(place)
    async with through(place) as (behind, proxy), behind.opened():
        await parcel(0).save("first")
        for number, fault in enumerate(FAULTS):
            proxy.on_request(fault, is_commit)
            async with RunManager(Run()) as manager:
                proxy.on_request(fault, is_commit)
                await manager.save_artifact("it", parcel(10 + number))
                proxy.on_request(fault, is_commit)
            assert proxy.faults == 3 * (number + 1)
            assert await manager.load_artifacts() == {"it": parcel(10 + number)}
            found = await checker.look()
            assert found.sound
            assert found.runs[manager.run.node_id] == "completed"
            assert len(found.runs) == number + 1


@pytest.mark.parametrize("fault", ["lose_reply", "drop"])
async def test_a_session_whose_commit_was_not_answered_is_whole_or_not_there(place: Place, fault: RequestFault) -> None:
    checker = Checker(place)
    async with through(place) as (behind, proxy), behind.opened():
        await parcel(0).save("first")
        before = await checker.look()
        ids: set[UUID] = set()
        with pytest.raises(DatabaseUnavailableError) as caught:  # noqa: PT012 (the block is the matter)
            async with session_context():
                ids = {await parcel(1).save("a"), await parcel(2).save("b")}
                proxy.clear()
                proxy.on_request(fault, is_commit)
        assert caught.value.__cause__ is not None
        after = await checker.look()
        assert after.sound
        assert after.roots - before.roots == (ids if fault == "lose_reply" else set())
        assert await Parcel.load(await parcel(3).save("next")) == parcel(3)
