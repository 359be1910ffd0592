"""Every error that Artigraph raises on purpose.

One family, rooted at `ArtigraphError`. Each error is also a subclass of the built-in error that it resembles, so code
that knows nothing of Artigraph still catches what it means to catch. An error that wraps one of a database, a storage
or a serializer carries it as `__cause__`.
"""

from __future__ import annotations

__all__ = [
    "ArtifactInUseError",
    "ArtigraphError",
    "ConfigurationError",
    "CorruptObjectError",
    "CycleError",
    "DanglingObjectsError",
    "DatabaseError",
    "DatabaseUnavailable",
    "DeserializationError",
    "FieldNotLoadedError",
    "InvalidLabel",
    "InvalidLocation",
    "InvalidToken",
    "LabelConflictError",
    "MissingDependencyError",
    "MissingTablesError",
    "ModelDefinitionError",
    "ModelNameConflictError",
    "ModelVersionError",
    "MultipleNodesFoundError",
    "NestedNodeError",
    "NoActiveRunError",
    "NodeNotFoundError",
    "NotFoundError",
    "ObjectNotFoundError",
    "QueryError",
    "RegistrationError",
    "RetryableError",
    "RunStateError",
    "SchemaError",
    "SchemaVersionError",
    "SerializationError",
    "SessionStateError",
    "StorageError",
    "StorageFull",
    "StorageUnavailable",
    "SyncCallError",
    "TrackingError",
    "UnknownModelError",
    "UnknownSerializerError",
    "UnknownStorageError",
    "ValueTooLargeError",
    "VersionNotFoundError",
    "WrongEventLoopError",
    "WrongModelTypeError",
]


class ArtigraphError(Exception):
    """Base of every error that Artigraph raises on purpose."""


# Set-up -----------------------------------------------------------------------------------------------------------


class ConfigurationError(ArtigraphError, ValueError):
    """A URL, an engine or a setting cannot be used as it was given."""


class MissingDependencyError(ArtigraphError, ImportError):
    """A library that is needed here is not installed; the message names the pip command."""


class RegistrationError(ArtigraphError, ValueError):
    """A storage or serializer cannot be registered: its name is malformed, or another one has it."""


class WrongEventLoopError(ArtigraphError, RuntimeError):
    """An engine or session was used on another event loop, or from another thread, than the one it belongs to."""


class SessionStateError(ArtigraphError, RuntimeError):
    """A session was used where there is none, or after it ended."""


class SyncCallError(ArtigraphError, RuntimeError):
    """A sync call was made from what another one is doing, on the loop that it would wait for."""


# Databases --------------------------------------------------------------------------------------------------------


class DatabaseError(ArtigraphError, RuntimeError):
    """The database refused or failed; the driver's error is the `__cause__`."""


class RetryableError(DatabaseError):
    """The database gave way to another transaction; the same transaction, tried again as a whole, can succeed.

    Raised only where Artigraph may not retry by itself: inside a transaction that the caller owns, or after the
    attempts it makes by itself were used up.
    """


class DatabaseUnavailable(DatabaseError, ConnectionError):  # noqa: N818
    """The database cannot be reached, or the connection broke."""


class SchemaError(ArtigraphError, RuntimeError):
    """The database does not hold the tables that this release works with."""


class MissingTablesError(SchemaError):
    """The database has no Artigraph tables; the message says how to make them."""


class SchemaVersionError(SchemaError):
    """The database's tables were made by an older or a newer release; the message says which, and what to do."""


# Labels and nodes -------------------------------------------------------------------------------------------------


class InvalidLabel(ArtigraphError, ValueError):  # noqa: N818
    """A label, a key of a mapping or an alias is too long, or holds NUL or surrogates."""


class LabelConflictError(ArtigraphError, ValueError):
    """Another node under the same parent has this label already; nothing of the refused save remains."""


class NotFoundError(ArtigraphError, LookupError):
    """What was asked for by name or id does not exist."""


class NodeNotFoundError(NotFoundError):
    """No node has this id or label."""


class VersionNotFoundError(NodeNotFoundError, IndexError):
    """A series has no such version, or no alias of this name."""


class NestedNodeError(ArtigraphError, ValueError):
    """A node is a part of an artifact, which never changes; the message names the artifact."""


class ArtifactInUseError(ArtigraphError, RuntimeError):
    """An artifact cannot be deleted because a run that stays has used it, or an alias points to it."""


class MultipleNodesFoundError(ArtigraphError, LookupError):
    """One was asked for, and there are several."""


class QueryError(ArtigraphError, ValueError):
    """A query cannot be meant as it is built: a field that is not there, or cannot be compared so."""


# Models -----------------------------------------------------------------------------------------------------------


class ModelDefinitionError(ArtigraphError, TypeError):
    """A model class cannot be stored as it is written; the message names the class, the field and the remedy."""


class ModelNameConflictError(ModelDefinitionError):
    """Two live classes are stored under one name."""


class UnknownModelError(NotFoundError):
    """What is stored names a model class that this process has not defined or imported."""


class WrongModelTypeError(ArtigraphError, TypeError):
    """The node holds another type than the class that `load` was called on."""


class ModelVersionError(ArtigraphError, ValueError):
    """The stored data is of a newer version than the model class, or could not be migrated to its version."""


# Values -----------------------------------------------------------------------------------------------------------


class SerializationError(ArtigraphError, ValueError):
    """A value cannot be stored such that it loads back exactly; nothing was written."""


class CycleError(SerializationError):
    """A value contains itself."""


class ValueTooLargeError(SerializationError):
    """A value is too large to be kept in the database and there is no storage to put it into."""


class FieldNotLoadedError(ArtigraphError, LookupError):
    """A field was touched that `load(..., fields=[...])` did not read, or a value that is not loaded is needed."""


class DeserializationError(ArtigraphError, ValueError):
    """Stored bytes cannot be turned back into a value."""


class UnknownSerializerError(NotFoundError):
    """No serializer of this name, or for this type, is registered or installed."""


# Storages ---------------------------------------------------------------------------------------------------------


class UnknownStorageError(NotFoundError):
    """No storage of this name is registered or installed."""


class StorageError(ArtigraphError, OSError):
    """A storage refused or failed; its own error is the `__cause__`."""


class StorageUnavailable(StorageError, ConnectionError):  # noqa: N818
    """A storage could not be reached, or did not answer in time, after all attempts."""


class StorageFull(StorageError):  # noqa: N818
    """A storage has no space left; what was being written has been removed."""


class ObjectNotFoundError(NotFoundError, StorageError):
    """A storage has no object at this location."""


class InvalidLocation(StorageError, ValueError):  # noqa: N818
    """A location is not one that this storage could have returned."""


class CorruptObjectError(StorageError, ValueError):
    """A stored object's size or SHA-256 is not the recorded one; it was not deserialized."""


class DanglingObjectsError(ArtigraphError, RuntimeError):
    """Rows refer to objects that their storage does not have, so nothing is collected before that is understood."""


# Runs -------------------------------------------------------------------------------------------------------------


class NoActiveRunError(NotFoundError):
    """There is no active run here."""


class RunStateError(ArtigraphError, RuntimeError):
    """A run was entered twice, or used before it was entered."""


class InvalidToken(ArtigraphError, ValueError):  # noqa: N818
    """A text is no token of a run: it was cut or altered, or comes from somewhere else."""


class TrackingError(ArtigraphError, TypeError):
    """A function cannot be tracked, or a value that is to be recorded of its call cannot be stored."""
