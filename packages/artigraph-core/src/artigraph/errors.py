"""The errors that Artigraph raises.

All derive from `ArtigraphError`. Each error also derives from the built-in error that it resembles, so code that does
not use Artigraph's errors still catches it. An error that wraps one of a database, a storage or a serializer has that
one as `__cause__`.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from uuid import UUID

__all__: list[str] = ["AmbiguousReferenceError", "ArgumentError", "ArtifactInUseError", "ArtigraphError"]
__all__ += ["CheckFailedError", "ConfigurationError", "CorruptObjectError", "CycleError", "DanglingObjectsError"]
__all__ += ["DatabaseError", "DatabaseUnavailableError", "DeserializationError", "ExpressionError"]
__all__ += ["FieldNotLoadedError", "InvalidCursorError", "InvalidLabelError", "InvalidLocationError"]
__all__ += ["InvalidNodeIdError", "InvalidTokenError", "LabelConflictError", "MalformedRowError"]
__all__ += ["MissingDependencyError", "MissingTablesError", "ModelDefinitionError", "ModelNameConflictError"]
__all__ += ["ModelVersionError", "MultipleNodesFoundError", "NestedNodeError", "NoActiveRunError", "NodeNotFoundError"]
__all__ += ["NotFoundError", "ObjectNotFoundError", "QueryError", "RegistrationError", "RetryableError"]
__all__ += ["RunStateError", "SchemaError", "SchemaVersionError", "SerializationError", "SessionStateError"]
__all__ += ["StorageError", "StorageFullError", "StorageUnavailableError", "SyncCallError", "TableError"]
__all__ += ["TrackingError", "UnknownModelError", "UnknownSerializerError", "UnknownStorageError", "ValueTooLargeError"]
__all__ += ["VersionNotFoundError", "WrongEventLoopError", "WrongModelTypeError"]

STOPPING = (KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError)
"""Exceptions that stop the process or the task. Any other one, raised by somebody's code, is a failure of a value."""


def class_name(cls: type[Any]) -> str:
    """Return the name of a class as messages show it."""
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


class ArtigraphError(Exception):
    """Base of all errors that Artigraph raises on purpose."""

    node_id: UUID | None = None
    """The node that the error is about, if it is known. When a load fails, this is the node to be loaded."""
    label: str | None = None
    """The label of that node, if it is known."""

    def __str__(self) -> str:
        text = super().__str__()
        if self.node_id is None or str(self.node_id) in text:
            return text
        what, line, code = text.partition("\n")  # code to write may follow
        return f"{what} (node {self.node_id}{'' if self.label is None else f', label {self.label!r}'}){line}{code}"


class ArgumentError(ArtigraphError, TypeError):
    """An argument is of a type that the call does not take, or two are swapped. The message says what to pass."""


# Set-up -----------------------------------------------------------------------------------------------------------


class ConfigurationError(ArtigraphError, ValueError):
    """A URL, an engine or a setting cannot be used."""


class MissingDependencyError(ArtigraphError, ImportError):
    """A required library is not installed. The message has the pip command."""


@contextmanager
def needs(module: str, extra: str) -> Generator[None]:
    """Raise a failing import in this block of a module as an error that names the pip command of an extra.

    The block may import modules of another extra. The error names this one, which has all that both need.

    Raises:
        MissingDependencyError: an import failed.
    """
    try:
        yield
    except ImportError as error:
        cause = error.__cause__ if isinstance(error, MissingDependencyError) else error
        msg = f"{module} cannot be imported: {cause}. Install what it needs: pip install 'artigraph[{extra}]'"
        raise MissingDependencyError(msg) from cause


class RegistrationError(ArtigraphError, ValueError):
    """A storage or serializer cannot be registered: its name is malformed, or another one has that name."""


class WrongEventLoopError(ArtigraphError, RuntimeError):
    """An engine or session was used on another event loop, or from another thread, than the one to which it belongs."""


class SessionStateError(ArtigraphError, RuntimeError):
    """A session was used after it ended, or outside of `session_context`."""


class SyncCallError(ArtigraphError, RuntimeError):
    """A sync call was made from inside another sync call, on the event loop for which it would wait."""


# Databases --------------------------------------------------------------------------------------------------------


class DatabaseError(ArtigraphError, RuntimeError):
    """The database refused or failed. The driver's error is the `__cause__`."""


class RetryableError(DatabaseError):
    """The database aborted the transaction in favor of another one. The whole transaction can succeed if you retry it.

    Artigraph retries by itself. It raises this error only inside a transaction that the caller owns, or when its own
    attempts are used up.
    """


class DatabaseUnavailableError(DatabaseError, ConnectionError):
    """The database cannot be reached, the connection broke, or the database did not answer in time."""

    if not TYPE_CHECKING:
        __new__ = OSError.__new__  # else RuntimeError's, which refuses this class: what copies errors by it would fail

    def __init__(self, message: str, *, may_have_committed: bool = False) -> None:
        super().__init__(message)
        self.may_have_committed: bool = may_have_committed
        """Whether the transaction may have been committed: COMMIT was sent, and no answer came."""


class SchemaError(ArtigraphError, RuntimeError):
    """The database does not have the tables that this release needs."""


class MissingTablesError(SchemaError):
    """The database has no Artigraph tables. The message says how to create them."""


class SchemaVersionError(SchemaError):
    """An older or newer release made the database's tables. The message says which, and what to do."""


# Labels and nodes -------------------------------------------------------------------------------------------------


class InvalidLabelError(ArtigraphError, ValueError):
    """A label, a key of a mapping or an alias is too long, or contains NUL or surrogates."""


class LabelConflictError(ArtigraphError, ValueError):
    """The parent already has a node with this label. The refused save wrote nothing."""


class NotFoundError(ArtigraphError, LookupError):
    """No item of the requested kind has this name or id."""


class NodeNotFoundError(NotFoundError):
    """No node has this id or label."""


class InvalidNodeIdError(NodeNotFoundError, ValueError):
    """An argument does not denote a node: it is not an id, the text of an id, a run, or a saved model."""


class VersionNotFoundError(NodeNotFoundError, IndexError):
    """A series has no such version, or no alias of this name."""


class NestedNodeError(ArtigraphError, ValueError):
    """A node is a part of an artifact, which never changes. The message names the artifact."""


class ArtifactInUseError(ArtigraphError, RuntimeError):
    """An artifact cannot be deleted because a remaining run used it, or an alias points to it."""


class MultipleNodesFoundError(ArtigraphError, LookupError):
    """One result was expected, and there are several."""


class AmbiguousReferenceError(MultipleNodesFoundError):
    """A reference, such as the beginning of an id, matches several nodes."""

    def __init__(self, message: str, candidates: Sequence[UUID] = ()) -> None:
        super().__init__(message)
        self.candidates: tuple[UUID, ...] = tuple(candidates)
        """The ids of the first nodes that match."""


class QueryError(ArtigraphError, ValueError):
    """A query is invalid: for example, it uses a field that does not exist or cannot be compared in this way."""


class TableError(ArtigraphError, ValueError):
    """A column of a table holds values of several types, or a value that its type cannot hold exactly."""


class ExpressionError(QueryError):
    """The text of a condition cannot be read as one. The message shows the place."""

    def __init__(self, message: str, *, position: int = 0) -> None:
        super().__init__(message)
        self.position: int = position
        """The index of the character in the text at which the mistake begins."""


class InvalidCursorError(ArtigraphError, ValueError):
    """A text is not the cursor of a page: it was cut or changed, or comes from another function."""


# Models -----------------------------------------------------------------------------------------------------------


class ModelDefinitionError(ArtigraphError, TypeError):
    """A model class cannot be stored as it is defined. The message has the class, the field and what to do."""


class ModelNameConflictError(ModelDefinitionError):
    """Two live classes are stored under one name."""


class UnknownModelError(NotFoundError):
    """A stored model's class is not defined or imported in this process."""


class WrongModelTypeError(ArtigraphError, TypeError):
    """The node's model is not of the class on which `load` was called."""


class ModelVersionError(ArtigraphError, ValueError):
    """The stored data is of a newer version than the model class, or could not be migrated to the class's version."""


# Values -----------------------------------------------------------------------------------------------------------


class CheckFailedError(ArtigraphError, ValueError):
    """A value does not pass a check of its field. Nothing was saved. The message has up to five findings."""


class SerializationError(ArtigraphError, ValueError):
    """A value cannot be stored in a way that loads back exactly. Nothing was written."""


class CycleError(SerializationError):
    """A value contains itself."""


class ValueTooLargeError(SerializationError):
    """A value is too large for a row of the database, and no storage is set for it."""


class FieldNotLoadedError(ArtigraphError, LookupError):
    """A field was read that `load(..., fields=[...])` did not load, or a value is needed that is not loaded."""


class DeserializationError(ArtigraphError, ValueError):
    """Stored bytes cannot be decoded to a value."""


class MalformedRowError(DeserializationError):
    """A row has a value that its column cannot hold: it was changed by hand, or the database's file is damaged.

    The message names the row, the column and the value. `artigraph.maintenance.fsck` lists every such row.
    """

    def __init__(
        self,
        message: str,
        *,
        table: str | None = None,
        column: str | None = None,
        node_id: UUID | None = None,
        label: str | None = None,
    ) -> None:
        super().__init__(message)
        self.table = table
        """The table of the row, if it is known."""
        self.column = column
        """The column that holds the value, if it is known."""
        self.node_id = node_id
        """The node of the row, or the node to which the row belongs, if it is known."""
        self.label = label
        """The label of that node, if it is known."""


class UnknownSerializerError(NotFoundError):
    """No serializer of this name, or for this type, is registered or installed."""


# Storages ---------------------------------------------------------------------------------------------------------


class UnknownStorageError(NotFoundError):
    """No storage of this name is registered or installed."""


class StorageError(ArtigraphError, OSError):
    """A storage refused or failed. Its own error is the `__cause__`."""


class StorageUnavailableError(StorageError, ConnectionError):
    """A storage could not be reached, or did not answer in time, after all attempts."""


class StorageFullError(StorageError):
    """A storage has no space left. The incomplete object has been removed."""


class ObjectNotFoundError(NotFoundError, StorageError):
    """A storage has no object at this location."""

    if not TYPE_CHECKING:
        __new__ = OSError.__new__  # see DatabaseUnavailableError


class InvalidLocationError(StorageError, ValueError):
    """A location is not one that this storage could have returned."""


class CorruptObjectError(StorageError, ValueError):
    """A stored object's size or SHA-256 differs from the recorded one. It was not deserialized."""


class DanglingObjectsError(ArtigraphError, RuntimeError):
    """Blob rows refer to objects that their storage does not have. Nothing is deleted until you have found out why."""


# Runs -------------------------------------------------------------------------------------------------------------


class NoActiveRunError(NotFoundError):
    """No run is active."""


class RunStateError(ArtigraphError, RuntimeError):
    """A run was entered twice, used before it was entered, or changed after it was entered."""


class InvalidTokenError(ArtigraphError, ValueError):
    """A text is not the token of a run: it was cut or changed, or comes from another source."""


class TrackingError(ArtigraphError, TypeError):
    """A function cannot be tracked, or a value of its call that must be recorded cannot be stored."""


class RefusedValueError(MalformedRowError):
    """A value that its column cannot hold, read from a row that is not identified yet.

    Users never see it: `artigraph.db` finds the row, and raises a `MalformedRowError` instead.
    """

    def __init__(self, message: str, value: object) -> None:
        super().__init__(message)
        self.value: object = value
        """The value that the driver returned."""
