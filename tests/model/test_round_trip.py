"""Loaded models equal the saved ones, with equal types at every depth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from artigraph import ArtifactMapping, ArtifactModel, ArtifactModelConfig, ArtifactSequence, artifact_field
from artigraph.db import read
from artigraph.errors import CycleError, InvalidLabelError, SerializationError, WrongModelTypeError
from artigraph.model._encode import FieldContext
from artigraph.orm import node_table
from artigraph.serializer.pandas import dataframe_serializer
from artigraph.serializer.pyarrow import feather_serializer, parquet_serializer
from artigraph.storage import MemoryStorage
from artigraph.testing.strategies import (
    Access,
    Box,
    Colour,
    Level,
    Point,
    Unit,
    instances,
    labels,
    plain_values,
    scalars,
)
from tests.support.identical import assert_identical
from tests.support.values import Known, _np, _pd, frame

_pa: Any = pa

memory = MemoryStorage("round-trip")
# One database for all examples of a test: each saves a tree of its own.
several = settings(
    deadline=None,
    max_examples=20,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.data_too_large,
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
    ],
)

M = TypeVar("M", bound=ArtifactModel)
T = TypeVar("T")


@dataclass
class Leaf(ArtifactModel, name="round-trip.Leaf"):
    anything: Any
    something: object = None
    narrow: int | str | None = None
    known: Known | list[Known] | Any = None


@dataclass
class Node(ArtifactModel, name="round-trip.Node"):
    value: Any
    by_name: ArtifactMapping[str, Any] = field(default_factory=ArtifactMapping)
    in_order: ArtifactSequence[Any] = field(default_factory=ArtifactSequence)
    models: list[Any] = field(default_factory=list[Any])
    by_key: dict[str, Any] = field(default_factory=dict[str, Any])
    pair: tuple[Any, ...] = ()
    nested: Node | Leaf | None = None
    stored: Any = artifact_field(storage=memory, default=None)


def leaves() -> st.SearchStrategy[Any]:
    return st.builds(
        Leaf, plain_values(), plain_values(), scalars(), plain_values(scalars() | instances(), max_leaves=5)
    )


def nodes(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    items = st.lists(parts, max_size=2)
    by_label = st.dictionaries(labels(), parts, max_size=2)
    return st.builds(
        Node,
        parts,
        by_label.map(ArtifactMapping),
        items.map(ArtifactSequence),
        items,
        by_label,
        items.map(tuple),
        leaves() | st.none(),
        parts,
    )


def models() -> st.SearchStrategy[Any]:
    parts = st.builds(Leaf, scalars()) | plain_values(max_leaves=2)
    return nodes(st.recursive(parts, nodes, max_leaves=3))


async def round_trip(model: M) -> M:
    loaded = await type(model).load(await model.save("it"))
    assert loaded == model
    assert_identical(loaded, model)
    return loaded


@several
@given(value=plain_values())
async def test_every_plain_value_comes_back_under_any_annotation(value: Any) -> None:
    await round_trip(Leaf(value, value, value, [value]))


@several
@given(value=plain_values(scalars() | instances()))
async def test_instances_of_the_classes_of_the_annotation_come_back(value: Any) -> None:
    @dataclass
    class Holder(ArtifactModel):
        one: Known | Any
        many: dict[str, list[Known]] | Any
        stored: Annotated[Known | Any, memory]

    await round_trip(Holder(value, {"x": [value]}, value))


@several
@given(model=models())
async def test_models_in_every_kind_of_container_come_back(model: Any) -> None:
    await round_trip(model)


@several
@given(value=plain_values(max_leaves=4), key=labels())
async def test_values_in_containers_of_every_depth_come_back(value: Any, key: str) -> None:
    leaf = Leaf(value)
    deep: Any = [{key: (leaf, [value, {key: [leaf]}], ())}, [], {}, ArtifactMapping({key: [leaf]})]
    await round_trip(Node(deep, ArtifactMapping({key: deep}), ArtifactSequence([deep, value]), by_key={key: deep}))


MEAN = datetime(2020, 10, 25, 2, 30, 0, 7, ZoneInfo("Europe/Berlin"), fold=1)
NIL = UUID(int=0)
ORIGIN = Point(1.0, (True, -0.0))


@dataclass
class Typed(ArtifactModel, name="round-trip.Typed"):
    number: float = 1  # an int under `float` stays one
    flag: int = True
    text: Literal["a", "b"] = "a"
    when: datetime | None = MEAN
    where: Path = Path("a/b")
    amount: Decimal | float = Decimal("1.00")
    wide: complex | int = 2**70
    ident: UUID = NIL
    unit: Unit = Unit.METRE
    access: Access = Access.READ | Access.EXECUTE
    literal: Literal[Colour.RED] = Colour.RED
    point: Point = ORIGIN
    many: list[Point | Box | Colour] = field(default_factory=lambda: [Point(1), Box([Colour.BLUE], name="b")])
    nothing: None = None


async def test_what_is_stored_is_the_value_and_not_what_the_annotation_says() -> None:
    loaded = await round_trip(Typed())
    assert type(loaded.number) is int
    assert loaded.flag is True
    assert loaded.when is not None
    assert (loaded.when.fold, loaded.when.tzinfo) == (1, ZoneInfo("Europe/Berlin"))


UserId = NewType("UserId", int)


class Inner(NamedTuple):
    id: UserId
    colours: dict[Colour, set[Level]]


async def test_classes_are_found_through_new_types_generics_and_named_tuples() -> None:
    @dataclass
    class Box2(ArtifactModel, Generic[T]):
        item: T
        inner: Inner

    await round_trip(Box2[Any](5, Inner(UserId(1), {Colour.RED: {Level.LOW}})))


async def test_a_class_that_no_annotation_names_is_refused_by_name() -> None:
    with pytest.raises(SerializationError, match=r"Leaf\.something .*Colour") as caught:
        await Leaf(1, something=Colour.RED).save("x")
    assert isinstance(caught.value, ValueError)
    assert await count_nodes() == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: defaultdict[str, int](lambda: 0),
        object,
        lambda: bytearray(b"x"),
        lambda: type("Text", (str,), {})("x"),
        lambda: type("Dict", (dict,), {})(a=1),
        lambda: _np.array([object()]),
        lambda: memoryview(b"x"),
        lambda: iter([1]),
        lambda: int,
        lambda: {"a": {1: [object()]}},
        lambda: {object()},
        lambda: dict.fromkeys([float("nan"), float("nan")], Leaf(1)),
        lambda: {("x" * 255,): Leaf(1)},
        lambda: {object(): Leaf(1)},
    ],
)
@pytest.mark.parametrize("storage", [None, memory])
async def test_what_would_not_come_back_is_refused_by_model_and_field(
    make: Callable[[], Any], storage: MemoryStorage | None
) -> None:
    @dataclass
    class Refusing(ArtifactModel):
        good: Any
        bad: Any = artifact_field(storage=storage)

    memory._objects.clear()
    with pytest.raises(SerializationError, match=r"Refusing\.bad"):
        await Refusing(1, make()).save("x")
    with pytest.raises(SerializationError, match=r"Node\.by_name\['k'\]\[0\]\.bad"):
        await Node(None, ArtifactMapping(k=[Refusing(1, make())]), stored="never").save("x")
    assert (await count_nodes(), memory._objects) == (0, {})


VALUES: dict[str, Callable[[], Any]] = {
    "pandas": frame,
    "series": lambda: _pd.Series([1, 2], name="s", index=[3.5, 4.5]),
    "empty frame": _pd.DataFrame,
    "array": lambda: _np.arange(24, dtype=">i2").reshape(2, 3, 4),
    "fortran": lambda: _np.asfortranarray(_np.array([[1.0, float("nan")], [-0.0, 2]])),
    "structured": lambda: _np.array([(1, b"x"), (2, b"yz")], dtype=[("a", "<i4"), ("b", "S2")]),
    "scalar array": lambda: _np.array(5.0),
    "numpy scalar": lambda: _np.float64("nan"),
    "datetime64": lambda: _np.array(["2020-01-01", "NaT"], "datetime64[ns]"),
    "polars": lambda: pl.DataFrame({"a": [1, None], "b": ["x", "y"], "c": [[1.0], []]}),
    "arrow": lambda: _pa.table({"a": _pa.array([1, None], _pa.int8()), "b": [["x"], []]}),
}


@dataclass
class Heavy(ArtifactModel, name="round-trip.Heavy"):
    inline: Any
    stored: Any = artifact_field(storage=memory)
    many: list[Any] = artifact_field(storage=memory, default_factory=list)
    by_name: ArtifactMapping[str, Any] = field(default_factory=ArtifactMapping)
    pair: tuple[Any, ...] = ()
    nested: Heavy | None = None


@pytest.mark.parametrize("name", VALUES)
async def test_frames_and_arrays_come_back_wherever_they_are(name: str) -> None:
    make = VALUES[name]
    heavy = Heavy(
        make(),
        make(),
        [make(), {"k": make()}, None],
        ArtifactMapping(a=make(), b=[make()]),
        (make(), 1),
        Heavy(None, make()),
    )
    loaded = await round_trip(heavy)
    assert loaded.many[0] is not loaded.stored
    assert len(memory._objects) >= 1


async def test_equal_frames_in_one_storage_are_one_object() -> None:
    memory._objects.clear()
    await round_trip(Heavy(None, frame(), [frame(), frame()], nested=Heavy(None, frame(), [frame()])))
    assert len(memory._objects) == 1


async def test_the_serializer_that_a_field_names_writes_it() -> None:
    @dataclass
    class Chosen(ArtifactModel):
        parquet: Annotated[Any, parquet_serializer, memory]
        feather: Any = artifact_field(serializer=feather_serializer, storage=memory)
        pandas: Any = artifact_field(serializer=dataframe_serializer)

    table = _pa.table({"a": [1, 2]})
    memory._objects.clear()
    loaded = await round_trip(Chosen(table, table, frame()))
    assert loaded.parquet.equals(table)
    assert sorted(data[:4] for data in memory._objects.values()) == [b"ARRO", b"PAR1"]
    assert {row[1]: row[2] for row in await stored_rows()} == {
        "it": None,
        "parquet": parquet_serializer.name,
        "feather": feather_serializer.name,
        "pandas": dataframe_serializer.name,
    }
    with pytest.raises(SerializationError, match=r"Chosen\.pandas .*its serializer"):
        await Chosen(table, table, table).save("x")


async def test_the_config_chooses_by_type_and_the_field_comes_first() -> None:
    @dataclass
    class Configured(
        ArtifactModel,
        config=ArtifactModelConfig(default_field_serializer=feather_serializer, default_field_storage=memory),
    ):
        table: Any
        number: int
        maybe: Any = None
        own: Any = artifact_field(serializer=parquet_serializer, default=None)

    memory._objects.clear()
    table = _pa.table({"a": [1, 2]})
    await round_trip(Configured(table, 5, None, table))
    assert {row[1]: row[2] for row in await stored_rows() if row[0] == "value"} == {
        "table": feather_serializer.name,
        "number": "json",
        "maybe": "json",
        "own": parquet_serializer.name,
    }
    assert len(memory._objects) == 3  # None is kept in the database


async def stored_rows() -> list[tuple[str, str, str | None]]:
    statement = select(node_table.c.node_type, node_table.c.label, node_table.c.serializer)
    rows = await read(lambda connection: connection.execute(statement))
    return [(row[0], row[1], row[2]) for row in rows]


async def count_nodes() -> int:
    return await read(lambda connection: connection.scalar(select(func.count()).select_from(node_table))) or 0


async def test_shared_objects_come_back_as_copies() -> None:
    leaf = Leaf([1, 2])
    array = _np.arange(3)
    plain = [1]
    loaded = await round_trip(Node([leaf, leaf], in_order=ArtifactSequence([leaf, array, array, plain, plain])))
    assert loaded.value[0] is not loaded.value[1]
    assert loaded.in_order[1] is not loaded.in_order[2]
    assert loaded.in_order[3] is not loaded.in_order[4]


def cycles() -> dict[str, Any]:
    model, through_list, through_dict, in_tuple = Node(None), Node(None), Node(None), Node(None)
    model.nested = model
    through_list.models.append([through_list])
    through_dict.by_key["k"] = {"k": through_dict}
    in_tuple.pair = ([in_tuple],)
    by_mapping, by_sequence = Node(None), Node(None)
    by_mapping.by_name = ArtifactMapping(k=by_mapping)
    by_sequence.in_order = ArtifactSequence([by_sequence])
    plain: list[Any] = [1]
    plain.append({"k": plain})
    mixed: list[Any] = [Leaf(1)]
    mixed.append(mixed)
    long: list[Any] = []
    link: Any = long
    for _ in range(500):
        link = [link]
    long.append(link)
    two, back = Node(None), Node(None)
    two.value, back.value = back, two
    return {
        "model": model,
        "list": through_list,
        "dict": through_dict,
        "tuple": in_tuple,
        "mapping": by_mapping,
        "sequence": by_sequence,
        "plain": Node(plain),
        "mixed": Node(mixed),
        "long": Node(long),
        "two": two,
        "box": Leaf(1, known=cyclic_box()),
        "stored": Node(None, stored=plain),
        "odd keys": Node(odd_keys()),
    }


def odd_keys() -> dict[Any, Any]:
    value: dict[Any, Any] = {}
    value[1] = [value]
    return value


def cyclic_box() -> Box:
    items: list[Any] = []
    box = Box(items)
    items.append(box)
    return box


@pytest.mark.parametrize("name", cycles())
async def test_a_cycle_is_an_error_and_neither_repr_nor_comparison_fails(name: str) -> None:
    model, other = cycles()[name], cycles()[name]
    with pytest.raises(CycleError):
        await model.save("x")
    assert await count_nodes() == 0
    assert len(repr(model)) < 2000
    assert model == model
    assert model == other


DEEP = 5000


@dataclass
class Link(ArtifactModel, name="round-trip.Link"):
    inner: Any


def nest(wrap: Callable[[Any], Any], end: Any) -> Any:
    for _ in range(DEEP):
        end = wrap(end)
    return end


WRAPS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "models": (Link, None),
    "mappings": (lambda inner: ArtifactMapping(k=inner), 1),
    "sequences": (lambda inner: ArtifactSequence([0, inner]), 1),
    "lists": (lambda inner: [inner], 1),
    "dicts": (lambda inner: {"k": inner}, 1),
    "tuples": (lambda inner: (inner,), 1),
    "mixed": (lambda inner: [Link(inner)], 1),
}


@pytest.mark.parametrize("name", WRAPS)
async def test_depth_is_no_limit(name: str) -> None:
    wrap, end = WRAPS[name]
    model, other = Link(nest(wrap, end)), Link(nest(wrap, end))
    assert model == other
    assert model != Link(nest(wrap, 2))
    loaded = await Link.load(await model.save("deep"))
    assert loaded == model
    assert loaded != Link(nest(wrap, 2))
    assert len(repr(loaded)) < 2000


async def test_the_path_of_a_value_is_made_for_an_error_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A path is as long as the value is deep, so a path for each value would take quadratic time."""
    monkeypatch.setattr(FieldContext, "path", property(lambda _: pytest.fail("a path was created")))
    await round_trip(Node({"k": Leaf(1)}, ArtifactMapping(k=Leaf(2)), ArtifactSequence([[Leaf(3)]])))


async def test_an_error_far_below_has_a_short_path() -> None:
    model = Link(nest(Link, Leaf(object())))
    with pytest.raises(SerializationError) as caught:
        await model.save("x")
    assert len(str(caught.value)) < 2000


async def test_ten_thousand_nodes_come_back() -> None:
    model = Node(
        {str(number): Leaf(number, [number]) for number in range(1500)},
        ArtifactMapping({str(number): number for number in range(2500)}),
        ArtifactSequence(Leaf(str(number)) for number in range(100)),
    )
    await round_trip(model)
    assert await count_nodes() > 10_000


async def test_keys_of_items_that_are_nodes_obey_the_rule_for_labels() -> None:
    await round_trip(Node({1: "plain", None: 2, (1, 2): 3.5}))
    for key in ("a\0", "x" * 256, "\ud800"):
        with pytest.raises(InvalidLabelError, match=r"Node\.value"):
            await Node({key: Leaf(1)}).save("x")


async def test_values_of_any_size_are_kept_in_the_database() -> None:
    for size in (65_535, 65_536, 1024 * 1024):
        await round_trip(Leaf("x" * size, b"\xff" * size))


async def test_a_part_of_an_artifact_is_no_model() -> None:
    await Node([Leaf(1)], ArtifactMapping(a=(Leaf(2), {3})), ArtifactSequence([{"k": Leaf(4)}])).save("whole")
    statement = select(node_table.c.node_id, node_table.c.node_type).where(node_table.c.node_type != "model")
    parts = {kind: UUID(str(node_id)) for node_id, kind in await read(lambda connection: connection.execute(statement))}
    assert parts.keys() == {"container", "value"}
    for kind, node_id in parts.items():
        with pytest.raises(WrongModelTypeError, match=f"is not a model but a {kind}, a part of one"):
            await ArtifactModel.load(node_id)


async def test_dicts_with_any_plain_keys_hold_models_arrays_and_frames() -> None:
    value: dict[Any, Any] = {
        (2, "b"): Leaf(1),
        "text": frame(),
        None: {3.5: [Leaf(2)]},
        Colour.RED: b"x",
        True: _np.arange(3),
    }
    model = Leaf(1, known=value)
    node_id = await model.save("keyed")
    loaded = await Leaf.load(node_id)
    assert loaded == model
    found: Any = loaded.known
    assert list(map(type, found)) == list(map(type, value))
    assert list(found) == list(value)
