from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, ClassVar, Generic, Literal, NamedTuple, NewType, Optional, TypedDict, TypeVar, Union

import pytest
from typing_extensions import TypeAliasType

from artigraph.errors import ModelDefinitionError
from artigraph.serializer.codec import collect_classes, encode

T = TypeVar("T")


class Colour(Enum):
    RED = 1


class Shape(Enum):
    ROUND = 1


class Point(NamedTuple):
    x: int
    colour: Colour | None = None


@dataclass
class Tree:
    point: Point
    children: list[Tree]
    parent: Other | None = None
    kinds: ClassVar[list[Shape]] = []


@dataclass
class Other:
    tree: Tree
    shape: Annotated[Any, Shape] = None


@dataclass
class Box(Generic[T]):
    content: T


class Options(TypedDict):
    colour: Colour
    shape: list[Shape]


class Base:
    pass


class Model(Base):
    point: Point


Name = NewType("Name", Point)
Bound = TypeVar("Bound", bound=Colour)
Either = TypeVar("Either", Colour, Shape)
Alias = TypeAliasType("Alias", dict[str, Colour])
Recursive = TypeAliasType("Recursive", "list[Recursive] | Colour")


ANNOTATIONS: list[tuple[object, set[str]]] = [
    (int, set()),
    (Any, set()),
    (None, set()),
    ("Colour", set()),
    (Colour, {"Colour"}),
    (Colour | None, {"Colour"}),
    (Optional[Colour], {"Colour"}),  # noqa: UP045
    (Union[int, Colour, Shape], {"Colour", "Shape"}),  # noqa: UP007
    (dict[Colour, list[tuple[Shape, ...]]], {"Colour", "Shape"}),
    (Callable[[Colour], Shape], {"Colour", "Shape"}),
    (Literal[Colour.RED, "a"], {"Colour"}),
    (Annotated[Any, Colour, "text", 5, [1]], {"Colour"}),
    (Annotated[list[Shape] | int, Colour], {"Colour", "Shape"}),
    (Point, {"Point", "Colour"}),
    (Tree, {"Tree", "Point", "Colour", "Other", "Shape"}),
    (Box[Colour], {"Box", "Colour"}),
    (Box, {"Box"}),
    (Options, {"Colour", "Shape"}),
    (Name, {"Point", "Colour"}),
    (Bound, {"Colour"}),
    (Either, {"Colour", "Shape"}),
    (Alias, {"Colour"}),
    (list[Model | Colour], {"Colour"}),
    (type[Colour], {"Colour"}),
]


@pytest.mark.parametrize(("annotation", "names"), ANNOTATIONS)
def test_classes_are_collected(annotation: object, names: set[str]) -> None:
    found = collect_classes(annotation, exclude=(Base,))
    assert set(found) == names
    assert all(cls.__name__ == name for name, cls in found.items())


def test_excluded_classes_are_left_alone() -> None:
    @dataclass
    class Excluded(Base):
        colour: Colour

    assert collect_classes(list[Excluded], exclude=(Base,)) == {}
    assert set(collect_classes(list[Excluded])) == {"Excluded", "Colour"}


def test_two_classes_of_one_name_are_an_error() -> None:
    def make() -> type[Any]:
        class Colour(Enum):
            BLUE = 1

        return Colour

    assert set(collect_classes(Union[Colour, Colour])) == {"Colour"}  # noqa: PYI016, UP007
    with pytest.raises(ModelDefinitionError, match=r"two classes named 'Colour'.*renamed"):
        collect_classes(tuple[Colour, make()])  # type: ignore[misc]


def test_annotations_that_cannot_be_resolved_are_an_error() -> None:
    @dataclass
    class Local:
        value: Hidden

    class Hidden(Enum):
        A = 1

    with pytest.raises(ModelDefinitionError, match=r"Local.*Hidden"):
        collect_classes(Local)
    assert set(collect_classes(Local, localns={"Hidden": Hidden})) == {"Local", "Hidden"}


def test_a_local_class_finds_itself() -> None:
    @dataclass
    class Node:
        next: Node | None = None

    assert collect_classes(Node) == {"Node": Node}
    assert encode(Node(Node()), collect_classes(Node)).startswith(b'{"$dataclass":["Node"')


def test_classes_are_not_kept_alive() -> None:
    def use() -> weakref.ref[type[Any]]:
        @dataclass
        class Gone:
            a: int

        encode(Gone(1), collect_classes(Gone))
        return weakref.ref(Gone)

    reference = use()
    gc.collect()
    assert reference() is None
