"""The base class of models."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Collection, Mapping
from dataclasses import field
from typing import Any, Self, cast, dataclass_transform
from uuid import UUID

from artigraph.errors import ModelDefinitionError
from artigraph.labels import LABEL_LENGTH, check_label
from artigraph.model.annotations import declared_annotations, local_names
from artigraph.model.classes import register_class
from artigraph.model.compare import Structured, is_generated
from artigraph.model.definition import RESERVED, ModelTraits, set_traits, traits_of
from artigraph.model.fields import ArtifactModelConfig, artifact_field
from artigraph.model.load import load_models
from artigraph.model.partial import is_partial
from artigraph.model.save import save_models
from artigraph.model.show import show_parts, top_level

__all__ = ["ArtifactModel"]


@dataclass_transform(field_specifiers=(artifact_field, field))
class ArtifactModel(Structured):
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

    def __init_subclass__(
        cls,
        *,
        version: int = 1,
        name: str | None = None,
        config: ArtifactModelConfig | None = None,
        frozen: bool | None = None,
        kw_only: bool | None = None,
        **more: Any,
    ) -> None:
        if is_partial(cls) or "_artigraph_base" in cls.__dict__:  # another base of models is none itself
            return
        for reserved in RESERVED & declared_annotations(cls).keys():
            msg = f"Field {reserved!r} of model {cls.__qualname__} would hide the method of that name; rename it"
            raise ModelDefinitionError(msg)
        try:
            super().__init_subclass__(**more)
        except TypeError as error:
            msg = (
                f"The class line of model {cls.__qualname__} has {', '.join(map(repr, more))}, which no base takes; it "
                "takes version, name, config, frozen and kw_only"
            )
            raise ModelDefinitionError(msg) from error
        remade = cls.__dict__.get("_artigraph_traits")
        traits = remade if isinstance(remade, ModelTraits) else _make_traits(cls, version, name, config)
        traits.expected |= {"frozen": frozen} if frozen is not None else {}
        traits.expected |= {"kw_only": kw_only} if kw_only is not None else {}
        # A class made anew by dataclass(slots=True) gets no class line; it finds the traits in the copied namespace.
        cls._artigraph_traits = traits  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
        for method in ("__eq__", "__repr__"):
            if method not in cls.__dict__:  # else @dataclass would make one that knows nothing of arrays and depth
                inherited = getattr(cls, method)
                setattr(cls, method, getattr(ArtifactModel, method) if is_generated(inherited) else inherited)
        set_traits(cls, traits)
        register_class(cls, traits.name)

    async def save(self, label: str, parent_id: UUID | None = None) -> UUID:
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
        return (await save_models([(check_label(label), self)], parent_id, check_parent=True))[0]

    @classmethod
    async def load(cls, node_id: UUID, *, fields: Collection[str] | None = None) -> Self:
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
        return (await load_models(cls, [node_id], fields=fields))[0]

    @classmethod
    def migrate(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
        """Turn the fields of an older version into those of today; called once, with the version that was stored.

        Override it when the class's version is raised. This one returns the fields as they are, which serves where
        only fields with defaults were added.
        """
        del version
        return data

    def __repr__(self) -> str:
        return self._artigraph_show(top_level())

    def _artigraph_show(self, level: int) -> str:
        shown = ((part.name, getattr(self, part.name, ...)) for part in _fields(self) if part.repr)
        return show_parts(type(self).__qualname__.rpartition(".")[2], shown, level)

    def _artigraph_parts(self) -> Mapping[str, object] | None:
        params = getattr(type(self), "__dataclass_params__", None)
        if params is not None and not params.eq:
            return None
        return {part.name: getattr(self, part.name) for part in _fields(self) if part.compare}

    def __eq__(self, other: object) -> bool:
        params = getattr(type(self), "__dataclass_params__", None)
        return NotImplemented if params is None or not params.eq else super().__eq__(other)

    def __hash__(self) -> int:
        return object.__hash__(self)  # @dataclass sets what its arguments ask for; this one serves eq=False


def _fields(model: ArtifactModel) -> tuple[dataclasses.Field[Any], ...]:
    declared = hasattr(type(model), "__dataclass_fields__")
    return dataclasses.fields(cast("Any", model)) if declared else ()


def _make_traits(
    cls: type[ArtifactModel], version: int, name: str | None, config: ArtifactModelConfig | None
) -> ModelTraits:
    if type(version) is not int or not 0 <= version < 2**31:
        msg = f"The version of model {cls.__qualname__} is a whole number from 0 to 2147483647, not {version!r}"
        raise ModelDefinitionError(msg)
    stored_name = cls.__name__ if name is None else name
    check_label(stored_name, f"The name of model {cls.__qualname__}")
    if not stored_name:
        msg = f"The name of model {cls.__qualname__} has 1-{LABEL_LENGTH} code points"
        raise ModelDefinitionError(msg)
    if config is None:
        inherited = (base for base in cls.__mro__[1:] if "_artigraph_traits" in base.__dict__)
        config = next((traits_of(base).config for base in inherited), ArtifactModelConfig())
    local = {}
    if "<locals>" in cls.__qualname__:
        frame = sys._getframe(2)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] (it runs the class statement)
        while frame.f_back is not None and frame.f_code.co_name in ("__init_subclass__", "__new__"):
            frame = frame.f_back
        local = local_names(declared_annotations(cls), frame)
    return ModelTraits(stored_name, version, config, local, {})
