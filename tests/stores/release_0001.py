"""What the stores of schema version 0001 hold, as Python: models with every kind of value, and runs in every state.

The classes and values are never changed, since they say what is in tests/data/stores/0001; a newer schema version gets
a module of its own.
"""

# ruff: noqa: ARG003 (a migration need not look at what it gets)
from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, IntEnum, StrEnum
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from sqlalchemy import insert, select, update

from artigraph import (
    NO_PARENT,
    ArtifactMapping,
    ArtifactModel,
    ArtifactSequence,
    File,
    Lazy,
    Run,
    RunManager,
    artifact_field,
)
from artigraph.db import current_database, read, write
from artigraph.orm import CHUNK_SIZE, blob_table, link_table, node_table
from artigraph.serializer.pyarrow import parquet_serializer
from tests.support.identical import assert_identical

__all__ = ["INLINE_LIMIT", "STORAGE", "check", "fill"]

STORAGE = "store-0001"
"""The name of the storage that holds the objects."""
INLINE_LIMIT = 1024
"""Bytes of the largest value that stands in its row."""

_np: Any = np
_pd: Any = pd
_pa: Any = pa


class Colour(Enum):
    RED = (255, 0, 0)
    BLUE = "blue"


class Level(IntEnum):
    LOW = -1
    HIGH = 2**40


class Unit(StrEnum):
    METRE = "m"


class Access(Flag):
    READ = 1
    WRITE = 2


class Point(NamedTuple):
    x: Any
    y: Any = None


@dataclass(frozen=True)
class Box:
    content: Any
    name: str = field(default="", kw_only=True)


@dataclass
class Values(ArtifactModel, name="stores.Values"):
    """A row, and a search key, for each value."""

    values: ArtifactMapping[str, Any]


@dataclass
class Known(ArtifactModel, name="stores.Known", version=3):
    colours: list[Colour]
    level: Level
    unit: Unit
    access: Access
    point: Point | Colour
    box: Box | Point
    by_colour: dict[Colour, frozenset[Point]]


@dataclass
class Leaf(ArtifactModel, name="stores.Leaf"):
    number: int
    text: str | None = None


@dataclass
class Tree(ArtifactModel, name="stores.Tree", version=2):
    leaf: Leaf
    by_name: ArtifactMapping[str, Any]
    in_order: ArtifactSequence[Any]
    models: list[Leaf]
    by_key: dict[str, Leaf]
    pair: tuple[Leaf, Any]
    none: Leaf | None = None


@dataclass
class Tables(ArtifactModel, name="stores.Tables"):
    pandas: pd.DataFrame
    series: Any
    index: Any
    moment: Any
    polars: pl.DataFrame
    polars_series: pl.Series
    feather: Any
    batch: Any
    parquet: Any = artifact_field(serializer=parquet_serializer)


@dataclass
class Arrays(ArtifactModel, name="stores.Arrays"):
    arrays: ArtifactMapping[str, Any]


@dataclass
class Large(ArtifactModel, name="stores.Large"):
    samples: Lazy[np.ndarray]
    text: Lazy[bytes]
    file: File
    shared: bytes


@dataclass
class Aged(ArtifactModel, name="stores.Aged", version=2):
    """It was stored by version 1, as `text: str`."""

    words: list[str]

    @classmethod
    def migrate(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
        return {"words": data["text"].split()}


def values() -> dict[str, Any]:
    """Return plain values by what is peculiar to them."""
    berlin = ZoneInfo("Europe/Berlin")
    return {
        "none": None,
        "true": True,
        "false": False,
        "zero": 0,
        "one": 1,
        "largest of 63 bits": 2**63 - 1,
        "least of 64 bits": -(2**63),
        "beyond": -(3**200),
        "float": 0.1,
        "negative zero": -0.0,
        "least": 5e-324,
        "greatest": 1.7976931348623157e308,
        "nan": float("nan"),
        "inf": float("inf"),
        "-inf": float("-inf"),
        "empty": "",
        "composed: é": "caf\u00e9",
        "decomposed: e\u0301": "cafe\u0301",
        "emoji: 👩‍🔬": "🍣🍺👩‍🔬\U0010ffff",
        "nul and surrogates": "a\0b\ud800\udfff\udc00",
        "quotes": "'\"\\`%s%(x)s:x?$1;--\r\n\t",
        "bytes": bytes(range(256)),
        "no bytes": b"",
        "naive": datetime(2024, 2, 29, 12, 30, 15, 123456),
        "utc": datetime(1, 1, 1, tzinfo=UTC),
        "folded": datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=berlin),
        "offset": datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=timezone(timedelta(hours=-3, seconds=1), "odd")),
        "date": date(2024, 2, 29),
        "time": time(23, 59, 59, 999999),
        "timedelta": timedelta(days=-999999999, microseconds=1),
        "uuid": UUID("00112233-4455-6677-8899-aabbccddeeff"),
        "decimal": Decimal("-1.0100E+400"),
        "decimal nan": Decimal("NaN123"),
        "path": PurePosixPath("../a b/é"),
        "windows path": PureWindowsPath("C:\\a\\b"),
        "tuple": (1, (2.0, ("3", None))),
        "list": [[], [1, True, 1.0]],
        "set": {1, "a", (2, None)},
        "frozenset": frozenset({b"a", Decimal("0.10")}),
        "dict": {"z": 1, "a": {(1, 2): [3], None: "none", 1.5: {}}, "$dict": "$int"},
        "long": "x" * 2000 + "é",
    }


def known() -> Known:
    """Return a model whose values are of classes that its annotations name."""
    return Known(
        colours=[Colour.RED, Colour.BLUE],
        level=Level.HIGH,
        unit=Unit.METRE,
        access=Access.READ | Access.WRITE,
        point=Point(Colour.RED, (1, 2)),
        box=Box(Point(1.5), name="ein Kästchen"),
        by_colour={Colour.BLUE: frozenset({Point(1, 2), Point(1.5)})},
    )


def tree() -> Tree:
    """Return models in models and in containers of every kind."""
    return Tree(
        leaf=Leaf(1, "one"),
        by_name=ArtifactMapping({"": Leaf(2), "A": 1, "a": 2, "a ": 3, "é": Leaf(3), "e\u0301": [Leaf(4)], "🍣": None}),
        in_order=ArtifactSequence([Leaf(5), ArtifactSequence([1, ArtifactMapping(x=Leaf(6))]), "text"]),
        models=[Leaf(number) for number in range(3)],
        by_key={"%": Leaf(7), "'": Leaf(8, "'")},
        pair=(Leaf(9), {"plain": (1, 2)}),
    )


def tables() -> Tables:
    """Return tables of every library. Those of pandas have the types that pandas 3 chooses, on pandas 2.3 too."""
    text = _pd.StringDtype(na_value=float("nan"))
    frame = _pd.DataFrame(
        {
            "int": _pd.array([1, None, -3], dtype="Int64"),
            "float": [0.5, float("nan"), -0.0],
            "text": _pd.array(["a", None, "é🍣"], dtype=text),
            "category": _pd.Categorical(
                ["x", "y", "x"], categories=_pd.Index(["y", "x", "z"], dtype=text), ordered=True
            ),
            "zoned": _pd.date_range("2024-10-27", periods=3, freq="h", tz=ZoneInfo("Europe/Berlin")).as_unit("us"),
            "span": _pd.to_timedelta([1, 2, None], unit="ms").as_unit("us"),
        },
        index=_pd.MultiIndex.from_arrays([_pd.Index(["a", "a", "b"], dtype=text), [1, 2, 1]], names=["key", None]),
    )
    frame.columns = frame.columns.astype(text)
    arrow = _pa.table(
        {
            "list": _pa.array([[1, None], [], None], _pa.list_(_pa.int16())),
            "decimal": _pa.array([Decimal("1.10"), None, Decimal("-3.00")], _pa.decimal128(10, 2)),
            "dictionary": _pa.array(["a", "b", "a"]).dictionary_encode(),
        },
        metadata={"by": "a test"},
    )
    flat = _pa.table({"moment": _pa.array([0, 1, None], _pa.timestamp("us", "UTC")), "text": ["a", None, "é"]})
    return Tables(
        pandas=frame,
        series=_pd.Series([1.5, None], name=("a", 1), dtype="float32"),
        index=_pd.Index(["b", "a"], dtype=text, name="names"),
        moment=_pd.Timestamp("2024-03-31T02:30:00.123456789+01:00"),
        polars=pl.DataFrame({"n": [1, None], "s": ["a", "é"], "l": [[1.5], []], "d": [date(2024, 1, 1), None]}),
        polars_series=pl.Series("days", [timedelta(days=1), None]),
        feather=arrow,
        batch=_pa.RecordBatch.from_pydict({"x": [1, None]}, metadata={"k": "v"}),
        parquet=flat,
    )


def arrays() -> Arrays:
    """Return arrays of several dtypes, shapes and orders, and scalars."""
    fields = _np.dtype([("a", "<i2"), ("b", "S3"), ("c", "<f4", (2,))])
    return Arrays(
        ArtifactMapping(
            matrix=_np.arange(6, dtype=">f8").reshape(2, 3),
            fortran=_np.asfortranarray(_np.arange(6, dtype="<u2").reshape(2, 3)),
            empty=_np.zeros((2, 0, 3), dtype="<c16"),
            scalar=_np.array(True),
            structured=_np.array([(1, b"ab", (0.5, -0.0)), (-2, b"", (1.0, 2.0))], dtype=fields),
            moments=_np.array(["2024-01-01", "NaT"], dtype="datetime64[ms]"),
            text=_np.array(["a", "🍣é"], dtype="<U3"),
            strings=_np.array(["a", "", "🍣" * 10], dtype=_np.dtypes.StringDType()),
            int8=_np.int8(-5),
            half=_np.float16(0.333),
            long=_np.arange(500, dtype="<i4"),
        )
    )


def samples() -> Any:
    """Return an array whose object has two chunks, and is small when it is compressed."""
    array = _np.zeros(CHUNK_SIZE + 1000, dtype="u1")
    array[0], array[-1] = 7, 9
    return array


SHARED = b"shared by two artifacts " * 100
MESSAGE = "no 'way' \\ %s 🍣\r\n"
CONTENT = b"the content of a file\n" * 100


async def fill(folder: Path) -> dict[str, Any]:
    """Save it all into the database that is in force, and return what is not the same in any two stores."""
    models: dict[str, UUID] = {}
    path = folder / "content.txt"
    path.write_bytes(CONTENT)
    models["values"] = await Values(ArtifactMapping(values())).save("values")
    models["known"] = await known().save("it")
    models["tree"] = await tree().save("it")
    async with RunManager(Run(NO_PARENT)) as outer:
        models["tables"] = await outer.save_artifact("tables", tables())
        models["arrays"] = await outer.save_artifact("arrays", arrays())
        async with RunManager(Run()) as inner:
            large = Large(Lazy(samples()), Lazy(b"lazy" * 500), File(path), SHARED)
            models["large"] = await inner.save_artifact("large 🍣", large)
            models["sharing"] = await inner.save_artifact("sharing", Values(ArtifactMapping(shared=SHARED)))
        failed, cancelled, lost = RunManager(Run()), RunManager(Run()), RunManager(Run())
        with suppress(ValueError):
            async with failed:
                models["aged"] = await failed.save_artifact("aged", _aged("older data opens"))
                raise ValueError(MESSAGE)
        with suppress(asyncio.CancelledError):
            async with cancelled:
                raise asyncio.CancelledError
        running = RunManager(Run())
        for manager in (running, lost):  # in tasks of their own, so that they are active there alone
            await asyncio.create_task(manager.__aenter__())
        ended = update(node_table).values(run_status="lost").where(node_table.c.node_id == lost.run.node_id)
        await write(lambda connection: connection.execute(ended))
        lost.run.status = "lost"
    path.unlink()
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
    links = [
        {"source_id": models["values"], "target_id": outer.run.node_id, "kind": "used", "created_at": moment},
        {"source_id": inner.run.node_id, "target_id": models["large"], "kind": "produced", "created_at": moment},
    ]
    await write(lambda connection: connection.execute(insert(link_table), links))
    runs = {
        "outer": outer.run,
        "inner": inner.run,
        "failed": failed.run,
        "cancelled": cancelled.run,
        "running": running.run,
        "lost": lost.run,
    }
    return {
        "store_id": (await current_database()).store_id,
        "models": models,
        "runs": {name: asdict(run) for name, run in runs.items()},
    }


def _aged(text: str) -> ArtifactModel:
    @dataclass
    class FormerlyAged(ArtifactModel, name="stores.Aged", version=1):
        text: str

    return FormerlyAged(text)


async def check(index: Mapping[str, Any]) -> None:
    """Load all that is in the store that is in force, and compare it with what was saved."""
    assert (await current_database()).store_id == UUID(index["store_id"])
    models = {name: UUID(node_id) for name, node_id in index["models"].items()}
    await _check_models(models)
    await _check_large(models["large"])
    await _check_runs(index["runs"], models)
    await _check_rows(index, models)


async def _check_models(models: Mapping[str, UUID]) -> None:
    assert_identical(await Values.load(models["values"]), Values(ArtifactMapping(values())))
    assert_identical(await Known.load(models["known"]), known())
    assert_identical(await ArtifactModel.load(models["tree"]), tree())
    assert_identical(await Arrays.load(models["arrays"]), arrays())
    assert_identical(await Aged.load(models["aged"]), Aged(["older", "data", "opens"]))
    assert_identical(await Values.load(models["sharing"]), Values(ArtifactMapping(shared=SHARED)))
    loaded, expected = await Tables.load(models["tables"]), tables()
    assert loaded == expected
    for name in ("pandas", "polars", "feather", "parquet"):
        assert_identical(getattr(loaded, name), getattr(expected, name))


async def _check_large(node_id: UUID) -> None:
    large = await Large.load(node_id)
    _np.testing.assert_array_equal(await large.samples.load(), samples(), strict=True)
    mapped: Any = await large.samples.load(memory_map=True)
    assert (mapped.dtype, mapped.shape, mapped[0], mapped[-1]) == (_np.dtype("u1"), samples().shape, 7, 9)
    assert await large.text.load() == b"lazy" * 500
    assert await large.file.read() == CONTENT
    assert large.shared == SHARED


async def _check_runs(stored: Mapping[str, Any], models: Mapping[str, UUID]) -> None:
    runs = {name: _run(facts) for name, facts in stored.items()}
    assert {name: run.status for name, run in runs.items()} == {
        "outer": "completed",
        "inner": "completed",
        "failed": "failed",
        "cancelled": "cancelled",
        "running": "running",
        "lost": "lost",
    }
    assert runs["failed"].error_type == "ValueError"
    assert runs["failed"].error_message == MESSAGE
    manager = RunManager(runs["outer"])
    below = await manager.load_descendant_runs()
    assert sorted(below, key=_id) == sorted((run for name, run in runs.items() if name != "outer"), key=_id)
    assert list(await manager.load_artifacts()) == ["tables", "arrays"]
    artifacts = await manager.load_descendant_artifacts()
    assert {run_id: list(found) for run_id, found in artifacts.items()} == {
        runs["inner"].node_id: ["large 🍣", "sharing"],
        runs["failed"].node_id: ["aged"],
        runs["cancelled"].node_id: [],
        runs["running"].node_id: [],
        runs["lost"].node_id: [],
    }
    links = await read(lambda connection: connection.execute(select(link_table).order_by(link_table.c.kind)))
    produced, used = links.all()
    assert (produced.source_id, produced.target_id, produced.kind) == (
        runs["inner"].node_id,
        models["large"],
        "produced",
    )
    assert tuple(used) == (
        models["values"],
        runs["outer"].node_id,
        "used",
        datetime(2026, 1, 2, 3, 4, 5, 678901, UTC),
    )


async def _check_rows(index: Mapping[str, Any], models: Mapping[str, UUID]) -> None:
    """See what is shared and what is cut, which the values do not show."""
    blobs = (await read(lambda connection: connection.execute(select(blob_table)))).all()
    assert {blob.storage for blob in blobs} == {STORAGE}
    assert all(blob.location.startswith(UUID(index["store_id"]).hex) for blob in blobs)
    assert [len(blob.chunk_sha256) for blob in blobs if blob.chunk_sha256 is not None] == [64]
    shared = [blob.blob_id for blob in blobs if blob.size == len(SHARED)]
    users = select(node_table.c.tree_root_id).where(node_table.c.blob_id.in_(shared))
    found = (await read(lambda connection: connection.execute(users))).scalars().all()
    assert sorted(found) == sorted([models["large"], models["sharing"]])


def _id(run: Run) -> UUID:
    return run.node_id


def _run(facts: Mapping[str, Any]) -> Run:
    parent_id = facts["node_parent_id"]
    return Run(
        None if parent_id is None else UUID(parent_id),
        UUID(facts["node_id"]),
        status=facts["status"],
        started_at=_moment(facts["started_at"]),
        ended_at=_moment(facts["ended_at"]),
        error_type=facts["error_type"],
        error_message=facts["error_message"],
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
