"""Where kinds are found, and that nothing is looked up for the sake of dataclasses."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import attrs
import pytest

import artigraph.kinds as kinds
from artigraph import ArtifactModel, artifact_class, load, save
from artigraph.attrs._kind import KIND
from artigraph.errors import ModelDefinitionError, RegistrationError, SerializationError
from artigraph.kinds import KindField, kind_of, register_kind

pytestmark = pytest.mark.usefixtures("engine")


def run(code: str) -> str:
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_a_save_and_a_load_of_dataclasses_look_nothing_up_and_import_no_library() -> None:
    code = """
import sys
import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
import artigraph.kinds as kinds
from artigraph import sync
from artigraph.sync.db import engine_context

@dataclass
class Plain:
    number: int

@dataclass
class Model(sync.ArtifactModel):
    plain: Plain
    many: dict[str, list[Plain]]
    path: Path | None = None

with engine_context("sqlite+aiosqlite:///:memory:", create_tables=True):
    model = Model(Plain(1), {"a": [Plain(2)]}, Path("x"))
    assert Model.load(model.save("it")) == model
print(kinds._waiting, *({"pydantic", "attr", "msgspec"} & sys.modules.keys()))
"""
    assert run(code) == "None"


def test_a_class_of_another_library_imports_only_its_own_kind() -> None:
    code = """
import sys, attr
from artigraph.kinds import kind_of

class Strange:
    pass

@attr.s
class Known:
    number = attr.ib(default=1)

print(kind_of(Strange), kind_of(Known).name, *({"pydantic", "msgspec", "artigraph.pydantic"} & sys.modules.keys()))
"""
    assert run(code) == "None attrs"


class Coordinates:
    """A class of a library that nobody knows."""

    def __init__(self, x: int) -> None:
        self.x = x


class _CoordinatesKind:
    name = "coordinates"
    hidden: frozenset[str] = frozenset()

    def claims(self, cls: type[Any]) -> bool:
        return issubclass(cls, Coordinates)

    def fields(self, cls: type[Any]) -> Sequence[KindField]:
        return [KindField(name="x", required=True, annotation=int)]

    def accepts(self, cls: type[Any], name: str) -> bool:
        return False

    def read(self, model: Any) -> Mapping[str, object]:
        return {"x": model.x}

    def build(self, cls: type[Any], fields: Mapping[str, Any]) -> object:
        return cls(**fields)

    def check(self, cls: type[Any], fields: Mapping[str, Any]) -> object:
        return cls(**fields)

    def parts(self, model: Any) -> Mapping[str, object] | None:
        return {"x": model.x}

    def is_frozen(self, cls: type[Any]) -> bool:
        return False

    def part_class(self, cls: type[Any], namespace: Mapping[str, object], names: Sequence[str]) -> type[Any]:
        return type(cls.__name__, (cls,), dict(namespace))

    def blank(self, cls: type[Any], attributes: Mapping[str, object]) -> object:
        model = object.__new__(cls)
        for name, value in attributes.items():
            setattr(model, name, value)
        return model


@pytest.fixture
def registered() -> Iterator[None]:
    register_kind(_CoordinatesKind())
    yield
    kinds._kinds[:] = [kind for kind in kinds._kinds if kind.name != "coordinates"]
    kinds._found.clear()


async def test_a_kind_of_your_own_stores_values(registered: None) -> None:
    @dataclass
    class Place(ArtifactModel):  # made here: a class that is used earlier does not know the kind
        where: Coordinates | None

    place = Place(Coordinates(3))
    loaded = await Place.load(await place.save("it"))
    assert loaded == place
    assert type(loaded.where) is Coordinates


async def test_a_kind_of_your_own_stores_models(registered: None) -> None:
    cls: Any = Coordinates
    artifact_class(cls, name="registry.Coordinates")
    node_id = await save(cls(5), "it")
    loaded: Any = await load(cls, node_id)
    assert loaded.x == 5
    part: Any = await load(cls, node_id, fields=["x"])
    assert part.x == 5


async def test_without_its_kind_a_value_is_refused() -> None:
    class Unknown:
        """A class of no kind."""

    @dataclass
    class Elsewhere(ArtifactModel):
        where: Unknown

    with pytest.raises(SerializationError, match="none of the plain types"):
        await Elsewhere(Unknown()).save("it")


def test_a_kind_has_a_name() -> None:
    strange: Any = object()
    with pytest.raises(RegistrationError, match="has a name"):
        register_kind(strange)


async def test_a_distribution_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "_kinds", [])
    monkeypatch.setattr(kinds, "_waiting", {})
    kinds._found.clear()

    @attrs.define
    class Value:
        number: int

    @attrs.define
    class Model(ArtifactModel):
        number: int

    @dataclass
    class Holder(ArtifactModel):
        value: Value

    with pytest.raises(SerializationError, match=r"pip install 'artigraph-models\[attrs\]'"):
        await Holder(Value(1)).save("it")
    with pytest.raises(ModelDefinitionError, match=r"pip install 'artigraph-models\[attrs\]'"):
        await Model(1).save("it")
    kinds._found.clear()


def test_a_kind_that_cannot_be_imported_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        name = "broken"

        def load(self) -> object:
            raise ImportError("no such version")

    monkeypatch.setattr(kinds, "_waiting", {"attr": Broken()})
    monkeypatch.setattr(kinds, "_kinds", [])

    @attrs.define
    class Value:
        number: int

    assert kind_of(Value) is None
    assert "'broken' cannot be imported" in caplog.text


def test_a_thread_waits_for_a_kind_that_another_thread_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    importing, asked = threading.Event(), threading.Event()

    class Slow:
        name = "attr"

        def load(self) -> object:
            importing.set()
            assert asked.wait(10)
            return KIND

    monkeypatch.setattr(kinds, "_waiting", {"attr": Slow()})
    monkeypatch.setattr(kinds, "_kinds", [])

    @attrs.define
    class Value:
        number: int

    @attrs.define
    class Other:
        number: int

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(kind_of, Value)
        assert importing.wait(10)
        second = threads.submit(kind_of, Other)
        wait([second], timeout=0.1)
        asked.set()
        assert (first.result(), second.result(), kind_of(Value), kind_of(Other)) == (KIND,) * 4


def test_what_the_import_of_a_kind_asks_for_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    @attrs.define
    class Value:
        number: int

    @attrs.define
    class Other:
        number: int

    class Asking:
        name = "attr"

        def load(self) -> object:
            assert kind_of(Other) is None
            return KIND

    monkeypatch.setattr(kinds, "_waiting", {"attr": Asking()})
    monkeypatch.setattr(kinds, "_kinds", [])
    assert (kind_of(Value), kind_of(Other)) == (KIND, KIND)
