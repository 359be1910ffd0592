"""The base class of models."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, Self, dataclass_transform
from uuid import UUID

from artigraph.errors import ModelDefinitionError
from artigraph.identifiers import LABEL_LENGTH, NodeId, check_id, check_label, check_order
from artigraph.kinds import kind_of
from artigraph.model._classes import TRAITS, check_aliases, declared_annotations, local_names, register_class
from artigraph.model.compare import Structured, canonical
from artigraph.model.definition import (
    RESERVED,
    hiding_text,
    is_model,
    kind_of_model,
    set_traits,
    shown_fields,
    traits_of,
)
from artigraph.model.fields import ArtifactModelConfig, artifact_field
from artigraph.model.identity_map import node_id_of
from artigraph.model.load import load_models
from artigraph.model.partial import is_partial
from artigraph.model.repr import html_of, show_parts, top_level
from artigraph.model.save import save_models
from artigraph.model.traits import ModelTraits
from artigraph.progress import ProgressCallback, ProgressReporter
from artigraph.serializer.codec.classes import is_generated

if TYPE_CHECKING:
    from artigraph.html import Part


@dataclass_transform(field_specifiers=(artifact_field, field))
class ArtifactModel(Structured):
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

    def __init_subclass__(
        cls,
        *,
        version: int = 1,
        name: str | None = None,
        aliases: Collection[str] = (),
        config: ArtifactModelConfig | None = None,
        frozen: bool | None = None,
        kw_only: bool | None = None,
        **more: Any,
    ) -> None:
        if (
            is_partial(cls) or "_artigraph_base" in cls.__dict__
        ):  # the classes of partial models, and other bases, are not models
            return
        for reserved in RESERVED & declared_annotations(cls).keys():
            raise ModelDefinitionError(hiding_text(cls, reserved))
        try:
            super().__init_subclass__(**more)
        except TypeError as error:
            msg = (
                f"The class line of model {cls.__qualname__} has {', '.join(map(repr, more))}, which no base takes; it "
                "takes version, name, aliases, config, frozen and kw_only"
            )
            raise ModelDefinitionError(msg) from error
        line: dict[str, Any] = cls.__dict__.get("_artigraph_line", {})  # of a metaclass that keeps it to itself
        version, name, config = line.get("version", version), line.get("name", name), line.get("config", config)
        aliases = line.get("aliases", aliases)
        remade = cls.__dict__.get(TRAITS)
        traits = remade if isinstance(remade, ModelTraits) else make_traits(cls, version, name, config)
        if aliases:
            traits.names = (traits.name, *checked_aliases(cls, traits.name, aliases))
        check_aliases(cls, traits.name, traits.aliases)
        traits.expected |= {"frozen": frozen} if frozen is not None else {}
        traits.expected |= {"kw_only": kw_only} if kw_only is not None else {}
        # dataclass(slots=True) makes a second class without a class line. It finds the traits in the copied namespace.
        set_traits(cls, traits)
        for method in ("__eq__", "__repr__"):
            if method not in cls.__dict__:  # else @dataclass would make one that fails on arrays and depth
                inherited = getattr(cls, method)
                setattr(cls, method, getattr(ArtifactModel, method) if is_generated(inherited) else inherited)
        if traits is remade and "__dataclass_fields__" not in cls.__dict__ and cls.__dict__.get("__hash__") is None:
            # A second class whose namespace has an __eq__ is unhashable, unless its decorator makes a __hash__.
            cls.__hash__ = ArtifactModel.__hash__  # type: ignore[method-assign]
        register_class(cls, traits.names)

    async def save(
        self, label: str, parent_id: NodeId | None = None, *, progress: ProgressCallback | None = None
    ) -> UUID:
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
        check_order("save", label, parent_id)
        pairs, report = [(check_label(label), self)], ProgressReporter(progress)
        return (await save_models(pairs, parent_id, check_parent=True, report=report))[0]

    @classmethod
    async def load(
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
        return (await load_models(cls, [check_id(node_id)], fields=fields, report=ProgressReporter(progress)))[0]

    @classmethod
    def migrate(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
        """Convert the fields of an older version of the class to those of today. Called once, with the stored version.

        Override it when you raise the class's version. The default returns the fields unchanged, which is enough if
        you only added fields with defaults.
        """
        del version
        return data

    def __artigraph_node_id__(self) -> UUID:
        return node_id_of(self)

    def __repr__(self) -> str:
        return self._artigraph_show(top_level())

    def _repr_html_(self) -> str:
        return html_of(self)

    def _artigraph_cells(self) -> Mapping[str, Part]:
        from artigraph.model.html import model_cells

        return model_cells(self)

    def _artigraph_show(self, level: int) -> str:
        cls = type(self)
        shown = ((name, getattr(self, name, ...)) for name in shown_fields(cls, self))
        return show_parts(cls.__qualname__.rpartition(".")[2], shown, level)

    def _artigraph_parts(self) -> Mapping[str, object] | None:
        return kind_of_model(type(self)).parts(self)

    def __eq__(self, other: object) -> bool:
        params = getattr(type(self), "__dataclass_params__", None)
        is_compared = is_model(type(self)) if params is None else params.eq
        return super().__eq__(other) if is_compared else NotImplemented

    def __hash__(self) -> int:
        cls = type(self)
        kind = kind_of(cls)
        if kind is None:
            return object.__hash__(self)  # used with eq=False; else @dataclass sets its own
        parts = kind.parts(self) if kind.is_frozen(cls) else None
        if parts is None:
            msg = f"unhashable type: {cls.__qualname__!r}; make the class frozen"
            raise TypeError(msg)
        return hash((cls, tuple(map(canonical, parts.values()))))


def checked_aliases(cls: type[Any], name: str, aliases: Collection[str]) -> tuple[str, ...]:
    """Return the former names of a class.

    Raises:
        ModelDefinitionError: they are a single text, or contain the name of the class.
        InvalidLabelError: one is not valid.
    """
    if isinstance(aliases, str) or name in aliases:
        example = f"aliases=({aliases!r},)" if isinstance(aliases, str) else "leave its own name out"
        msg = f"aliases of model {cls.__qualname__} are the names that it had before, not {aliases!r:.100}: {example}"
        raise ModelDefinitionError(msg)
    for alias in aliases:
        check_label(alias, f"An alias of model {cls.__qualname__}")
    return tuple(dict.fromkeys(aliases))


def make_traits(cls: type[Any], version: int, name: str | None, config: ArtifactModelConfig | None) -> ModelTraits:
    """Return the traits of a class from the arguments of its class line, or of `artifact_class`."""
    if type(version) is not int or not 0 <= version < 2**31:
        msg = f"The version of model {cls.__qualname__} is a whole number from 0 to 2147483647, not {version!r}"
        raise ModelDefinitionError(msg)
    stored_name = cls.__name__ if name is None else name
    check_label(stored_name, f"The name of model {cls.__qualname__}")
    if not stored_name:
        msg = f"The name of model {cls.__qualname__} has 1-{LABEL_LENGTH} code points"
        raise ModelDefinitionError(msg)
    if config is None:
        inherited = (base for base in cls.__mro__[1:] if TRAITS in base.__dict__)
        config = next((traits_of(base).config for base in inherited), ArtifactModelConfig())
    local = {}
    if "<locals>" in cls.__qualname__:
        frame = sys._getframe(2)  # pyright: ignore[reportPrivateUsage] (it runs the class statement)
        while frame.f_back is not None and frame.f_code.co_name in ("__init_subclass__", "__new__", "__init__"):
            frame = frame.f_back
        local = local_names(declared_annotations(cls), frame)
    return ModelTraits((stored_name,), version, config, local, {})
