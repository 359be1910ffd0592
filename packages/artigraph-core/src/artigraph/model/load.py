"""Loading models: the classes that are in what is read are made ready before their objects are fetched."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Select

from artigraph.graph import read_artifacts, read_tree
from artigraph.model.classes import last_defined
from artigraph.model.definition import define, is_model, traits_of
from artigraph.model.read import from_tree

__all__ = ["load_artifacts", "load_model"]

M = TypeVar("M")


async def load_model(node_id: UUID, expected: type[M]) -> M:
    """Load the model of a node; see `ArtifactModel.load`."""
    return from_tree(await read_tree(node_id, announce=partial(_make_ready, expected)), expected)


async def load_artifacts(
    expected: type[M],
    run_id: UUID | None = None,
    *,
    label: str | None = None,
    runs: Select[*tuple[Any, ...]] | None = None,
) -> list[tuple[UUID, str, M]]:
    """Load the models of a run, or of several, or the one with a label: the id of the run, the label, the model."""
    announce = partial(_make_ready, expected)
    found = await read_artifacts(run_id, label=label, parents=runs, announce=announce)
    return [(parent_id, tree.label, from_tree(tree, expected)) for parent_id, tree in found]


def _make_ready(expected: type[Any], names: Collection[str]) -> None:
    """Work out the classes of models that are about to be loaded, which makes their storages known by name.

    A process that only imported a model class has not told the storages of its fields yet.
    """
    pending = [cls for name in names if (cls := last_defined(name)) is not None]
    if is_model(expected) and traits_of(expected).name in names:
        pending.append(expected)
    ready: set[type[Any]] = set()
    while pending:
        cls = pending.pop()
        if cls not in ready:
            ready.add(cls)
            fields = define(cls).fields.values()
            pending += [model for field in fields for name, model in field.models.items() if name in names]
