"""Many writers of one label, and of one content."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest

from artigraph import Run, RunManager, delete, load_many, series
from artigraph.db import engine_context
from artigraph.maintenance import gc
from artigraph.orm import node_table
from tests.support.racing import ALIASED, INLINE_LIMIT, NODES, Kept, Objects, Task, race, remembered
from tests.support.sizes import note, sizes
from tests.support.sound import assert_sound, count

pytestmark = pytest.mark.timeout(1200)


@pytest.mark.parametrize("racers", sizes((4, 10), (8, 50)))
async def test_a_label_that_many_want_has_one_winner(
    database_url: str, objects: Objects, where: str, racers: tuple[int, int]
) -> None:
    processes, saves = racers
    async with (
        engine_context(database_url, create_tables=True, large_value_storage=objects.open(), inline_limit=INLINE_LIMIT),
        RunManager(Run()) as manager,
    ):
        task = Task("same_label", database_url, objects.settings, saves, str(manager.run.node_id))
        outcomes = await race(task, processes)
        assert [outcome.errors for outcome in outcomes] == [[]] * processes
        won = [item for outcome in outcomes for item in outcome.saved]
        lost = Counter(label for outcome in outcomes for label in outcome.conflicts)
        assert sorted(int(label) for label, _, _ in won) == list(range(saves))
        assert lost == {str(number): processes - 1 for number in range(saves)}
        assert await manager.load_artifacts() == {label: remembered(words) for label, _, words in won}
        assert await count(node_table) == 1 + NODES * saves
        await assert_sound(objects.stored(), blobs=2 * saves)
    note(6, where, processes=processes, saves=processes * saves, winners=len(won), errors=0)


@pytest.mark.parametrize("racers", sizes((4, 10), (8, 300)))
async def test_content_that_many_save_at_once_is_one_object(
    database_url: str, objects: Objects, where: str, racers: tuple[int, int]
) -> None:
    processes, saves = racers
    async with (
        engine_context(database_url, create_tables=True, large_value_storage=objects.open(), inline_limit=INLINE_LIMIT),
        RunManager(Run()) as manager,
    ):
        task = Task("same_content", database_url, objects.settings, saves, str(manager.run.node_id))
        outcomes = await race(task, processes)
        assert [(outcome.errors, outcome.conflicts) for outcome in outcomes] == [([], [])] * processes
        saved = [item for outcome in outcomes for item in outcome.saved]
        assert len(saved) == processes * saves
        loaded = await load_many(Kept, [UUID(node_id) for _, node_id, _ in saved])
        assert loaded == [remembered(words) for _, _, words in saved]
        assert await count(node_table) == 1 + NODES * processes * saves
        contents = {name for _, _, words in saved for name in words[1:]}
        await assert_sound(objects.stored(), blobs=len(contents))
    note(7, where, processes=processes, saves=len(saved), contents=len(contents), unreadable=0)


@pytest.mark.parametrize("racers", sizes((4, 10), (8, 300)))
async def test_deleting_one_never_breaks_another_that_shares_its_content(
    database_url: str, objects: Objects, where: str, racers: tuple[int, int]
) -> None:
    processes, saves = racers
    async with (
        engine_context(database_url, create_tables=True, large_value_storage=objects.open(), inline_limit=INLINE_LIMIT),
        RunManager(Run()) as manager,
    ):
        task = Task("save_and_delete", database_url, objects.settings, saves, str(manager.run.node_id))
        outcomes = await race(task, processes)
        assert [(outcome.errors, outcome.conflicts) for outcome in outcomes] == [([], [])] * processes
        assert [outcome.deleted for outcome in outcomes] == [saves - 1] * processes
        saved = [item for outcome in outcomes for item in outcome.saved]
        loaded = await load_many(Kept, [UUID(node_id) for _, node_id, _ in saved])
        assert loaded == [remembered(words) for _, _, words in saved]
        assert await count(node_table) == 1 + NODES * processes
        await assert_sound(objects.stored(), blobs=len({name for _, _, words in saved for name in words[1:]}))
        report = await delete(manager.run.node_id)
        assert (report.artifacts, report.left_objects) == (processes, 0)
        assert await count(node_table) == 0
        await assert_sound(objects.stored(), blobs=0)
    note(7, where, processes=processes, saves=processes * saves, deleted=processes * saves, unreadable=0, orphans=0)


@pytest.mark.parametrize("racers", sizes((4, 10), (8, 100)))
async def test_an_alias_that_many_move_points_to_what_is_there(
    database_url: str, objects: Objects, racers: tuple[int, int]
) -> None:
    processes, saves = racers
    async with engine_context(
        database_url, create_tables=True, large_value_storage=objects.open(), inline_limit=INLINE_LIMIT
    ):
        versions = series(Kept, ALIASED)
        assert await versions.count() == 0  # which makes the tables
        outcomes = await race(Task("move_alias", database_url, objects.settings, saves), processes)
        assert [outcome.errors for outcome in outcomes] == [[]] * processes
        saved = {UUID(node_id): remembered(words) for outcome in outcomes for _, node_id, words in outcome.saved}
        assert len(saved) == processes * saves
        there = await versions.ids()
        assert len(there) == len(saved) - sum(outcome.deleted for outcome in outcomes)
        assert await versions.all() == [saved[node_id] for node_id in there]
        assert list(await versions.aliases()) == ["production"]
        assert await versions.alias("production") == saved[await versions.alias_id("production")]
        contents = {text for node_id in there for text in (saved[node_id].shared, saved[node_id].parts[0].text)}
        await gc(dry_run=False, grace=timedelta())  # two deletions of the last two users of an object leave it to gc
        await assert_sound(objects.stored(), blobs=len(contents))
