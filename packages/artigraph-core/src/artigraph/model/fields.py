"""Options of a model's fields: the serializer and the storage of their values. And what type checkers see of bases."""

from __future__ import annotations

import dataclasses
from abc import ABCMeta
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field
from typing import TYPE_CHECKING, Any, dataclass_transform

from artigraph.serializer import Serializer
from artigraph.storage import Storage


@dataclass(frozen=True)
class FieldOptions:
    """The options that `artifact_field` adds to those of `dataclasses.field`."""

    serializer: Serializer[Any] | None = None
    storage: Storage | None = None


FIELD_OPTIONS = "artigraph"
"""The key of a field's `FieldOptions` in its metadata."""


@dataclass(frozen=True, kw_only=True)
class ArtifactModelConfig:
    """Options for all fields of a model that do not set their own."""

    default_field_serializer: Serializer[Any] | None = None
    """Serializes the values that are of one of its `types`."""
    default_field_storage: Storage | None = None
    """Holds the value of every field that names no storage. By default, values are in the database."""
    large_value_storage: Storage | None = None
    """Holds the values that are too large for a row of the database and whose fields name no storage."""
    validate_on_load: bool = False
    """Validate what is loaded, as a caller's arguments are. By default, a load runs no validator and no converter of
    the class, so it returns what was saved. Data that `migrate` converted is always validated."""

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
    """Declare a field of a model with the serializer and the storage of its value.

    Without a serializer, the value's type decides. If you name a serializer, a value that it does not take fails to
    save. Without a storage, the model's config decides, else the value is in the database. All further arguments are
    passed to `dataclasses.field`, including any that later releases of Python add.

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


# The metaclass of other bases -----------------------------------------------------------------------------------------


if TYPE_CHECKING:

    @dataclass_transform(field_specifiers=(artifact_field, field))
    class BaseOfModels(ABCMeta):
        """Tells mypy that a base of models is neither frozen nor not, so that models can be either."""

else:
    BaseOfModels = type
