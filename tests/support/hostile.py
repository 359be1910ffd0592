"""Hostile text wherever users can put text, and rows that were altered by hand, for any database."""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph import ArtifactMapping, ArtifactModel, ArtifactSequence, Lazy, Run, RunManager, artifact_field
from artigraph.db import read, write
from artigraph.deletion import delete
from artigraph.errors import (
    ArtigraphError,
    DeserializationError,
    InvalidLabelError,
    InvalidLocationError,
    ModelVersionError,
    UnknownModelError,
    UnknownSerializerError,
    UnknownStorageError,
)
from artigraph.orm import Base, blob_table, node_table
from artigraph.outline import outline_of
from artigraph.run._masking import masked_text
from artigraph.storage import Storage
from artigraph.testing.database import describe_schema
from artigraph.testing.equality import assert_identical
from artigraph.testing.storage import HOSTILE_LOCATIONS

__all__ = ["CORPUS", "deletions_lead_nowhere", "hostile_texts", "names_lead_nowhere", "round_trip", "rows_lead_nowhere"]

CORPUS: tuple[str, ...] = (
    # Statements.
    "'; DROP TABLE artigraph_node; --",
    "'; DELETE FROM artigraph_node WHERE ''='",
    "\\'; DROP TABLE artigraph_blob; -- ",
    "' OR '1'='1",
    '" OR ""="',
    "') OR ('a'='a",
    "1; SELECT pg_sleep(10)",
    "' UNION SELECT NULL, version() --",
    "'/**/OR/**/1=1#",
    "$$; DROP TABLE artigraph_link; $$",
    "E'\\\\x27'",
    "0x27",
    "\xbf\x27 OR 1=1",
    "\u02bc OR 1=1",
    "admin'--",
    "`; SHUTDOWN; `",
    "@@version",
    "/*!50000SELECT*/",
    "%' ESCAPE '!",
    "LIKE '%'",
    # Parameters and formats.
    "%s",
    "%(label)s",
    "%n%n%n",
    "%%",
    "%",
    ":label",
    "::text",
    "?",
    "$1",
    "{0.__class__.__mro__}",
    "{}",
    "{label!r}",
    "${jndi:ldap://127.0.0.1/a}",
    "{{7*7}}",
    "#{7*7}",
    "<%= 7*7 %>",
    # Code and objects.
    "__import__('os').system('true')",
    "__class__",
    "__reduce__",
    "cos\nsystem\n(S'true'\ntR.",
    "gASVAAAA",
    "!!python/object/apply:os.system ['true']",
    '{"$dataclass":["os","system"]}',
    '{"$dict":[]}',
    "$int",
    "null",
    "None",
    "NaN",
    "true",
    "[]",
    # Paths and protocols.
    "../../../../etc/passwd",
    "/dev/zero",
    "C:\\Windows",
    "file:///etc/passwd",
    "a/../b",
    "CON",
    # Markup.
    "<script>alert(1)</script>",
    "<!--",
    "]]>",
    "&amp;",
    "&#0;",
    "[x](javascript:alert(1))",
    "=cmd|' /C calc'!A0",
    # What ends, hides or turns something.
    "",
    " ",
    "  leading and trailing  ",
    "\t",
    "\n",
    "\r\n",
    "\x01",
    "\x08\x08\x08",
    "\x1b[2J\x1b]0;title\x07",
    "\x7f",
    "\x80\x9f",
    "\u200b",
    "\u202eevil\u202c",
    "\u2028\u2029",
    "\ufeff",
    "\ufffd",
    "\uffff",
    "\U0010ffff",
    "e\u0301",
    "é",
    "İıſK",  # noqa: RUF001 (that they look alike is the point)
    "ﷺ",
    "Z̸̢a͜l̷g̶o" + "\u0301" * 50,
    "👩‍👩‍👧‍👦🏴‍☠️",
    "ß" * 100,
    "\\",
    "\\0",
    "\\x00",
    "\\u0000",
    # What no label may be.
    "\0",
    "a\0b",
    "\ud800",
    "\udfff\ud800",
    "a" * 256,
    "🍣" * 256,
    "x" * 4001,
    "'" * 70_000,
)
LONGEST_LABEL = 255


def hostile_texts(count: int) -> list[str]:
    """Return as many different texts: the corpus, then pieces of it put together."""
    chance = random.Random(count)
    texts = dict.fromkeys(CORPUS)
    short = [text for text in CORPUS if len(text) < 60]
    while len(texts) < count:
        texts["".join(chance.choices(short, k=chance.randint(2, 4)))] = None
    return list(texts)[: max(count, len(CORPUS))]


def is_label(text: str) -> bool:
    return len(text) <= LONGEST_LABEL and "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


@dataclass
class Hostile(ArtifactModel, name="reliability.Hostile"):
    text: str
    data: bytes = b""


@dataclass
class Container(ArtifactModel, name="reliability.Container"):
    rows: ArtifactSequence[str]
    keys: ArtifactMapping[str, str]
    plain: dict[str, list[str]]


async def round_trip(texts: list[str]) -> dict[str, int]:
    """Store each text as label, key, value, bytes and error message; check that it loads unchanged and has no effect.

    Returns:
        How many of each were stored.
    """
    before = await _schema()
    labels = [text for text in texts if is_label(text)]
    refused = [text for text in texts if not is_label(text)]
    async with RunManager(Run()) as manager:
        await _labels(manager, labels, refused)
        await _values(manager, texts, labels)
    messages = await _messages(texts)
    assert await _schema() == before
    expected = 2 + len(texts) + 3 * len(labels)  # runs, and of each artifact its root and its fields
    expected += 1 + 3 + len(texts) + len(labels)
    assert await _count() == expected
    str(await outline_of(manager.run.node_id))
    return {"labels": len(labels), "refused": len(refused), "values": len(texts), "messages": messages}


async def _labels(manager: RunManager, labels: list[str], refused: list[str]) -> None:
    await manager.save_artifacts({label: Hostile(label, label.encode()) for label in labels})
    rows = await _count()
    for text in refused:
        with pytest.raises(InvalidLabelError):
            await manager.save_artifact(text, Hostile("refused"))
        with pytest.raises(InvalidLabelError):
            await Container(ArtifactSequence(), ArtifactMapping({text: "refused"}), {}).save("it")
    assert await _count() == rows
    assert list(await manager.load_artifacts()) == labels
    for label in labels:
        assert await manager.load_artifact(label) == Hostile(label, label.encode())


async def _values(manager: RunManager, texts: list[str], labels: list[str]) -> None:
    model = Container(
        rows=ArtifactSequence(texts),
        keys=ArtifactMapping({label: label[::-1] for label in labels}),
        plain={text: [text] for text in texts},
    )
    node_id = await model.save("container", parent_id=None)
    loaded = await Container.load(node_id)
    assert_identical(list(loaded.rows), texts)
    assert_identical(dict(loaded.keys), dict(model.keys))
    assert_identical(loaded.plain, model.plain)


async def _messages(texts: list[str]) -> int:
    async with RunManager(Run()) as outer:
        for text in texts:
            with pytest.raises(ValueError):
                async with RunManager(Run()):
                    raise ValueError(text)
    found = [run.error_message for run in await outer.load_descendant_runs()]
    assert found == [_storable(text) for text in texts]
    assert str(await outline_of(outer.run.node_id)).count("failed") == len(texts)
    return len(found)


def _storable(text: str) -> str:
    """Return what is stored of an error's message: surrogates and NUL, which databases refuse, are replaced.

    A text that looks like a password is masked. Two hostile texts in a row may look like one: `passwd`, then `C:`.
    """
    replaced = ("?" if "\ud800" <= char <= "\udfff" else "\ufffd" if char == "\0" else char for char in text)
    return masked_text("".join(replaced))[:4000]


async def _count() -> int:
    return await read(lambda connection: connection.scalar(select(func.count()).select_from(node_table))) or 0


async def _schema() -> dict[str, Any]:
    found = await read(lambda connection: connection.run_sync(describe_schema))
    assert set(Base.metadata.tables) <= found.keys()
    return found


# Rows that were altered -------------------------------------------------------------------------------------------


async def rows_lead_nowhere(storage: Storage) -> dict[str, int]:
    """Let the row of an object name each hostile location in turn; every way to the object is refused.

    Returns:
        How many locations were tried, and how many no row can hold.
    """

    @dataclass
    class Pointing(ArtifactModel, name="reliability.Pointing"):
        content: bytes = artifact_field(storage=storage)

    @dataclass
    class LazilyPointing(ArtifactModel, name="reliability.LazilyPointing"):
        content: Lazy[bytes] = artifact_field(storage=storage)

    node_id = await Pointing(b"content").save("it")
    lazy_id = await LazilyPointing(Lazy(b"content")).save("it")
    [location] = (await read(lambda connection: connection.execute(select(blob_table.c.location)))).scalars()
    tried = unstorable = 0
    for hostile in HOSTILE_LOCATIONS:
        if not await _altered(update(blob_table).values(location=hostile)):
            unstorable += 1
            continue
        tried += 1
        with pytest.raises(InvalidLocationError):
            await Pointing.load(node_id)
        lazy = (await LazilyPointing.load(lazy_id)).content
        for work in (lazy.load, lazy.open):
            with pytest.raises(InvalidLocationError):
                await work()
    assert await _altered(update(blob_table).values(location=location))
    assert await Pointing.load(node_id) == Pointing(b"content")
    return {"tried": tried, "unstorable": unstorable, "escapes": 0}


async def deletions_lead_nowhere(storage: Storage, locations: Sequence[str] = HOSTILE_LOCATIONS) -> int:
    """Delete artifacts whose objects' rows name hostile locations: the rows go, and nothing else does.

    Returns:
        How many were tried.
    """

    @dataclass
    class Doomed(ArtifactModel, name="reliability.Doomed"):
        content: bytes = artifact_field(storage=storage)

    kept_id = await Doomed(b"kept").save("kept")
    tried = 0
    for number, hostile in enumerate(locations):
        content = f"doomed {number}".encode()
        node_id = await Doomed(content).save("it")
        sha256 = hashlib.sha256(content).digest()
        location = await _location(sha256)
        if await _altered(update(blob_table).where(blob_table.c.sha256 == sha256).values(location=hostile)):
            tried += 1
            report = await delete(node_id)
            assert (report.objects, report.left_objects) == (1, 1)
            assert await storage.read(location) == content, "an object was removed that no row named"
            await storage.delete(location)
        else:
            await delete(node_id)
    assert await Doomed.load(kept_id) == Doomed(b"kept")
    return tried


async def _location(sha256: bytes) -> str:
    query = select(blob_table.c.location).where(blob_table.c.sha256 == sha256)
    location: str = (await read(lambda connection: connection.execute(query))).scalar_one()
    return location


async def names_lead_nowhere(storage: Storage, names: Iterable[str]) -> int:
    """Let rows name a storage, a serializer, a model, a type of node and a container that do not exist.

    Check that nothing is imported or called, and return how many were tried.
    """

    @dataclass
    class Named(ArtifactModel, name="reliability.Named"):
        value: int
        items: ArtifactSequence[int]
        content: bytes = artifact_field(storage=storage)

    model = Named(1, ArtifactSequence([1]), b"content")
    node_id = await model.save("it")
    tried = 0
    row = update(node_table).where(node_table.c.tree_root_id == node_id)
    root, value, items = (
        row.where(node_table.c.label == label, node_table.c.node_type == kind)
        for label, kind in (("it", "model"), ("value", "value"), ("items", "container"))
    )
    modules: set[str] = set()
    for number, name in enumerate(["unknown", *names]):
        if number == 1:  # the first errors import our kinds of models for the libraries that this process uses
            modules, tried = set(sys.modules), 0
        for statement, restore, error in (
            (
                update(blob_table).values(storage=name),
                update(blob_table).values(storage=storage.name),
                UnknownStorageError,
            ),
            (value.values(serializer=name), value.values(serializer="json"), UnknownSerializerError),
            (root.values(model_name=name), root.values(model_name="reliability.Named"), UnknownModelError),
            (items.values(serializer=name), items.values(serializer="sequence"), DeserializationError),
            (row.where(node_table.c.label == "value").values(label=name), _label(node_id, name), ModelVersionError),
        ):
            if not await _altered(statement):
                continue
            tried += 1
            with pytest.raises(error):
                await ArtifactModel.load(node_id)
            assert await _altered(restore)
    assert set(sys.modules) == modules, set(sys.modules) - modules
    assert await Named.load(node_id) == model
    return tried


def _label(node_id: UUID, name: str) -> Any:
    here = (node_table.c.tree_root_id == node_id) & (node_table.c.label == name)
    return update(node_table).where(here).values(label="value")


async def _altered(statement: Any) -> bool:
    """Alter a row with plain SQL. Return False if the row cannot hold the value."""

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(statement)

    try:
        await write(work)
    except (ArtigraphError, UnicodeError, ValueError):
        return False
    return True
