"""Any number of models at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar, cast
from uuid import UUID

from artigraph.errors import SerializationError
from artigraph.labels import check_label
from artigraph.model.base import ArtifactModel
from artigraph.model.load import load_models
from artigraph.model.save import save_models

__all__ = ["check_artifacts", "load_many", "save_many"]

M = TypeVar("M", bound=ArtifactModel)


async def save_many(
    models: Mapping[str, ArtifactModel] | Iterable[tuple[str, ArtifactModel]], parent_id: UUID | None = None
) -> list[UUID]:
    """Save models under their labels, all of them or none in one transaction, and return their ids in order.

        ids = await save_many([("report", first), ("report", second)])

    The number of statements does not grow with that of the models; see `ArtifactModel.save` for labels, parents and
    errors.
    """
    given = cast("Mapping[str, ArtifactModel]", models).items() if isinstance(models, Mapping) else models
    pairs = check_artifacts(given)
    return await save_models(pairs, parent_id, check_parent=True)


async def load_many(model_type: type[M], node_ids: Iterable[UUID], *, fields: Collection[str] | None = None) -> list[M]:
    """Load the models of nodes, all of one class or its subclasses (`ArtifactModel` is any), in the order of the ids.

    An id that is given twice gives two models. See `ArtifactModel.load` for `fields` and errors; the first node that
    cannot be loaded ends it.
    """
    return await load_models(model_type, list(node_ids), fields=fields)


def check_artifacts(pairs: Iterable[tuple[str, ArtifactModel]]) -> list[tuple[str, ArtifactModel]]:
    """Return labels and models, having seen that they are such.

    Raises:
        InvalidLabel: a label is not valid.
        SerializationError: what is to be saved is no model.
    """
    checked: list[tuple[str, ArtifactModel]] = []
    for label, model in pairs:
        check_label(label)
        if not isinstance(cast("object", model), ArtifactModel):
            msg = f"Artifact {label!r} is of type {type(model).__qualname__}; make it a field of an ArtifactModel"
            raise SerializationError(msg)
        checked.append((label, model))
    return checked
