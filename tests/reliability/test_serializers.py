"""A serializer that is missing or fails when a value is loaded: the error, and what can still be read."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from polars.exceptions import PanicException

from artigraph import ArtifactModel, Lazy, artifact_field, registry
from artigraph.errors import (
    ArtigraphError,
    DeserializationError,
    MissingDependencyError,
    UnknownSerializerError,
)
from artigraph.identifiers import new_id
from artigraph.model.values import StoredValue
from artigraph.serializer import Serializer, base, get_serializer_by_name
from artigraph.storage import get_storage_by_name
from artigraph.storage.file import FileSystem
from tests.support.corruption import location_of

pytestmark = pytest.mark.usefixtures("engine")

_np: Any = np
_pa: Any = pa
LIBRARIES = {
    "numpy": ("numpy-array", "numpy-scalar"),
    "pandas": ("pandas-dataframe", "pandas-series", "pandas-index", "pandas-scalar"),
    "polars": ("polars-dataframe", "polars-series"),
    "pyarrow": ("arrow-feather", "arrow-parquet", "arrow-record-batch", "arrow-record-batch-stream"),
    "networkx": ("networkx-graph",),
    "scipy": ("scipy-sparse",),
}
PAIRS = [(library, name) for library, names in LIBRARIES.items() for name in names]


def known_serializers() -> dict[str, Any]:
    registered: Any = vars(base)["_serializers"]
    return cast("dict[str, Any]", vars(registered)["_items"])


class Own(complex):
    """A type that only this module stores."""


class Shout(Serializer[Own]):
    """Fails when it reads, if a test asks for that."""

    types = (Own,)

    def __init__(self, name: str, error: Callable[[], BaseException] | None = None) -> None:
        self.name = name
        self._error = error

    def serialize(self, value: Own) -> bytes:
        return repr(value).encode()

    def deserialize(self, data: bytes) -> Own:
        if self._error is not None:
            raise self._error()
        return Own(data.decode())


@pytest.fixture
def storage(tmp_path: Path) -> FileSystem:
    return FileSystem(tmp_path / "objects", name=f"files-{uuid4().hex}").register()


async def saved(serializer: Serializer[Any], storage: FileSystem, value: Any) -> tuple[Any, UUID]:
    """Save a value in its row, lazily in a storage, and beside others that no library is needed for."""

    @dataclass
    class Mixed(ArtifactModel, name="reliability.Mixed"):
        here: Any = artifact_field(serializer=serializer)
        there: Lazy[Any] = artifact_field(serializer=serializer, storage=storage)
        sibling: bytes = artifact_field(storage=storage)
        note: str = "a note"

    return Mixed, await Mixed(value, Lazy(value), b"the sibling").save("it")


async def assert_raw_bytes_are_readable(cls: Any, node_id: UUID, storage: FileSystem, data: bytes) -> None:
    """The siblings load, and the value's bytes can be had by its handle and by its storage."""
    rest = await cls.load(node_id, fields=["there", "sibling", "note"])
    assert (rest.sibling, rest.note) == (b"the sibling", "a note")
    with await rest.there.open() as file:
        assert file.read() == data
    assert await get_storage_by_name(storage.name).read(await location_of(node_id, "there")) == data


async def test_a_serializer_that_nobody_registered_is_named(
    storage: FileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    shout = Shout(f"shout-{uuid4().hex}")
    cls, node_id = await saved(shout, storage, Own(1j))
    monkeypatch.delitem(known_serializers(), shout.name)
    with pytest.raises(UnknownSerializerError, match=rf"here.*{shout.name}.*import that module") as caught:
        await cls.load(node_id)
    assert "pip install" in str(caught.value)
    with pytest.raises(UnknownSerializerError, match=rf"there.*{shout.name}"):
        await (await cls.load(node_id, fields=["there"])).there.load()
    await assert_raw_bytes_are_readable(cls, node_id, storage, b"1j")


@pytest.mark.parametrize(
    ("library", "name"), [(library, name) for library, names in LIBRARIES.items() for name in names]
)
def test_a_library_that_is_missing_is_named_with_what_to_install(
    library: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(library, monkeypatch)
    with pytest.raises(MissingDependencyError, match=rf"pip install 'artigraph[\w-]*\[{library}\]'"):
        get_serializer_by_name(name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("numpy-array", _np.arange(3)),
        ("polars-dataframe", pl.DataFrame({"x": [1]})),
        ("arrow-parquet", _pa.table({"x": [1]})),
    ],
)
async def test_bytes_of_a_library_that_is_missing_are_readable(
    name: str, value: Any, storage: FileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    serializer: Serializer[Any] = get_serializer_by_name(name)
    data = serializer.serialize(value)
    cls, node_id = await saved(serializer, storage, value)
    library = next(library for library, names in LIBRARIES.items() if name in names)
    forget(library, monkeypatch)
    with pytest.raises(MissingDependencyError, match=rf"here.*pip install '.*\[{library}\]'"):
        await cls.load(node_id)
    await assert_raw_bytes_are_readable(cls, node_id, storage, data)


async def test_a_distribution_that_is_missing_is_named(storage: FileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    cls, node_id = await saved(get_serializer_by_name("numpy-array"), storage, _np.arange(3))
    forget("numpy", monkeypatch)
    monkeypatch.setattr(registry, "entry_points", nothing_installed)
    with pytest.raises(UnknownSerializerError, match=r"numpy-array.*pip install 'artigraph-serializers\[numpy"):
        await cls.load(node_id)


def nothing_installed(**_: str) -> tuple[()]:
    return ()


def forget(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide a library and its serializers, as if they were not installed."""
    for name in LIBRARIES[library]:
        monkeypatch.delitem(known_serializers(), name, raising=False)
    ours = (f"artigraph.serializer.{library}", "artigraph.serializer._support")
    for module in [name for name in sys.modules if name.startswith(ours)]:
        monkeypatch.delitem(sys.modules, module)
    # An import of a submodule that was imported before does not ask for its package.
    for module in [library, *(name for name in sys.modules if name == f"{library}.sparse")]:
        monkeypatch.setitem(sys.modules, module, None)


def errors() -> list[Callable[[], BaseException]]:
    kinds: list[type[BaseException]] = [
        PanicException,
        BaseException,
        RecursionError,
        MemoryError,
        AssertionError,
        StopIteration,
        OSError,
        _pa.ArrowInvalid,
    ]
    return [partial(kind, "boom") for kind in kinds]


@pytest.mark.parametrize("error", errors(), ids=lambda error: type(error()).__name__)
async def test_whatever_a_serializer_raises_when_it_reads_is_wrapped(
    error: Callable[[], BaseException], storage: FileSystem
) -> None:
    cls, node_id = await saved(Shout(f"shout-{uuid4().hex}", error), storage, Own(1j))
    with pytest.raises(DeserializationError, match=r"Mixed\.here.*boom") as caught:
        await cls.load(node_id)
    assert type(caught.value.__cause__) is type(error())
    lazy = (await cls.load(node_id, fields=["there"])).there
    with pytest.raises(DeserializationError, match=r"Mixed\.there.*boom"):
        await lazy.load()
    with pytest.raises(DeserializationError, match="reads no columns"):
        await lazy.load(columns=["x"])
    with pytest.raises(DeserializationError, match="cannot be mapped"):
        await lazy.load(memory_map=True)
    await assert_raw_bytes_are_readable(cls, node_id, storage, b"1j")


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_what_asks_the_process_to_stop_goes_on(error: type[BaseException]) -> None:
    shout = Shout(f"shout-{uuid4().hex}", error).register()
    with pytest.raises(error):
        StoredValue(shout.name, b"1j", {}, lambda: "a value", new_id()).decode(b"1j")


async def test_a_panic_of_polars_is_wrapped(storage: FileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """Polars itself panics in our serializer. Its panic is no Exception."""

    def panic(*_: Any, **__: Any) -> Any:
        raise PanicException("called `Option::unwrap()` on a `None` value")

    frame = pl.DataFrame({"x": [1]})
    serializer: Serializer[Any] = get_serializer_by_name("polars-dataframe")
    cls, node_id = await saved(serializer, storage, frame)
    data = serializer.serialize(frame)
    monkeypatch.setattr(pl, "from_arrow", panic)
    with pytest.raises(DeserializationError, match="PanicException") as caught:
        await cls.load(node_id)
    causes = [caught.value.__cause__]
    while causes[-1] is not None:
        causes.append(causes[-1].__cause__)
    assert PanicException in map(type, causes)
    assert isinstance(caught.value, ArtigraphError)
    await assert_raw_bytes_are_readable(cls, node_id, storage, data)
