"""The sync twin of `artigraph.model`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any, BinaryIO, ClassVar, Self, TypeVar, dataclass_transform
from uuid import UUID

import artigraph.model as async_model
from artigraph.background import wait_for
from artigraph.model.fields import artifact_field
from artigraph.sync._twin import BaseOfModels

__all__ = ["ArtifactModel", "Lazy", "load_many", "save_many"]

T = TypeVar("T")
M = TypeVar("M", bound=async_model.ArtifactModel)


@dataclass_transform(field_specifiers=(artifact_field, field))
class ArtifactModel(async_model.ArtifactModel, metaclass=BaseOfModels):
    """Base of typed artifacts: dataclasses whose every field is stored as a node, and comes back exactly.

        @dataclass
        class Report(ArtifactModel, version=1):
            accuracy: float
            predictions: pd.DataFrame = artifact_field(storage=s3)

    The class line takes `version`, a whole number that is stored with the data (see `migrate`) and is 1 where it is not
    said; `name`, what the class is stored under instead of its `__name__`; and `config`, an `ArtifactModelConfig`, the
    only one of them that subclasses inherit. `frozen` and `kw_only` may be said again there: type checkers read them in
    the class line, not in the decorator.

    Two models are equal if they are of one class and their fields are, arrays and frames by content and dtype and NaN
    to NaN; an `__eq__` of the class's own wins. `load`, `save` and `migrate` are the only public methods.
    """

    __slots__ = ()

    _artigraph_base: ClassVar[bool] = True

    def save(self, label: str, parent_id: UUID | None = None) -> UUID:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Save this model under a label, all of it or nothing, and return its node's id.

        At the root labels may repeat; under a parent, which is a run, a label is unique. Values that go into storages
        are durable there before the database commits.

        Raises:
            InvalidLabel: the label, or a key of a mapping, is not valid.
            LabelConflictError: the parent has an artifact of this label already.
            NodeNotFoundError: there is no such parent, or it is no run.
            ModelDefinitionError: the class cannot be stored as it is written.
            SerializationError: a value cannot be stored such that it loads back exactly.
            StorageError, DatabaseError: a storage or the database failed.
        """
        return wait_for(super().save(label, parent_id))

    @classmethod
    def load(cls, node_id: UUID, *, fields: Collection[str] | None = None) -> Self:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Load the model of a node, built by its class's own constructor; a nested model's id loads that alone.

        With `fields` only these are read, and the constructor does not run: touching another field of such a model is
        an error, and it is not saved again. What is stored by an older version of the class is read as a whole, because
        `migrate` needs it.

        Raises:
            FieldNotLoadedError: the class has no stored field of a name in `fields`.
            NodeNotFoundError: there is no such node, or it is a run.
            WrongModelTypeError: the node is not of this class or a subclass.
            UnknownModelError: its class is not defined or imported here.
            ModelVersionError: it is of a newer version, or could not be migrated.
            DeserializationError, UnknownSerializerError: a value's bytes cannot be turned back.
            StorageError, UnknownStorageError: an object cannot be read, or is not what was stored.
        """
        return wait_for(super().load(node_id, fields=fields))


class Lazy(async_model.Lazy[T]):
    """A large value that stays where it is until it is asked for.

        @dataclass
        class Training(ArtifactModel):
            samples: Lazy[pd.DataFrame] = artifact_field(storage=s3)

        training_id = Training(Lazy(frame)).save("training")
        training = Training.load(training_id)             # reads no object
        frame = training.samples.load()                   # all of it
        part = training.samples.load(columns=["price"])   # no more than these columns
        file = training.samples.open()                    # a file, read and checked as far as it is used

    A field is annotated `Lazy[T]`, `Lazy[T] | None`, or as a list, tuple, dict, `ArtifactMapping` or `ArtifactSequence`
    of such; it holds one value, not a model (whose own fields can be lazy). What is loaded is not kept: each call of
    `load` reads anew, and checks what it reads. Two are equal if their values are; where one of them is not loaded, if
    its bytes are those that the other's value is stored as.
    """

    __slots__ = ()

    def load(self, *, columns: Sequence[Any] | None = None, memory_map: bool = False) -> T:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the value, or only some columns of a table, or one that lives in a memory map.

        Args:
            columns: the labels of the columns that are wanted, in this order. Of a parquet file no others are read.
            memory_map: leave the value in the file that it is stored in, where its storage keeps files of this machine
                and its format can be used in place, as that of arrays can: it is read-only, and takes no memory of its
                own. The file is checked first.

        Raises:
            DeserializationError: the bytes cannot be turned back, a column is not there, or the value's serializer
                reads no columns or cannot be mapped.
            StorageError: the object cannot be read or mapped.
            CorruptObjectError: it is not what was stored.
            ValueError: columns or a map are asked of a value that was not stored.
        """
        return wait_for(super().load(columns=columns, memory_map=memory_map))

    def open(self) -> BinaryIO:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Open what is stored as a file that can be read and sought; each chunk is checked before a byte of it is seen.

        An object of a storage that is reached over the network is fetched in chunks of 8 MiB as it is read. The event
        loop on which it was opened does that, so such a file is read in another thread than that one's: code
        takes `asyncio.to_thread(read, file)`.

        Raises:
            FieldNotLoadedError: the value was not stored.
            StorageError, CorruptObjectError: the object cannot be read, or is not what was stored.
        """
        return wait_for(super().open())


def save_many(
    models: Mapping[str, async_model.ArtifactModel] | Iterable[tuple[str, async_model.ArtifactModel]],
    parent_id: UUID | None = None,
) -> list[UUID]:
    """Save models under their labels, all of them or none in one transaction, and return their ids in order.

        ids = save_many([("report", first), ("report", second)])

    The number of statements does not grow with that of the models; see `ArtifactModel.save` for labels, parents and
    errors.
    """
    return wait_for(async_model.save_many(models, parent_id))


def load_many(model_type: type[M], node_ids: Iterable[UUID], *, fields: Collection[str] | None = None) -> list[M]:
    """Load the models of nodes, all of one class or its subclasses (`ArtifactModel` is any), in the order of the ids.

    An id that is given twice gives two models. See `ArtifactModel.load` for `fields` and errors; the first node that
    cannot be loaded ends it.
    """
    return wait_for(async_model.load_many(model_type, node_ids, fields=fields))
