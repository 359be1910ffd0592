"""How a field of a model says where its value goes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass
from typing import Any

from artigraph.serializer import Serializer
from artigraph.storage import Storage

__all__ = ["FIELD_OPTIONS", "ArtifactModelConfig", "FieldOptions", "artifact_field"]


@dataclass(frozen=True)
class FieldOptions:
    """What `artifact_field` says beyond `dataclasses.field`."""

    serializer: Serializer[Any] | None = None
    storage: Storage | None = None


FIELD_OPTIONS = "artigraph"
"""The key of a field's metadata under which its `FieldOptions` are."""


@dataclass(frozen=True, kw_only=True)
class ArtifactModelConfig:
    """What holds for all fields of a model that do not say otherwise."""

    default_field_serializer: Serializer[Any] | None = None
    """Serves the values that are of one of its `types`."""
    default_field_storage: Storage | None = None
    """Keeps the value of every field that names no storage; without it values are kept in the database."""
    large_value_storage: Storage | None = None
    """Keeps the values that are too large for a row of the database, of fields that have no storage."""

    def __post_init__(self) -> None:
        _check_options(self.default_field_serializer, self.default_field_storage)
        _check_options(None, self.large_value_storage)


def artifact_field(  # noqa: PLR0913 (as dataclasses.field)
    *,
    serializer: Serializer[Any] | None = None,
    storage: Storage | None = None,
    default: Any = MISSING,
    default_factory: Callable[[], Any] | Any = MISSING,
    init: bool = True,
    repr: bool = True,  # noqa: A002 (as dataclasses.field)
    hash: bool | None = None,  # noqa: A002 (as dataclasses.field)
    compare: bool = True,
    metadata: Mapping[Any, Any] | None = None,
    kw_only: bool | Any = MISSING,
    **more: Any,
) -> Any:
    """Declare a field of a model together with the serializer and the storage of its value.

    Without a serializer the value's type decides; a serializer that is named must take the value, else the save fails.
    Without a storage the value is kept where the model's config says, else in the database. All further arguments are
    those of `dataclasses.field`, such as later releases of Python add among them.

    Raises:
        TypeError: the serializer or storage is not an instance of `Serializer` or `Storage`.
    """
    _check_options(serializer, storage)
    options = FieldOptions(serializer, storage)
    return dataclasses.field(  # pyright: ignore[reportCallIssue, reportUnknownVariableType] (default or factory, not both)
        default=default,
        default_factory=default_factory,
        init=init,
        repr=repr,
        hash=hash,
        compare=compare,
        metadata={**(metadata or {}), FIELD_OPTIONS: options},
        kw_only=kw_only,
        **more,
    )


def _check_options(serializer: object, storage: object) -> None:
    if serializer is not None and not isinstance(serializer, Serializer):
        msg = f"A field's serializer is an instance of Serializer, not {serializer!r}"
        raise TypeError(msg)
    if storage is not None and not isinstance(storage, Storage):
        msg = f"A field's storage is an instance of Storage, not {storage!r}"
        raise TypeError(msg)
