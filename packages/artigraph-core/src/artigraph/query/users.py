"""Which runs used what."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Select, select

from artigraph.errors import QueryError
from artigraph.labels import check_label
from artigraph.model import ArtifactModel
from artigraph.orm import link_table, node_table
from artigraph.query.sql import is_one_of, stored_names

__all__ = ["Used", "checked_use", "users_of"]


class Used(NamedTuple):
    """What a run is to have used: an artifact that is, or holds, a model of a class."""

    model_type: type[ArtifactModel]
    version: int | None
    """The version of the class that wrote the model."""
    label: str | None
    """What the artifact was saved under."""


def checked_use(model_type: object, version: object, label: str | None) -> Used:
    """Return what is to have been used.

    Raises:
        QueryError: it is no model class, or the version is no number.
    """
    if not isinstance(model_type, type) or not issubclass(model_type, ArtifactModel):
        msg = f"used takes a model class, not {model_type!r:.100}"
        raise QueryError(msg)
    if version is not None and (not isinstance(version, int) or isinstance(version, bool)):
        msg = f"The version of a model class is a whole number, not {version!r:.100}"
        raise QueryError(msg)
    return Used(model_type, version, None if label is None else check_label(label))


def users_of(used: Used) -> Select[Any]:
    """Select the ids of the runs that used it, beginning with the models, which their index finds by their names."""
    model, artifact = node_table.alias("model"), node_table.alias("used_artifact")
    source = model.join(link_table, link_table.c.source_id == model.c.tree_root_id)
    conditions = [
        model.c.node_type == "model",
        is_one_of(model.c.model_name, stored_names([used.model_type])),
        link_table.c.kind == "used",
    ]
    if used.version is not None:
        conditions.append(model.c.model_version == used.version)
    if used.label is not None:
        source = source.join(artifact, artifact.c.node_id == model.c.tree_root_id)
        conditions.append(artifact.c.label == used.label)
    return select(link_table.c.target_id).select_from(source).where(*conditions)
