from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import artigraph.registry
from artigraph.errors import MissingDependencyError, NotFoundError, RegistrationError, UnknownStorageError
from artigraph.registry import Registry
from artigraph.serializer import get_serializer_by_type
from artigraph.serializer.json import JsonSerializer
from artigraph.storage import MemoryStorage, register_storage


class Thing:
    def __init__(self, name: str, **configuration: Any) -> None:
        self.name = name
        self.__dict__.update(configuration)
        self._cache = object()


@pytest.fixture
def registry() -> Registry[Any]:
    return Registry("thing", group="artigraph.test_things", unknown=UnknownStorageError, hint="Ask somebody.")


def test_what_is_registered_is_found(registry: Registry[Any]) -> None:
    thing = Thing("a")
    assert registry.register(thing) is thing
    assert registry.get("a") is thing
    assert list(registry) == [thing]


def test_an_equal_one_is_the_same(registry: Registry[Any]) -> None:
    first = registry.register(Thing("a", size=1, shape=(1, 2)))
    assert registry.register(Thing("a", size=1, shape=(1, 2))) is first
    assert registry.get("a") is first


@pytest.mark.parametrize(
    "other", [Thing("a", size=2), Thing("a"), Thing("a", size=1, more=1), Thing("a", size=np.arange(2))]
)
def test_another_one_under_a_name_is_an_error(registry: Registry[Any], other: Thing) -> None:
    first = registry.register(Thing("a", size=1))
    with pytest.raises(RegistrationError, match="'a' belongs to another thing"):
        registry.register(other)
    assert registry.get("a") is first


def test_another_class_under_a_name_is_an_error(registry: Registry[Any]) -> None:
    class Other(Thing):
        pass

    registry.register(Thing("a"))
    with pytest.raises(RegistrationError):
        registry.register(Other("a"))


def test_configuration_may_hold_arrays(registry: Registry[Any]) -> None:
    first = registry.register(Thing("a", weights=np.array([[1.0, 2.0]])))
    assert registry.register(Thing("a", weights=np.array([[1.0, 2.0]]))) is first
    for weights in (np.array([[1.0, 3.0]]), np.array([1.0, 2.0]), np.array([[1.0, 2.0]] * 2), [[1.0, 2.0]], None):
        with pytest.raises(RegistrationError):
            registry.register(Thing("a", weights=weights))


def test_configuration_may_hold_frames(registry: Registry[Any]) -> None:
    pd = pytest.importorskip("pandas")
    first = registry.register(Thing("a", table=pd.DataFrame({"x": [1, 2]})))
    assert registry.register(Thing("a", table=pd.DataFrame({"x": [1, 2]}))) is first
    for table in (pd.DataFrame({"x": [1, 3]}), pd.DataFrame({"y": [1, 2]}), pd.DataFrame({"x": [1]})):
        with pytest.raises(RegistrationError):
            registry.register(Thing("a", table=table))


def test_configuration_may_hold_what_cannot_be_compared(registry: Registry[Any]) -> None:
    class Touchy:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError("no")

        __hash__ = None  # type: ignore[assignment]

    touchy = Touchy()
    first = registry.register(Thing("a", part=touchy))
    assert registry.register(Thing("a", part=touchy)) is first
    with pytest.raises(RegistrationError):
        registry.register(Thing("a", part=Touchy()))


def test_an_equality_of_the_class_counts(registry: Registry[Any]) -> None:
    class Loose(Thing):
        def __eq__(self, other: object) -> bool:
            return isinstance(other, Loose)

        __hash__ = None  # type: ignore[assignment]

    first = registry.register(Loose("a", size=1))
    assert registry.register(Loose("a", size=2)) is first


def test_slots_are_configuration(registry: Registry[Any]) -> None:
    class Slotted:
        __slots__ = ("_cache", "name", "size")

        def __init__(self, size: int) -> None:
            self.name = "a"
            self.size = size
            self._cache = object()

    class OneSlot:
        __slots__ = "name"  # noqa: PLC0205 (Python takes it)

        def __init__(self) -> None:
            self.name = "b"

    first = registry.register(Slotted(1))
    assert registry.register(Slotted(1)) is first
    with pytest.raises(RegistrationError):
        registry.register(Slotted(2))
    one = registry.register(OneSlot())
    assert registry.register(OneSlot()) is one


def test_a_class_that_is_defined_again_replaces_the_former(registry: Registry[Any]) -> None:
    def cell(size: int) -> object:
        class Cell:
            name = "a"

            def __init__(self) -> None:
                self.size = size

        return Cell()

    registry.register(cell(1))
    again = cell(1)
    assert registry.register(again) is again
    assert registry.get("a") is again
    with pytest.raises(RegistrationError):
        registry.register(cell(2))


@pytest.mark.parametrize("name", ["", "a b", "é", "a\n", "a\0", "x" * 101, None, 5, b"a"])
def test_malformed_names_are_refused(registry: Registry[Any], name: Any) -> None:
    with pytest.raises(RegistrationError, match="cannot name a thing"):
        registry.register(Thing(name))
    assert list(registry) == []


def test_an_unknown_name_says_what_there_is(registry: Registry[Any]) -> None:
    with pytest.raises(UnknownStorageError, match=r"no thing named 'x'.*Registered: none.*Ask somebody\."):
        registry.get("x")
    registry.register(Thing("b"))
    registry.register(Thing("a"))
    with pytest.raises(NotFoundError, match="Registered: 'a', 'b'"):
        registry.get("x")


# Entry points -----------------------------------------------------------------------------------------------------


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    before = set(sys.modules)
    yield tmp_path / "some_plugin.py"
    for name in set(sys.modules) - before:
        if name.startswith("some_plugin"):
            del sys.modules[name]


def _offer(monkeypatch: pytest.MonkeyPatch, *offers: tuple[str, str]) -> list[str]:
    asked: list[str] = []

    def entry_points(*, group: str, name: str) -> list[EntryPoint]:
        asked.append(name)
        return [EntryPoint(offer, value, group) for offer, value in offers if offer == name]

    monkeypatch.setattr(artigraph.registry, "entry_points", entry_points)
    return asked


THING = "class Thing:\n    def __init__(self, name, size=0):\n        self.name = name\n        self.size = size\n"


def test_an_offered_one_is_imported_when_it_is_asked_for(
    registry: Registry[Any], plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin.write_text(THING + "thing = Thing('a')\n")
    asked = _offer(monkeypatch, ("a", "some_plugin:thing"))
    assert "some_plugin" not in sys.modules
    assert list(registry) == []
    found = registry.get("a")
    assert found is sys.modules["some_plugin"].thing
    assert registry.get("a") is found
    assert asked == ["a"]


def test_a_library_that_is_missing_is_named(
    registry: Registry[Any], plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin.write_text("import no_such_library\n")
    _offer(monkeypatch, ("a", "some_plugin:thing"))
    with pytest.raises(MissingDependencyError, match=r"no_such_library.*pip install") as caught:
        registry.get("a")
    assert isinstance(caught.value.__cause__, ImportError)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("thing = 1 / 0\n", "ZeroDivisionError"),
        ("", "has no attribute 'thing'"),
        ("thing = 5\n", "has not this name"),
        (THING + "thing = Thing('b')\n", "has not this name"),
        (THING + "thing = Thing\n", "has not this name"),
    ],
)
def test_a_broken_offer_is_a_clear_error(
    registry: Registry[Any], plugin: Path, monkeypatch: pytest.MonkeyPatch, code: str, words: str
) -> None:
    plugin.write_text(code)
    _offer(monkeypatch, ("a", "some_plugin:thing"))
    with pytest.raises(RegistrationError, match=words):
        registry.get("a")
    assert list(registry) == []


def test_two_offers_of_one_name_are_an_error(
    registry: Registry[Any], plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin.write_text(THING + "one = Thing('a', 1)\ntwo = Thing('a', 2)\n")
    _offer(monkeypatch, ("a", "some_plugin:one"), ("a", "some_plugin:two"))
    with pytest.raises(RegistrationError, match="belongs to another"):
        registry.get("a")


def test_a_module_may_register_while_it_is_imported(
    registry: Registry[Any], plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("some_plugin_registry")
    module.registry = registry  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "some_plugin_registry", module)
    plugin.write_text(
        THING + "from some_plugin_registry import registry\nthing = registry.register(Thing('a'))\n"
        "registry.register(Thing('b'))\n"
    )
    _offer(monkeypatch, ("a", "some_plugin:thing"))
    assert registry.get("a") is sys.modules["some_plugin"].thing
    assert [item.name for item in registry] == ["a", "b"]


def test_of_many_threads_one_wins(registry: Registry[Any]) -> None:
    for turn in range(50):
        barrier = threading.Barrier(4)
        outcomes: list[object] = []

        def work(
            size: int, turn: int = turn, barrier: threading.Barrier = barrier, outcomes: list[object] = outcomes
        ) -> None:
            thing = Thing(f"thing{turn}", size=size)
            barrier.wait()
            try:
                outcomes.append(registry.register(thing))
            except RegistrationError as error:
                outcomes.append(error)

        threads = [threading.Thread(target=work, args=(size,)) for size in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        winners = [outcome for outcome in outcomes if isinstance(outcome, Thing)]
        assert winners == [registry.get(f"thing{turn}")]


class Nameless(MemoryStorage):
    def __init__(self) -> None:
        pass


def test_what_lacks_a_name_or_types_is_refused_by_class() -> None:
    with pytest.raises(RegistrationError, match=r"None cannot name a storage.*Nameless"):
        Nameless().register()
    assert repr(Nameless()) == "<Nameless None>"
    with pytest.raises(RegistrationError, match=r"int"):
        register_storage(3)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="takes a class"):
        get_serializer_by_type("str")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    class Typeless(JsonSerializer):
        name = "typeless"
        types: Any = (1,)

    with pytest.raises(RegistrationError, match="tuple of the classes"):
        Typeless().register()
