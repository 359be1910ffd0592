"""Models of classes that do not derive from `ArtifactModel`: make them known, save and load them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeVar
from uuid import UUID

from artigraph.errors import ModelDefinitionError, SerializationError
from artigraph.identifiers import NodeId, check_id, check_label, check_order
from artigraph.kinds import artifact_classes
from artigraph.model._base import checked_aliases, make_traits
from artigraph.model._classes import check_aliases, register_class
from artigraph.model.any_model import AnyModel, is_model_instance
from artigraph.model.compare import Structured
from artigraph.model.definition import forget_definition, is_model, kind_of_model, set_traits_of_other, traits_of
from artigraph.model.fields import ArtifactModelConfig
from artigraph.model.load import load_models
from artigraph.model.save import save_models
from artigraph.progress import ProgressCallback, ProgressReporter

M = TypeVar("M", bound=AnyModel)


def artifact_class(
    cls: type[M],
    *,
    name: str | None = None,
    version: int = 1,
    aliases: Collection[str] = (),
    config: ArtifactModelConfig | None = None,
    migrate: Callable[[int, dict[str, Any]], dict[str, Any]] | None = None,
) -> type[M]:
    """Make a model class of a class that you do not own, and return it.

        artifact_class(ThirdParty, name="third-party", version=1)
        node_id = await save(ThirdParty(1), "it")
        thing = await load(ThirdParty, node_id)

    The class is a dataclass, or one of pydantic, attrs or msgspec. Classes derived from it are not models. Call it
    where the class is imported, before data is loaded. A second call with the same name replaces the version, the
    aliases, the config and `migrate`.

    Args:
        cls: the class.
        name: the name under which it is stored, by default its `__name__`. It is permanent.
        version: the version of its fields, a whole number that is stored with the data.
        aliases: the names under which it was stored before.
        config: how its fields are stored.
        migrate: converts the fields of an older version to those of today; see `ArtifactModel.migrate`.

    Raises:
        ModelDefinitionError: the class derives from `ArtifactModel`, is of no kind that is known, or is stored under
            another name.
        InvalidLabelError: a name is not valid.
        ModelNameConflictError: another class has one of the names, and it is an alias of one of the two.
    """
    if not isinstance(cls, type) or issubclass(cls, Structured):
        msg = f"artifact_class takes a class that does not derive from ArtifactModel, not {cls!r:.100}"
        raise ModelDefinitionError(msg)
    plain: type[Any] = cls
    if not kind_of_model(plain).claims(plain):
        msg = (
            f"{plain.__qualname__} is neither a dataclass nor a class of pydantic, attrs or msgspec. Derive a model "
            "from ArtifactModel, and convert the instances of the class to it"
        )
        raise ModelDefinitionError(msg)
    traits = make_traits(plain, version, name, config)
    traits.migrate = migrate
    traits.names = (traits.name, *checked_aliases(plain, traits.name, aliases))
    check_aliases(plain, traits.name, traits.aliases)
    if is_model(plain) and traits_of(plain).name != traits.name:
        msg = f"{plain.__qualname__} is stored under the name {traits_of(plain).name!r} already, not {traits.name!r}"
        raise ModelDefinitionError(msg)
    set_traits_of_other(plain, traits)
    forget_definition(plain)
    artifact_classes.add(plain)
    register_class(plain, traits.names)
    return cls


async def save(
    model: AnyModel, label: str, parent_id: NodeId | None = None, *, progress: ProgressCallback | None = None
) -> UUID:
    """Save a model under a label, all of it or nothing, and return its node's id; see `ArtifactModel.save`.

    Raises:
        SerializationError: it is not a model. Call `artifact_class` for its class first.
    """
    check_order("save", label, parent_id)
    check_label(label)
    if not is_model_instance(model):
        msg = f"{type(model).__qualname__} is no model class: call artifact_class({type(model).__qualname__}) first"
        raise SerializationError(msg)
    return (await save_models([(label, model)], parent_id, check_parent=True, report=ProgressReporter(progress)))[0]


async def load(
    model_type: type[M],
    node_id: NodeId,
    *,
    fields: Collection[str] | None = None,
    progress: ProgressCallback | None = None,
) -> M:
    """Load the model of a node, which is of a class or derived from it; see `ArtifactModel.load`."""
    loaded = await load_models(model_type, [check_id(node_id)], fields=fields, report=ProgressReporter(progress))
    return loaded[0]
