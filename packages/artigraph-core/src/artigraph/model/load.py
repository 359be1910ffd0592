"""Loading models: the classes that are in what is read are made ready before their objects are fetched."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Generator, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Select

from artigraph.errors import FieldNotLoadedError
from artigraph.graph import (
    Buffer,
    Fetch,
    StoredTree,
    current_uses,
    fetch,
    note_uses,
    open_object,
    read_artifacts,
    read_trees,
)
from artigraph.model.classes import last_defined
from artigraph.model.definition import define, is_model, traits_of
from artigraph.model.known import remember
from artigraph.model.partial import build_part
from artigraph.model.read import Builder, Waiting, root_class
from artigraph.model.steps import SLICE, Work, run_in_slices

__all__ = ["load_artifacts", "load_models"]

M = TypeVar("M")


async def load_models(expected: type[M], node_ids: Sequence[UUID], *, fields: Collection[str] | None = None) -> list[M]:
    """Load the models of nodes, in their order; see `ArtifactModel.load`. An active run has used them."""
    fields = _checked_fields(expected, fields)
    announce = partial(_make_ready, expected)
    trees = await read_trees(node_ids, fields=fields, announce=announce)
    if fields is not None and any(_is_older(tree, expected) for tree in trees.values()):
        whole = await load_models(expected, node_ids)
        for cls in {type(model) for model in whole}:  # `expected` may be a base, which has none
            _checked_fields(cls, fields)
        return [build_part(type(model), {name: getattr(model, name) for name in fields}) for model in whole]
    models = await _build([trees[node_id] for node_id in node_ids], expected, fields)
    await note_uses(trees)
    remember(models, node_ids)
    return models


async def load_artifacts(
    expected: type[M],
    run_id: UUID | None = None,
    *,
    label: str | None = None,
    runs: Select[*tuple[Any, ...]] | None = None,
) -> list[tuple[UUID, str, M]]:
    """Load the models of a run, or of several, or the one with a label: the id of the run, the label, the model.

    An active run has used them, unless they are its own.
    """
    announce = partial(_make_ready, expected)
    found = await read_artifacts(run_id, label=label, parents=runs, announce=announce)
    models = await _build([tree for _, tree in found], expected, None)
    active = current_uses()
    if active is not None:
        await note_uses(tree.root_id for parent_id, tree in found if parent_id != active.run_id)
    remember(models, [tree.root_id for _, tree in found])
    return [(parent_id, tree.root.label, model) for (parent_id, tree), model in zip(found, models, strict=True)]


async def _build(trees: Iterable[StoredTree], expected: type[M], fields: Collection[str] | None) -> list[M]:
    builders = [Builder(tree, root_class(tree, expected), fields=fields) for tree in trees]
    await run_in_slices(_take(builders))
    waiting = [item for builder in builders for item in builder.waiting]
    if waiting:
        await _supply(waiting)
    await run_in_slices(_finish(builders))
    return [builder.model for builder in builders]


def _take(builders: Iterable[Builder[Any]]) -> Generator[Work | None, Any, None]:
    """Have builders take all their nodes."""
    taken = 0
    for builder in builders:
        while count := builder.take(SLICE):
            taken += count
            if taken >= SLICE:
                taken = 0
                yield None


def _finish(builders: Iterable[Builder[Any]]) -> Generator[Work | None, Any, None]:
    """Have builders make their models."""
    made = 0
    for builder in builders:
        while count := builder.build(SLICE):
            made += count
            if made >= SLICE:
                made = 0
                yield None


async def _supply(waiting: Sequence[Waiting]) -> None:
    """Fetch and decode the values that builders wait for."""
    wanted: list[Fetch] = []
    for item in waiting:
        source = item.stored.source
        if not isinstance(source, bytes) and item.stored.streamed:
            file = await open_object(source)
            item.parts[item.label] = await asyncio.to_thread(item.stored.decode_file, file)
        else:
            wanted.append(Fetch(source, partial(_place, item), item.stored.whole))
    await fetch(wanted)


def _place(item: Waiting, data: Buffer) -> None:
    item.parts[item.label] = item.stored.decode(data)


def _checked_fields(expected: type[Any], fields: Collection[str] | None) -> list[str] | None:
    if fields is None:
        return None
    if isinstance(fields, str):
        msg = f"fields is a collection of names, not the text {fields!r}: fields=[{fields!r}]"
        raise TypeError(msg)
    names = list(dict.fromkeys(fields))
    if not is_model(expected):
        return names
    definition = define(expected)
    if unknown := [name for name in names if name not in definition.fields]:
        msg = (
            f"Model {expected.__qualname__} stores no field {', '.join(map(repr, unknown))}; it stores "
            f"{definition.stored}"
        )
        raise FieldNotLoadedError(msg)
    return names


def _is_older(tree: StoredTree, expected: type[Any]) -> bool:
    """Say whether a model was stored by an older version of its class, so that all of it is to be migrated."""
    return tree.root.model_version != define(root_class(tree, expected)).version


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
