"""Values of `collections`, complex numbers, fractions and ranges as fields of models."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest

from artigraph import ArtifactModel, artifact_class, diff
from artigraph.errors import QueryError, SerializationError
from artigraph.query import columns, select
from artigraph.stored import load_stored
from artigraph.testing.equality import assert_identical
from artigraph.view import artifact_document

NAN = float("nan")


@dataclass
class Holder(ArtifactModel, name="tests.CollectionsHolder"):
    value: Any


VALUES: list[Any] = [
    complex(-0.0, NAN),
    Fraction(1, 3),
    range(0, 10, 3),
    Counter({"a": 2, "b": 0}),
    OrderedDict({"b": 1, "a": NAN}),
    defaultdict(list, {1: [2]}),
    deque([1, NAN], 3),
    {"nested": [deque([Counter(a=1)])]},
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
async def test_it_loads_as_it_was_saved(value: Any) -> None:
    node_id = await Holder(value).save("it")
    loaded = await Holder.load(node_id)
    assert_identical(loaded.value, value)
    assert loaded == Holder(value)
    assert not diff(loaded, Holder(value))
    stored = await load_stored(node_id)
    assert type(stored.fields["value"].value) is type(value)
    assert (await artifact_document(node_id)).to_dict()["data"]["fields"]


def test_equality_is_that_of_the_type() -> None:
    assert Holder(Counter(a=0)) == Holder(Counter())
    assert Holder(Counter(a=1)) != Holder(Counter())
    assert Holder(OrderedDict(a=1, b=2)) == Holder(OrderedDict(a=1, b=2))
    assert Holder(OrderedDict(a=1, b=2)) != Holder(OrderedDict(b=2, a=1))
    assert Holder(deque([1], 2)) == Holder(deque([1]))
    assert Holder(defaultdict(int, a=NAN)) == Holder(defaultdict(list, a=NAN))
    assert Holder(Fraction(1, 2)) == Holder(0.5)


@pytest.mark.parametrize(
    ("before", "after", "paths"),
    [
        (Counter(a=1, b=1), Counter(b=2), ["value['a']", "value['b']"]),
        (OrderedDict[str, int](a=1, b=1), OrderedDict[str, int](a=1, b=2), ["value['b']"]),
        (defaultdict(int, a=1), defaultdict(int, a=2), ["value['a']"]),
        (deque([1, 2, 3]), deque([1, 5, 3]), ["value[1]"]),
        (Fraction(1, 2), Fraction(1, 3), ["value"]),
        (range(3), range(4), ["value"]),
    ],
    ids=repr,
)
async def test_a_difference_names_the_item(before: Any, after: Any, paths: list[str]) -> None:
    assert [str(change.path) for change in diff(Holder(before), Holder(after)).changes] == paths


async def test_they_are_not_searched_by() -> None:
    await Holder(1j).save("it")
    field = columns(Holder).value
    for value in (1j, range(3), deque([1])):
        with pytest.raises(QueryError, match="is not searched by"):
            _ = field == value
    assert await select(Holder).where(field == 0.5).count() == 0
    assert await select(Holder).where(~field.is_(None)).count() == 1


async def test_a_fraction_is_searched_as_a_number() -> None:
    await Holder(Fraction(1, 2)).save("it")
    field = columns(Holder).value
    for value in (Fraction(1, 2), 0.5):
        assert await select(Holder).where(field == value).count() == 1
    assert await select(Holder).where(field == Fraction(1, 3)).count() == 0


async def test_a_factory_of_ones_own_is_refused() -> None:
    with pytest.raises(SerializationError, match=r"Holder\.value.*default_factory.*code is not stored"):
        await Holder(defaultdict(lambda: 0)).save("it")


@dataclass
class Part(ArtifactModel, name="tests.CollectionsPart"):
    number: int = 0


@dataclass
class PartToo:
    number: int = 0


artifact_class(PartToo, name="tests.CollectionsPartToo")


@dataclass
class Parts(ArtifactModel, name="tests.CollectionsParts"):
    parts: OrderedDict[str, Part | PartToo] | deque[Part | PartToo] | dict[Any, Any]


@pytest.mark.parametrize("part", [Part(), PartToo()], ids=["derived", "made a model"])
async def test_a_model_in_one_is_told_which_collections_hold_models(part: Any) -> None:
    wrong: list[Any] = [OrderedDict(a=part), deque([part])]
    for value, holder in ((value, holder) for value in wrong for holder in (Holder, Parts)):
        with pytest.raises(SerializationError, match=r"is a model of class .*: keep it in these alone") as caught:
            await holder(value).save("it")
        assert "list, tuple, dict, ArtifactMapping and ArtifactSequence" in str(caught.value)
        assert "annotation" not in str(caught.value)
    assert await Parts.load(await Parts({"a": part}).save("it")) == Parts({"a": part})
