"""Generic bases with their type arguments applied."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, TypeVar

import pytest

from artigraph import ArtifactMapping, ArtifactModel, columns, select
from artigraph.errors import SerializationError
from artigraph.kinds import with_arguments
from artigraph.model.definition import annotation_of

pytestmark = pytest.mark.usefixtures("engine")

K = TypeVar("K")
T = TypeVar("T")


class Color(Enum):
    RED = "r"
    BLUE = "b"


@dataclass
class Pair(Generic[K, T]):
    key: K
    item: T


@dataclass
class Swapped(Pair[T, K], Generic[K, T]):
    extra: list[T] = field(default_factory=list[T])


@dataclass
class Named(Swapped[str, Color]):
    pass


@dataclass
class Box(ArtifactModel, Generic[T], name="generics.Box"):
    item: T
    items: dict[str, list[T]]
    maybe: T | None = None
    nodes: ArtifactMapping[str, T] = field(default_factory=ArtifactMapping)


@dataclass
class Colors(Box[Color], name="generics.Colors"):
    pass


@dataclass
class Inner(Box[Pair[str, Color]], name="generics.Inner"):
    pass


@dataclass
class Holder(ArtifactModel, name="generics.Holder"):
    pair: Pair[str, Color]
    named: Named
    swapped: Swapped[int, Color] | None = None


async def test_a_field_has_the_type_that_the_subclass_gives_it() -> None:
    colors = Colors(Color.RED, {"a": [Color.BLUE]}, Color.BLUE, ArtifactMapping(x=Color.RED))
    assert await Colors.load(await colors.save("it")) == colors
    assert await select(Colors).where(columns(Colors).item == Color.RED).count() == 1
    assert await select(Colors).where(columns(Colors).nodes["x"] == Color.RED).count() == 1
    assert annotation_of(Colors, "item") is Color
    assert annotation_of(Colors, "items") == dict[str, list[Color]]
    assert annotation_of(Colors, "maybe") == Color | None


async def test_type_arguments_may_be_generic_themselves() -> None:
    inner = Inner(Pair("a", Color.RED), {})
    assert await Inner.load(await inner.save("it")) == inner


async def test_values_of_generic_classes() -> None:
    holder = Holder(Pair("a", Color.RED), Named(Color.RED, "b", [Color.BLUE]), Swapped(Color.RED, 1))
    assert await Holder.load(await holder.save("it")) == holder


async def test_without_an_argument_only_plain_values_are_known() -> None:
    with pytest.raises(SerializationError, match="annotation does not mention"):
        await Box[Any](Color.RED, {}).save("it")
    assert await Box.load(await Box(1, {"a": [2]}).save("it")) == Box(1, {"a": [2]})


def test_arguments_reach_through_bases() -> None:
    key: Any = K
    item: Any = T
    assert with_arguments(Named, Pair, key) is Color
    assert with_arguments(Named, Pair, dict[key, list[item]]) == dict[Color, list[str]]
    assert with_arguments(Named, Swapped, list[item]) == list[Color]
    assert with_arguments(Pair, Pair, key) is key
    assert with_arguments(Named, Pair, int) is int
