"""Columns: the fields of a model class. Comparing one makes a condition, which is checked while the query is built."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from numbers import Integral
from pathlib import PurePath
from types import NoneType, UnionType
from typing import Annotated, Any, Generic, TypeVar, Union, cast, get_args, get_origin, overload
from uuid import UUID

from artigraph.errors import QueryError
from artigraph.graph.nodes import Node
from artigraph.identifiers import check_label
from artigraph.model import ArtifactMapping, ArtifactSequence
from artigraph.model.any_model import AnyModel
from artigraph.model.definition import annotation_of, define, is_model
from artigraph.model.lazy import is_lazy
from artigraph.query._conditions import Compare, Condition, Field, IsNone, OneOf, Operator, Path, Text
from artigraph.query._key_ranges import has_value_key
from artigraph.query._operators import Comparable, check_compared
from artigraph.query._properties import NodeColumns, RunColumns
from artigraph.run import Run
from artigraph.stored import StoredEnum

M = TypeVar("M", bound=AnyModel)


@dataclass(frozen=True, slots=True)
class Order:
    """An order of results by one field, ascending or descending."""

    field: Field
    descending: bool = False
    exact: bool = False
    """Whether search keys alone decide the order, because no key of the field's types is ever cut."""


class _ByAttribute:
    """Columns that are attributes as well as items."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Column:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    @abstractmethod
    def __getitem__(self, name: str) -> Column:
        """Return the column of a field or of a key."""


class Columns(_ByAttribute, Generic[M]):
    """The columns of a model class: one attribute, or item, for each stored field."""

    __slots__ = ("_model_type",)

    def __init__(self, model_type: type[M]) -> None:
        self._model_type = model_type

    def __getitem__(self, name: str) -> Column:
        return _column(self._model_type, (), [self._model_type], name)

    def __dir__(self) -> list[str]:
        return list(define(self._model_type).fields)

    def __repr__(self) -> str:
        return f"<columns of {self._model_type.__qualname__}>"


@overload
def columns(  # pyright: ignore[reportOverlappingOverload] (Run is no model)
    kind: type[Run],
) -> RunColumns: ...
@overload
def columns(kind: type[Node]) -> NodeColumns: ...
@overload
def columns(kind: str) -> StoredColumns: ...
@overload
def columns(kind: type[M]) -> Columns[M]: ...
def columns(kind: type[Any] | str) -> Any:
    """Return the columns of a model class, of `Run` or of `Node`, from which you build conditions and orders.

        c = columns(Report)
        reports = await select(Report).where(c.accuracy > 0.9, c.data.name == "train").all()

    A text is the stored name of a model, whose class need not be here. Whether it has such a field is not checked then.
    Compare with a `StoredEnum` to find a member of an enum; if its members are numbers or texts, with their value.

    Raises:
        QueryError: `kind` is neither a model class nor a name nor `Run` nor `Node`.
        ModelDefinitionError: the class cannot be stored as it is defined.
    """
    if isinstance(kind, str):
        return StoredColumns(check_label(kind, "The name of a model"))
    if kind is Run:
        return RunColumns()
    if kind is Node:
        return NodeColumns()
    if not is_model(kind):
        msg = f"There are columns of model classes, of Run and of Node, not of {kind!r:.100}"
        raise QueryError(msg)
    define(kind)
    return Columns(kind)


class StoredColumns(_ByAttribute):
    """The columns of a model given by its stored name: one attribute, or item, for each field."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __getitem__(self, name: str) -> Column:
        return _StoredColumn(Field(self._name, (check_label(name),), (self._name,)), {object}, ())

    def __repr__(self) -> str:
        return f"<columns of {self._name!r}>"


class Column(_ByAttribute, Comparable):
    """A field of a model, or of a model nested in it. Comparing it makes a condition.

    Comparisons follow Python. Where Python cannot compare the stored value with the given one, a comparison is false
    and its complement (`~`, `!=`) is true. Examples are a text with a number, and None or NaN with anything. All
    numbers compare with each other by their exact values.

    A key of a mapping is a column, too: `c.metrics["accuracy"]`, or `c.metrics.accuracy`. Each item of an
    `ArtifactMapping` is a node, so an index finds it. A dict of plain values is one value: its keys can be columns of
    a table, but no conditions.
    """

    __slots__ = ("_field", "_models", "_text", "_types")

    def __init__(self, field: Field, types: AbstractSet[type[Any]], models: Sequence[type[Any]]) -> None:
        self._field = field
        self._types = types
        self._models = models
        self._text = field.text

    def __artigraph_field__(self) -> tuple[Field, AbstractSet[type[Any]]]:
        return self._field, self._types

    def __artigraph_is_one_value__(self) -> bool:
        return bool(self._types) and not any(is_model(cls) or issubclass(cls, _COLLECTIONS) for cls in self._types)

    def __repr__(self) -> str:
        return f"<column {self._text}>"

    def __getitem__(self, name: str) -> Column:
        model = self._field.model
        if not self._models or isinstance(model, str):
            msg = f"{self._text} is no model and no mapping, so it has no field or key {name!r}"
            raise QueryError(msg)
        return _column(model, self._field.path, self._models, name)

    def startswith(self, prefix: str | bytes) -> Condition:
        """Match texts, or bytes, that begin with `prefix`. Case matters."""
        return self._text_condition("startswith", prefix)

    def contains(self, part: str | bytes) -> Condition:
        """Match texts, or bytes, that contain `part`. Case matters. No index helps: all values of it are read."""
        return self._text_condition("contains", part)

    def asc(self) -> Order:
        """Order by this field, smallest first: missing values, None, NaN, numbers, text, and then the other types."""
        self._check_searchable("ordered by")
        return Order(self._field, exact=self._types <= _NEVER_CUT)

    def desc(self) -> Order:
        """Order by this field, greatest first."""
        return replace(self.asc(), descending=True)

    def _is_none(self) -> Condition:
        self._check_is_node()
        return IsNone(self._field)

    def _one_of(self, values: tuple[Any, ...]) -> Condition:
        self._check_is_node()
        return OneOf(self._field, values)

    def _compare(self, how: Operator, value: object) -> Compare:
        self._check_searchable("compared")
        check_compared(self._text, value)
        kind = _kind(type(value))
        if how != "==" and kind in ("enum", "stored enum"):
            enum = value.class_name if isinstance(value, StoredEnum) else type(value).__qualname__
            msg = f"{self._text} cannot be ordered: members of {enum} have no order"
            raise QueryError(msg)
        self._check_kind(kind, value)
        return Compare(self._field, how, value)

    def _text_condition(self, how: Any, value: object) -> Condition:
        self._check_searchable("searched")
        if type(value) not in (str, bytes):
            msg = f"{self._text}.{how}() takes a text, or bytes, not {value!r:.100}"
            raise QueryError(msg)
        self._check_kind(_kind(type(value)), value)
        return Text(self._field, how, cast("str | bytes", value))

    def _check_kind(self, kind: str, value: object) -> None:
        kinds = {_kind(cls) for cls in self._types}
        if date in self._types:
            kinds.add("datetime")  # a datetime is a date, too
        if "any" not in kinds and kind not in kinds:
            names = ", ".join(sorted(cls.__qualname__ for cls in self._types))
            msg = f"{self._text} holds {names}, which cannot be compared with {value!r:.100} ({type(value).__name__})"
            raise QueryError(msg)

    def _check_searchable(self, what: str) -> None:
        self._check_is_node()
        if any(_kind(cls) != "none" for cls in self._types):
            return
        names = ", ".join(sorted(cls.__qualname__ for cls in self._types)) or "None"
        msg = f"{self._text} cannot be {what}: of a {names} nothing inside is searched; {self._within}"
        raise QueryError(msg)

    def _check_is_node(self) -> None:
        field = self._field
        if field.keys:
            name = f"{field.model_name}.{'.'.join(field.path)}"
            msg = (
                f"{self._text} is a key of a plain dict, which is one value that the database does not search in. "
                f"Annotate {name} as ArtifactMapping, whose items are nodes with an index"
            )
            raise QueryError(msg)

    @property
    def _within(self) -> str:
        """What can be searched instead, for messages."""
        return "its fields can be" if self._models else "it can only be asked whether it .is_(None)"


class _MappingColumn(Column):
    """A field that may hold a mapping. Its keys are columns."""

    __slots__ = ("_items",)

    def __init__(
        self,
        field: Field,
        types: AbstractSet[type[Any]],
        models: Sequence[type[Any]],
        items: Sequence[tuple[bool, object]],
    ) -> None:
        super().__init__(field, types, models)
        self._items = items
        """The annotation of the items of each mapping that the field may hold, and whether they are nodes."""

    def __getitem__(self, name: str) -> Column:
        if self._models and any(name in define(model).fields for model in self._models):
            return super().__getitem__(name)
        field, label = self._field, check_label(name, "A key of a mapping")
        if any(are_nodes for are_nodes, _ in self._items):
            within = replace(field, path=(*field.path, label), items=field.items + 1, enums=())
            return _of_annotations(within, [item for are_nodes, item in self._items if are_nodes])
        within = replace(field, keys=(*field.keys, label), enums=())
        return _of_annotations(within, [item for _, item in self._items])

    @property
    def _within(self) -> str:
        return f"its keys can be, as in {self._text}[key]"


class _StoredColumn(Column):
    """A field of a model given by its stored name. Its types are unknown, and it may be a model or a mapping."""

    __slots__ = ()

    def __getitem__(self, name: str) -> Column:
        path = (*self._field.path, check_label(name))
        return _StoredColumn(replace(self._field, path=path, owners=()), self._types, ())


def _column(model: type[Any], path: Path, owners: Iterable[type[Any]], name: str) -> Column:
    """Return the column of a field that at least one of some model classes stores.

    Raises:
        QueryError: none of the classes stores such a field.
    """
    owners = list(owners)
    found = [owner for owner in owners if name in define(owner).fields]
    if not found:
        owner = owners[0]
        known = ", ".join(map(repr, define(owner).fields)) or "none"
        msg = f"Model {owner.__qualname__} stores no field {name!r}; it stores {known}"
        raise QueryError(msg)
    return _of_annotations(Field(model, (*path, name), tuple(found)), [annotation_of(owner, name) for owner in found])


def _of_annotations(field: Field, annotations: Iterable[object]) -> Column:
    """Return the column of a field, or of an item of a mapping, that has one of some annotations."""
    types: set[type[Any]] = set()
    models: dict[type[Any], None] = {}
    items: list[tuple[bool, object]] = []
    for leaf, arguments in (leaf for annotation in annotations for leaf in _leaves(annotation)):
        if is_model(leaf):
            models[leaf] = None
        if issubclass(leaf, _MAPPINGS):
            are_nodes = leaf is ArtifactMapping or any(map(is_model, _classes(arguments[-1:])))
            items.append((are_nodes, arguments[-1] if arguments else Any))
        types.add(leaf)
    enums = tuple(sorted(filter(has_value_key, types), key=lambda cls: cls.__name__))
    field = replace(field, enums=enums)
    return _MappingColumn(field, types, list(models), items) if items else Column(field, types, list(models))


def _classes(annotations: Iterable[object]) -> list[type[Any]]:
    return [leaf for annotation in annotations for leaf, _ in _leaves(annotation)]


def _leaves(annotation: object) -> Iterable[tuple[type[Any], tuple[Any, ...]]]:
    """Yield the classes of the values that an annotation allows, each with its type arguments.

    The class is `object` if any value is allowed. None is left out.
    """
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated or is_lazy(origin):
        yield from _leaves(args[0])
    elif origin in (Union, UnionType):
        for arg in args:
            yield from _leaves(arg)
    elif isinstance(origin, type):
        leaf: type[Any] = origin
        yield leaf, args
    elif annotation in (None, NoneType):
        return
    elif annotation is Any:  # a class since Python 3.11
        yield object, ()
    elif isinstance(annotation, type):
        yield cast("type[Any]", annotation), ()
    elif args:  # Literal
        kinds: set[type[Any]] = {type(arg) for arg in args if arg is not None} if _is_literal(origin) else {object}
        for kind in kinds:
            yield kind, ()
    else:
        yield object, ()


def _is_literal(origin: object) -> bool:
    return re.fullmatch(r"typing\.Literal|typing_extensions\.Literal", str(origin)) is not None


_COLLECTIONS: tuple[type[Any], ...] = (ArtifactMapping, ArtifactSequence, dict, list, tuple, set, frozenset)
_MAPPINGS: tuple[type[Any], ...] = (ArtifactMapping, dict)
_NEVER_CUT = frozenset({bool, float, datetime, date, time, timedelta, UUID})
"""Types whose search keys all have one length."""
_KINDS: Mapping[type[Any], str] = {
    Integral: "number",
    float: "number",
    Decimal: "number",
    Fraction: "number",
    str: "text",
    bytes: "bytes",
    datetime: "datetime",
    date: "date",
    time: "time",
    timedelta: "timedelta",
    UUID: "uuid",
    PurePath: "path",
}


def _kind(cls: type[Any]) -> str:
    """Return the kind of a class. Only values of the same kind are compared with each other.

    `any` means that the instances of a class may be of several kinds. `none` means that queries cannot search for them.
    """
    for base, kind in _KINDS.items():
        if issubclass(cls, base):
            return kind
    if issubclass(cls, Enum):
        return "enum"
    if issubclass(cls, StoredEnum):
        return "stored enum"
    if cls is object or getattr(cls, "_is_protocol", False):
        return "any"
    return "none"
