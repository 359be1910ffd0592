from __future__ import annotations

import sys
from collections import OrderedDict
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from importlib import import_module
from pathlib import Path, PurePath, PurePosixPath
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from artigraph.errors import MissingDependencyError, RegistrationError, SerializationError, UnknownSerializerError
from artigraph.serializer import Serializer, base, get_serializer_by_name, get_serializer_by_type
from artigraph.serializer.datetime import datetime_serializer, timedelta_serializer
from artigraph.serializer.json import json_serializer
from artigraph.serializer.raw import bytes_serializer


@pytest.fixture(autouse=True)
def _restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base._serializers, "_items", dict(base._serializers._items))
    monkeypatch.setattr(base, "_by_type", dict(base._by_type))
    monkeypatch.setattr(base, "_shipped", dict(base._shipped))
    monkeypatch.setattr(base, "_resolved", type(base._resolved)())


class Animal:
    pass


class Dog(Animal):
    pass


class Puppy(Dog):
    pass


class AnimalSerializer(Serializer[Any]):
    def __init__(self, name: str = "animal", types: tuple[type[Any], ...] = (Animal,)) -> None:
        self.name = name
        self.types = types

    def serialize(self, value: Any) -> bytes:
        return type(value).__name__.encode()

    def deserialize(self, data: bytes) -> Any:
        return {"Animal": Animal, "Dog": Dog, "Puppy": Puppy}[data.decode()]()


def test_the_nearest_class_in_the_mro_decides() -> None:
    animal = AnimalSerializer().register()
    assert get_serializer_by_type(Animal) is animal
    assert get_serializer_by_type(Puppy) is animal
    dog = AnimalSerializer("dog", (Dog,)).register()
    assert get_serializer_by_type(Puppy) is dog
    assert get_serializer_by_type(Dog) is dog
    assert get_serializer_by_type(Animal) is animal


def test_the_last_one_serves_a_type() -> None:
    first = AnimalSerializer("first").register()
    second = AnimalSerializer("second").register()
    assert get_serializer_by_type(Dog) is second
    assert get_serializer_by_name("first") is first
    AnimalSerializer("first").register()
    assert get_serializer_by_type(Dog) is first


def test_an_equal_one_changes_nothing() -> None:
    first = AnimalSerializer().register()
    AnimalSerializer().register()
    assert get_serializer_by_name("animal") is first
    assert get_serializer_by_type(Dog) is first
    with pytest.raises(RegistrationError):
        AnimalSerializer("animal", (Dog,)).register()


def test_ours_give_way_to_others() -> None:
    class Strings(AnimalSerializer):
        pass

    own = Strings("strings", (str,)).register()
    assert get_serializer_by_type(str) is own
    json_serializer.register()
    assert get_serializer_by_type(str) is own
    assert get_serializer_by_type(int) is json_serializer


def test_a_class_that_is_defined_again_loses_its_former_types() -> None:
    def cell(types: tuple[type[Any], ...]) -> Serializer[Any]:
        claimed = types

        class Cell(Serializer[Any]):
            name = "cell"
            types = claimed

            def serialize(self, value: Any) -> bytes:
                return b""

            def deserialize(self, data: bytes) -> Any:
                return None

        return Cell().register()

    cell((Animal, Dog))
    again = cell((Dog,))
    assert get_serializer_by_type(Puppy) is again
    assert get_serializer_by_name("cell") is again
    with pytest.raises(UnknownSerializerError):
        get_serializer_by_type(Animal)


@pytest.mark.parametrize(
    ("cls", "serializer"),
    [
        (type(None), json_serializer),
        (bool, json_serializer),
        (int, json_serializer),
        (float, json_serializer),
        (str, json_serializer),
        (bytes, bytes_serializer),
        (datetime, datetime_serializer),
        (date, datetime_serializer),
        (time, datetime_serializer),
        (timedelta, timedelta_serializer),
        (UUID, json_serializer),
        (Decimal, json_serializer),
        (type(Path()), json_serializer),
        (PurePosixPath, json_serializer),
        (tuple, json_serializer),
        (list, json_serializer),
        (set, json_serializer),
        (frozenset, json_serializer),
        (dict, json_serializer),
    ],
)
def test_plain_types_have_a_serializer_from_the_start(cls: type[Any], serializer: Serializer[Any]) -> None:
    assert get_serializer_by_type(cls) is serializer
    assert get_serializer_by_name(serializer.name) is serializer


SUBCLASSES: list[object] = [
    type("Ordered", (OrderedDict,), {})(a=1),
    type("Number", (float,), {})(1.5),
    type("Text", (str,), {})("a"),
]


@pytest.mark.parametrize("value", SUBCLASSES)
def test_subclasses_of_plain_types_are_refused_when_they_are_written(value: object) -> None:
    with pytest.raises(SerializationError, match="subclass of"):
        get_serializer_by_type(type(value)).serialize(value)


def test_a_subclass_of_float_is_not_taken_for_one() -> None:
    with pytest.raises(SerializationError, match=r"numpy\.float64"):
        json_serializer.serialize(np.float64(1.5))


@pytest.mark.parametrize("cls", [Animal, object, PurePath, bytearray])
def test_a_type_without_a_serializer_is_a_clear_error(cls: type[Any]) -> None:
    with pytest.raises(UnknownSerializerError, match=rf"{cls.__qualname__}.*artifact_field\(serializer="):
        get_serializer_by_type(cls)
    AnimalSerializer("any", (object,)).register()
    assert get_serializer_by_type(cls).name == "any"


def test_a_name_without_a_serializer_says_what_to_install() -> None:
    with pytest.raises(UnknownSerializerError, match=r"pip install 'artigraph-serializers\["):
        get_serializer_by_name("no-such-thing")


def _plugin(monkeypatch: pytest.MonkeyPatch, path: Path, code: str) -> None:
    (path / "animal_library.py").write_text("class Horse: pass\n")
    (path / "animal_plugin.py").write_text(code)
    monkeypatch.setattr(sys, "path", [str(path), *sys.path])
    real = base._modules_for

    def modules_for(library: str) -> tuple[str, ...]:
        return ("animal_plugin",) if library == "animal_library" else real(library)

    monkeypatch.setattr(base, "_modules_for", modules_for)
    for name in ("animal_library", "animal_plugin"):
        monkeypatch.delitem(sys.modules, name, raising=False)


PLUGIN = """
from animal_library import Horse
from artigraph.serializer import Serializer

class HorseSerializer(Serializer):
    name = "horse"
    types = (Horse,)
    def serialize(self, value): return b""
    def deserialize(self, data): return Horse()

horse_serializer = HorseSerializer().register()
"""


def test_what_serves_a_library_is_imported_when_a_value_of_it_comes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _plugin(monkeypatch, tmp_path, PLUGIN)
    horse: type[Any] = import_module("animal_library").Horse
    assert "animal_plugin" not in sys.modules
    assert get_serializer_by_type(horse).name == "horse"
    assert get_serializer_by_type(type("Pony", (horse,), {})).name == "horse"


def test_a_plugin_that_lacks_a_library_is_a_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _plugin(monkeypatch, tmp_path, "import no_such_library\n")
    horse: type[Any] = import_module("animal_library").Horse
    for _ in range(2):
        with pytest.raises(MissingDependencyError, match=r"animal_library.*no_such_library"):
            get_serializer_by_type(horse)


def test_values_are_equal_by_type_and_content() -> None:
    serializer = AnimalSerializer()
    assert serializer.equal(Dog(), Dog())
    assert not serializer.equal(Dog(), Puppy())
    assert json_serializer.equal(1, 1)
    assert not json_serializer.equal(1, 1.0)
    assert not json_serializer.equal(1, True)
    assert json_serializer.equal([float("nan")], [float("nan")])
    assert not json_serializer.equal(object(), object())


def test_a_serializer_shows_its_name() -> None:
    assert repr(json_serializer) == "<JsonSerializer 'json'>"


def test_classes_that_were_looked_up_are_not_kept_alive() -> None:
    import gc
    import weakref

    AnimalSerializer().register()
    cls = type("Cat", (Animal,), {})
    get_serializer_by_type(cls)
    reference = weakref.ref(cls)
    del cls
    gc.collect()
    assert reference() is None
