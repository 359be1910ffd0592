"""Labels and keys of mappings: each database accepts, distinguishes and returns the same ones."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select

from artigraph import ArtifactMapping, ArtifactModel, Run, RunManager, prune, save_many
from artigraph.db import dispose_engines, engine_context, get_engine, read
from artigraph.errors import InvalidLabelError, LabelConflictError
from artigraph.orm import node_table
from artigraph.storage import MemoryStorage
from artigraph.testing.database import DISTINCT_LABELS
from artigraph.testing.strategies import labels, texts
from tests.support.racing import INLINE_LIMIT, content
from tests.support.sizes import note, sizes


@dataclass
class Labelled(ArtifactModel, name="labels.Labelled"):
    value: Any


ANY = st.one_of(
    labels(),
    texts(),
    st.text(st.characters(), min_size=250, max_size=260),
    st.sampled_from(["x" * 255, "🍣" * 255, ("e\u0301" * 128)[:255], " " * 255]),
    st.sampled_from(DISTINCT_LABELS),
    st.sampled_from(["a\0", "\0", "\ud800", "\udfff", "x\udc00", "x" * 256, "🍣" * 256]),
)


def is_valid(label: str) -> bool:
    return len(label) <= 255 and not any(char == "\0" or 0xD800 <= ord(char) <= 0xDFFF for char in label)


def look_alikes(label: str) -> list[str]:
    """Return labels that some database considers equal."""
    forms: list[Any] = ["NFC", "NFD", "NFKC"]
    normal = [unicodedata.normalize(form, label) for form in forms]
    return [label, label.swapcase(), label.casefold(), label + " ", " " + label, label + "\u200b", *normal]


class Watched(MemoryStorage):
    """Counts the objects that were put."""

    puts = 0

    async def create(self, data: bytes, *, key: str | None = None) -> str:
        self.puts += 1
        return await super().create(data, key=key)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("examples", sizes(20, 500))
def test_a_label_is_valid_on_every_database_or_on_none(
    fresh: Callable[[], AbstractContextManager[str]], database: str, examples: int
) -> None:
    storage = Watched(f"labels-{uuid4().hex}")
    seen = {True: 0, False: 0}

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=examples < 100,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(names=st.lists(ANY, min_size=1, max_size=4))
    @example(names=list(DISTINCT_LABELS))
    def check(names: list[str]) -> None:
        for name in names:
            seen[is_valid(name)] += 1
            if not is_valid(name):
                runner.run(refused(name, storage), context=context)
        alike = dict.fromkeys(other for name in names if is_valid(name) for other in look_alikes(name))
        runner.run(kept([name for name in alike if is_valid(name)]), context=context)

    with (
        fresh() as url,
        engine_context(url, create_tables=True, large_value_storage=storage, inline_limit=INLINE_LIMIT),
        asyncio.Runner() as runner,
    ):
        context = copy_context()
        check()
        runner.run(dispose_engines(), context=context)
    assert min(seen.values()) > 0
    note(21, database, examples=examples, valid=seen[True], invalid=seen[False], differences=0)


async def refused(label: str, storage: Watched) -> None:
    """Assert that a label is refused wherever it can stand, before anything is sent to the database or the storage."""
    model = Labelled(content(f"new {storage.puts}"))
    async with RunManager(Run()) as manager:
        with pytest.raises(InvalidLabelError):
            ArtifactMapping({label: 1})
        puts = storage.puts
        calls: list[Any] = [
            model.save(label),
            save_many([("good", model), (label, model)]),
            manager.save_artifacts({"good": model, label: model}),
            manager.load_artifact(label),
            Labelled({"good": model, label: model}).save("good"),
            prune(keep_newest={label: 1}),
        ]
        statements: list[str] = []

        def listen(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            statements.append(statement)

        engine = get_engine().sync_engine
        event.listen(engine, "before_cursor_execute", listen)
        try:
            for call in calls:
                with pytest.raises(InvalidLabelError):
                    await call
        finally:
            event.remove(engine, "before_cursor_execute", listen)
        assert (statements, storage.puts) == ([], puts)


async def kept(names: list[str]) -> None:
    """Assert that labels and keys are distinct and load unchanged."""
    async with RunManager(Run()) as manager:
        models = {name: Labelled(number) for number, name in enumerate(names)}
        await manager.save_artifacts(models)
        statement = select(node_table.c.label).where(node_table.c.parent_id == manager.run.node_id)
        stored = (await read(lambda connection: connection.execute(statement.order_by(node_table.c.node_id)))).scalars()
        assert list(stored) == names
        assert list((await manager.load_artifacts()).items()) == list(models.items())
        for name in names:
            assert await manager.load_artifact(name) == models[name]
        if names:
            with pytest.raises(LabelConflictError):
                await manager.save_artifact(names[-1], Labelled(None))
    mapping = Labelled([Labelled(0), ArtifactMapping(models), dict(models), {name: name for name in names}])
    loaded = await Labelled.load(await mapping.save("mapping"))
    assert loaded == mapping
    assert [list(part) for part in loaded.value[1:]] == [names] * 3
