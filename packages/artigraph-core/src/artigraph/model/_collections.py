"""Mappings and sequences whose items are nodes of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import GenericAlias
from typing import Any, TypeVar, overload

from artigraph.identifiers import check_label
from artigraph.model.compare import Structured, equal
from artigraph.model.repr import html_of, show_parts, top_level

K = TypeVar("K", bound=str)
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class ArtifactMapping(Structured, Mapping[K, T_co]):  # noqa: PLW1641 (no more hashable than a dict)
    """An immutable mapping of keys to models or plain values. Each value is stored as a node of its own.

    Keys obey the rule for labels and keep their order. The mapping equals any mapping with the same content, in any
    order.
    `ArtifactMapping[str, M]` and `ArtifactMapping[M]` mean the same.

    Raises:
        InvalidLabelError: a key is not a text of 0-255 code points without NUL and surrogates.
    """

    __slots__ = ("_items",)

    _artigraph_like = (Mapping,)

    @overload
    def __init__(self: ArtifactMapping[str, Any], /) -> None: ...
    @overload
    def __init__(self, items: Mapping[K, T_co] | Iterable[tuple[K, T_co]], /) -> None: ...
    @overload
    def __init__(
        self: ArtifactMapping[str, T], items: Mapping[str, T] | Iterable[tuple[str, T]] = ..., /, **more: T
    ) -> None: ...
    def __init__(self, items: Mapping[Any, Any] | Iterable[tuple[Any, Any]] = (), /, **more: Any) -> None:
        content: dict[Any, Any] = dict(items, **more)
        for key in content:
            check_label(key, "A key of an ArtifactMapping")
        self._items: dict[K, T_co] = content

    def __class_getitem__(cls, parameters: Any) -> GenericAlias:
        return GenericAlias(cls, parameters if isinstance(parameters, tuple) else (str, parameters))

    def __getitem__(self, key: K) -> T_co:
        return self._items[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        return equal(self, other)  # pyright: ignore[reportUnknownArgumentType]

    def __repr__(self) -> str:
        return self._artigraph_show(top_level())

    def _repr_html_(self) -> str:
        return html_of(self)

    def _artigraph_show(self, level: int) -> str:
        return show_parts(type(self).__name__, self._items.items(), level)

    def _artigraph_parts(self) -> Mapping[Any, object]:
        return self._items


class ArtifactSequence(Structured, Sequence[T_co]):  # noqa: PLW1641 (no more hashable than a list)
    """An immutable sequence of models or plain values. Each item is stored as a node of its own.

    A slice is an `ArtifactSequence`, too. It equals any `ArtifactSequence` or list with equal items.
    """

    __slots__ = ("_items",)

    _artigraph_like = (list,)

    def __init__(self, items: Iterable[T_co] = (), /) -> None:
        self._items: list[T_co] = list(items)

    @overload
    def __getitem__(self, index: int) -> T_co: ...
    @overload
    def __getitem__(self, index: slice) -> ArtifactSequence[T_co]: ...
    def __getitem__(self, index: int | slice) -> T_co | ArtifactSequence[T_co]:
        return ArtifactSequence(self._items[index]) if isinstance(index, slice) else self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T_co]:
        return iter(self._items)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (ArtifactSequence, list)):
            return NotImplemented
        return equal(self, other)  # pyright: ignore[reportUnknownArgumentType]

    def __repr__(self) -> str:
        return self._artigraph_show(top_level())

    def _repr_html_(self) -> str:
        return html_of(self)

    def _artigraph_show(self, level: int) -> str:
        return show_parts(type(self).__name__, (("", item) for item in self._items), level)

    def _artigraph_parts(self) -> list[object]:
        return list(self._items)
