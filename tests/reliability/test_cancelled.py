"""Case 18 of docs/appendix/reliability.md: a save that is canceled, or whose sibling fails, at any point."""

from __future__ import annotations

import asyncio
import random
from typing import Literal
from uuid import UUID

import pytest

from artigraph import Run, RunManager
from artigraph.db import session_context
from tests.support.cancelling import left_behind, turns, turns_of
from tests.support.check import Checker
from tests.support.places import Parcel, Place, parcel
from tests.support.sizes import note, sizes

pytestmark = pytest.mark.timeout(1800)

How = Literal["cancelled", "sibling", "in a session", "cancelled twice"]
WAYS: tuple[How, ...] = ("cancelled", "sibling", "in a session", "cancelled twice")


class SiblingError(Exception):
    pass


async def in_a_session(model: Parcel) -> UUID:
    async with session_context():
        await Parcel(0, [], "before").save("before")
        return await model.save("it")


async def cut_off(how: How, model: Parcel, after: float) -> tuple[UUID | None, int]:
    """Save, and cancel after this number of turns of the loop.

    Return:
        The id, if the save came through all the same, and how many turns it was given or took.
    """
    saving = asyncio.ensure_future(in_a_session(model) if how == "in a session" else model.save("it"))
    took = 0

    async def until_then() -> None:
        nonlocal took
        while took < after and not saving.done():
            await asyncio.sleep(0)
            took += 1

    if how == "sibling":

        async def fail() -> None:
            await until_then()
            raise SiblingError

        async def wait() -> UUID:
            return await saving

        with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012 (the group is the matter)
            async with asyncio.TaskGroup() as group:
                group.create_task(wait())
                group.create_task(fail())
        assert [type(error) for error in caught.value.exceptions] == [SiblingError]
    else:
        await until_then()
        saving.cancel()
        if how == "cancelled twice":
            await turns(after / 10)
            saving.cancel()
    await asyncio.wait([saving])
    assert saving.cancelled() or saving.exception() is None, saving
    return None if saving.cancelled() else saving.result(), took


@pytest.mark.parametrize("count", sizes(20, 150))
async def test_a_save_that_is_cut_off_leaves_nothing_behind(place: Place, count: int) -> None:
    checker, drawn = Checker(place), random.Random(count)
    cut = 0
    async with place.opened() as engine:
        await parcel(1).save("first")
        whole = 1.0 * max([await turns_of(parcel(seed).save("it")) for seed in (2, 3)])
        before = await checker.look()
        known = set(before.roots)
        for number in range(count):
            objects = drawn.randint(2, 6)
            model, how = parcel(100 + number, objects), WAYS[number % len(WAYS)]
            saved, took = await cut_off(how, model, drawn.uniform(0, whole))
            cut += saved is None
            # The time of a save varies many times over with the load of the machine.
            whole = whole * 1.05 if saved is None else min(whole, (whole + took) / 2)
            assert await left_behind(engine, checker) == [], how
            found = await checker.look()
            assert found.sound, (how, found)
            new = found.roots - known
            if how == "in a session":
                assert len(new) in (0, 2), found
            else:
                assert len(new) <= 1
            assert saved is None or saved in new
            assert len(found.orphans - before.orphans) <= objects
            if number % 5 == 0:
                again = await model.save("again")  # no task holds anything that it needs
                assert await Parcel.load(again) == model
                new |= {again}
            known |= new
            before = found
        final = await checker.look()
        assert final.sound
        assert final.roots == known
    assert cut >= count // 3
    note(18, place.kind, points=count, cut_off=cut, partial=0, left_behind=0, orphans=len(final.orphans))


@pytest.mark.parametrize("count", sizes(5, 40))
async def test_runs_that_are_cut_off_are_recorded_and_keep_what_they_saved(place: Place, count: int) -> None:
    checker, drawn = Checker(place), random.Random(count)

    async def run(number: int, manager: RunManager) -> None:
        async with manager:
            await manager.save_artifact("first", parcel(2 * number))
            await manager.save_artifact("second", parcel(2 * number + 1))

    async def cut_off_run(number: int, after: float) -> tuple[int, RunManager, bool]:
        manager = RunManager(Run(node_parent_id=None))
        task = asyncio.ensure_future(run(number, manager))
        await turns(after)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() or task.exception() is None
        return number, manager, task.cancelled()

    async with place.opened() as engine:
        whole = max([await turns_of(run(number, RunManager(Run(node_parent_id=None)))) for number in (1, 2)])
        for number in range(10, 10 + 4 * count, 4):  # four side by side wait for each other, too
            ended = await asyncio.gather(*(cut_off_run(number + k, drawn.uniform(0, 2 * whole)) for k in range(4)))
            assert await left_behind(engine, checker) == []
            found = await checker.look()
            assert found.sound
            for own, manager, cancelled in ended:
                state = found.runs.get(manager.run.node_id)
                if state is None:
                    continue
                # A run that is canceled while it ends is completed nevertheless.
                assert state == manager.run.status
                assert state in {"cancelled", "completed"}
                assert cancelled or state == "completed"
                kept = await manager.load_artifacts()
                everything = [("first", parcel(2 * own)), ("second", parcel(2 * own + 1))]
                assert [*kept.items()] == everything[: len(kept)]
    note(18, place.kind, runs_cut_off=4 * count, partial=0, left_behind=0)
