"""The sync twin of `artigraph.model`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any, BinaryIO, ClassVar, Literal, Self, TypeVar, dataclass_transform, overload
from uuid import UUID

import artigraph.model as async_model
from artigraph.graph.nodes import Node
from artigraph.identifiers import NodeId
from artigraph.model.any_model import AnyModel
from artigraph.model.failures import Errors, Loaded
from artigraph.model.fields import artifact_field
from artigraph.portal import wait_for
from artigraph.progress import ProgressCallback
from artigraph.sync._twin import BaseOfModels

__all__ = ["ArtifactModel", "Lazy", "load", "load_many", "origin_of", "save", "save_many"]

T = TypeVar("T")
M = TypeVar("M", bound=AnyModel)


@dataclass_transform(field_specifiers=(artifact_field, field))
class ArtifactModel(async_model.ArtifactModel, metaclass=BaseOfModels):
    """Base of typed artifacts: dataclasses whose fields are each stored as a node, and load back exactly.

        @dataclass
        class Report(ArtifactModel, version=1):
            accuracy: float
            predictions: pd.DataFrame = artifact_field(storage=s3)

    The class line takes four arguments:

    - `version`: a whole number that is stored with the data, 1 by default (see `migrate`).
    - `name`: the name under which the class is stored, by default its `__name__`.
    - `aliases`: the names under which the class was stored before it was renamed, `("Curve",)` for example. Loads and
      queries treat what is stored under them as models of this class.
    - `config`: an `ArtifactModelConfig`. Only this one is inherited by subclasses.

    You may repeat `frozen` and `kw_only` there, because type checkers read them in the class line, not in the
    decorator.

    Two models are equal if they are of the same class and their fields are equal. Arrays and frames are compared by
    content and dtype, and NaN equals NaN. An `__eq__` of the class itself wins. `load`, `save` and `migrate` are the
    only public methods.
    """

    __slots__ = ()

    _artigraph_base: ClassVar[bool] = True

    def save(self, label: str, parent_id: NodeId | None = None, *, progress: ProgressCallback | None = None) -> UUID:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Save this model under a label, all of it or nothing, and return its node's id.

        Without a parent, labels may repeat. Under a parent, which is a run, a label is unique. Values that go into
        storages are durable there before the database commits. `progress` receives how far the save is, up to its
        transaction. An exception that it raises ends the save, and nothing is saved.

        Raises:
            InvalidLabelError: the label, or a key of a mapping, is not valid.
            InvalidNodeIdError: the parent is neither an id nor a run.
            LabelConflictError: the parent already has an artifact with this label.
            NodeNotFoundError: the parent does not exist, or is not a run.
            ModelDefinitionError: the class cannot be stored as it is defined.
            SerializationError: a value cannot be stored in a way that loads back exactly.
            StorageError, DatabaseError: a storage or the database failed.
        """
        return wait_for(super().save(label, parent_id, progress=progress))

    @classmethod
    def load(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        cls, node_id: NodeId, *, fields: Collection[str] | None = None, progress: ProgressCallback | None = None
    ) -> Self:
        """Load the model of a node, built by its class's constructor. The id of a nested model loads that model alone.

        With `fields`, only these fields are read, and the constructor does not run. Such a model cannot be saved, and
        reading another of its fields raises `FieldNotLoadedError`. A model stored by an older version of the class is
        read completely, because `migrate` needs all fields. `progress` receives how far the load is.

        Raises:
            FieldNotLoadedError: the class stores no field of a name in `fields`.
            InvalidNodeIdError: `node_id` does not denote a node.
            NodeNotFoundError: the node does not exist, or is a run.
            WrongModelTypeError: the node's model is not of this class or a subclass.
            UnknownModelError: the model's class is not defined or imported in this process.
            ModelVersionError: the model was stored by a newer version of its class, or could not be migrated.
            DeserializationError, UnknownSerializerError: a value's bytes cannot be decoded.
            StorageError, UnknownStorageError: an object cannot be read, or does not match its checksum.
        """
        return wait_for(super().load(node_id, fields=fields, progress=progress))


class Lazy(async_model.Lazy[T]):
    """A handle to a large value that is loaded only when you ask for it.

        @dataclass
        class Training(ArtifactModel):
            samples: Lazy[pd.DataFrame] = artifact_field(storage=s3)

        training_id = Training(Lazy(frame)).save("training")
        training = Training.load(training_id)             # reads no object
        frame = training.samples.load()                   # all of it
        part = training.samples.load(columns=["price"])   # no more than these columns
        file = training.samples.open()                    # a file, read and checked as far as it is used

    Annotate a field as `Lazy[T]` or `Lazy[T] | None`, or as a list, tuple, dict, `ArtifactMapping` or
    `ArtifactSequence` of such. A handle holds one value, not a model (whose own fields can be lazy).

    A loaded value is not kept: each call of `load` reads and checks the bytes again. Two handles are equal if their
    values are. If one is not loaded, its bytes are compared with the bytes as which the other's value would be stored.
    """

    __slots__ = ()

    def load(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        *,
        columns: Sequence[Any] | None = None,
        memory_map: bool = False,
        progress: ProgressCallback | None = None,
    ) -> T:
        """Load the value, or only some columns of a table, or map it into memory.

        Args:
            columns: the labels of the wanted columns, in this order. Of a Parquet file only these are read.
            memory_map: leave the value in its file and map it read-only, which takes no memory of its own. This needs a
                storage that keeps files on this machine, and a format that can be used in place, such as that of
                arrays. The file is checked first.
            progress: receives the bytes read of a value in a storage.

        Raises:
            DeserializationError: the bytes cannot be decoded, a column does not exist, or the value's serializer cannot
                read columns or be mapped.
            StorageError: the object cannot be read or mapped.
            CorruptObjectError: the object does not match its checksum.
            ValueError: columns or a map are requested of a value that was not stored, or both are requested.
        """
        return wait_for(super().load(columns=columns, memory_map=memory_map, progress=progress))

    def open(self) -> BinaryIO:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Open the stored value as a seekable file. Each chunk is checked before you can read a byte of it.

        An object in a storage that is reached over the network is fetched in chunks of 8 MiB as you read. The event
        loop on which the file was opened fetches them. So read such a file in another thread than that loop's: in
        code, `asyncio.to_thread(read, file)`.

        Raises:
            FieldNotLoadedError: the value was not stored.
            StorageError, CorruptObjectError: the object cannot be read, or does not match its checksum.
        """
        return wait_for(super().open())


def save_many(
    models: Mapping[str, AnyModel] | Iterable[tuple[str, AnyModel]],
    parent_id: NodeId | None = None,
    *,
    progress: ProgressCallback | None = None,
) -> list[UUID]:
    """Save models under their labels, all or none of them in one transaction, and return their ids in order.

        ids = save_many([("report", first), ("report", second)])

    The number of statements does not grow with the number of models. See `ArtifactModel.save` for labels, parents,
    progress and errors.
    """
    return wait_for(async_model.save_many(models, parent_id, progress=progress))


@overload
def load_many(
    model_type: type[M],
    node_ids: Iterable[NodeId],
    *,
    fields: Collection[str] | None = None,
    errors: Literal["raise"] = "raise",
    progress: ProgressCallback | None = None,
) -> list[M]: ...
@overload
def load_many(
    model_type: type[M],
    node_ids: Iterable[NodeId],
    *,
    fields: Collection[str] | None = None,
    errors: Literal["skip"],
    progress: ProgressCallback | None = None,
) -> Loaded[M]: ...
def load_many(
    model_type: type[M],
    node_ids: Iterable[NodeId],
    *,
    fields: Collection[str] | None = None,
    errors: Errors = "raise",
    progress: ProgressCallback | None = None,
) -> list[M]:
    """Load the models of nodes in the order of the ids. All are of one class or its subclasses.

    `ArtifactModel` as the class means any. An id that you pass twice gives two models. See `ArtifactModel.load` for
    `fields`, progress and errors. The first node that cannot be loaded raises its error. With `errors="skip"` it is
    skipped, and listed in `failures` of the result.
    """
    return wait_for(async_model.load_many(model_type, node_ids, fields=fields, errors=errors, progress=progress))


def origin_of(model: AnyModel) -> Node:
    """Return the node that a model was last saved as or loaded from in this process, with its current properties.

        origin = origin_of(report)
        origin.node_id, origin.label, origin.created_at
        run_id = origin.parent_id  # the run that saved it, or None

    The model may have changed since. A part of a model has an origin only if it was loaded by its own id.

    Raises:
        InvalidNodeIdError: the model was neither saved nor loaded in this process. A class with slots needs
            `weakref_slot=True` for its models to be recognized.
        NodeNotFoundError: the node was deleted, its save was rolled back, or it is in another database.
    """
    return wait_for(async_model.origin_of(model))


def save(
    model: AnyModel, label: str, parent_id: NodeId | None = None, *, progress: ProgressCallback | None = None
) -> UUID:
    """Save a model under a label, all of it or nothing, and return its node's id; see `ArtifactModel.save`.

    Raises:
        SerializationError: it is not a model. Call `artifact_class` for its class first.
    """
    return wait_for(async_model.save(model, label, parent_id, progress=progress))


def load(
    model_type: type[M],
    node_id: NodeId,
    *,
    fields: Collection[str] | None = None,
    progress: ProgressCallback | None = None,
) -> M:
    """Load the model of a node, which is of a class or derived from it; see `ArtifactModel.load`."""
    return wait_for(async_model.load(model_type, node_id, fields=fields, progress=progress))
