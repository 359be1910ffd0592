"""Calls that take the id of a node, and all spellings of an id."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, cast
from uuid import UUID, uuid4

import artigraph.view as view
from artigraph import (
    ArtifactModel,
    Node,
    Run,
    RunManager,
    ancestors,
    columns,
    delete,
    descendants,
    diff,
    load,
    load_many,
    paths,
    save,
    save_many,
    select,
    series,
)
from artigraph.identifiers import check_id
from artigraph.outline import outline_of
from artigraph.stored import load_stored, open_stored
from artigraph.tracking import explain_run


@dataclass
class Score(ArtifactModel, name="ids Score"):
    value: float


async def node(node_id: UUID) -> Node:
    return await select(Node).where(columns(Node).node_id == node_id).one()


async def _entered(parent: Any) -> object:
    async with RunManager(Run(parent)) as manager:
        assert (await node(manager.run.node_id)).parent_id == manager.run.node_parent_id
        return manager.run.node_parent_id


async def _saved(parent: Any) -> object:
    return (await node(await Score(1).save(str(uuid4()), parent))).parent_id


async def _saved_by_function(parent: Any) -> object:
    return (await node(await save(Score(1), str(uuid4()), parent))).parent_id


async def _saved_many(parent: Any) -> object:
    return (await node((await save_many([(str(uuid4()), Score(1))], parent))[0])).parent_id


async def _used(used: Any) -> object:
    async with RunManager(Run()) as manager:
        await manager.use(used)
    return {found.node_id for found in (await ancestors(manager.run)).artifacts}


async def _users_of(artifact: Any) -> object:
    async with RunManager(Run()) as manager:
        await manager.use(artifact)
    return manager.run.node_id in await select(Run).used(artifact).ids()


async def _served(run: Any) -> object:
    return Run(cached_from=run).cached_from


async def _pointed(version: Any) -> object:
    scores = series(Score, "score")
    await scores.set_alias("alias", version)
    return await scores.alias_id("alias")


async def _compared(run: Any) -> object:
    async with RunManager(Run()) as manager:
        found = await view.compare_runs([run, manager.run])
    return found.runs[0]


async def _diffed(run: Any, *, is_first: bool) -> object:
    """Compare a run with another one. A model is compared with models only, so it is converted here."""
    one = cast("Run", check_id(run) if isinstance(run, Score) else run)
    async with RunManager(Run(tags={"is": "other"})) as other:
        pass
    found = await (diff(one, other) if is_first else diff(other, one))
    assert other.run.node_id in (found.before, found.after)
    return [str(change) for change in found], found.before if is_first else found.after


async def _text(work: Awaitable[object]) -> str:
    return str(await work)


async def _bytes(work: Awaitable[BinaryIO]) -> bytes:
    with await work as file:
        return file.read()


async def _graph(work: Awaitable[Any]) -> object:
    found = await work
    return (set(found.nodes), found.edges, found.root_ids)


CASES: dict[str, tuple[str, Callable[[Any], Awaitable[object]]]] = {
    "ArtifactModel.load(node_id)": ("artifact", Score.load),
    "ArtifactModel.save(parent_id)": ("run", _saved),
    "Run.__init__(node_parent_id)": ("run", _entered),
    "Run.__init__(cached_from)": ("run", _served),
    "RunSelect.used(artifact)": ("artifact", _users_of),
    "RunManager.use(node_ids)": ("artifact", _used),
    "Select.in_run(run)": ("run", lambda run: select(Score).in_run(run).ids()),
    "Select.newer_than(node)": ("both", lambda node: select(Node).newer_than(node).ids()),
    "Select.older_than(node)": ("both", lambda node: select(Node).older_than(node).ids()),
    "Series.diff(after)": ("artifact", lambda version: _text(series(Score, "score").diff(0, version))),
    "Series.diff(before)": ("artifact", lambda version: _text(series(Score, "score").diff(version, 0))),
    "Series.set_alias(version)": ("artifact", _pointed),
    "ancestors(node)": ("both", lambda x: _graph(ancestors(x))),
    "artifact_document(artifact)": ("artifact", view.artifact_document),
    "artifacts_page(made_by)": ("run", lambda run: view.artifacts_page(made_by=run)),
    "artifacts_page(used_by)": ("run", lambda run: view.artifacts_page(used_by=run)),
    "compare_runs(runs)": ("run", _compared),
    "diff(after)": ("run", lambda run: _diffed(run, is_first=False)),
    "diff(before)": ("run", lambda run: _diffed(run, is_first=True)),
    "diff_document(after)": ("both", lambda x: view.diff_document(x, x)),
    "diff_document(before)": ("both", lambda x: view.diff_document(x, x)),
    "delete(ids)": ("both", lambda ids: delete(ids, dry_run=True, cascade=True)),
    "descendants(node)": ("both", lambda x: _graph(descendants(x))),
    "explain_run(run)": ("run", lambda run: _text(explain_run(run))),
    "lineage_document(node)": ("both", view.lineage_document),
    "load(node_id)": ("artifact", lambda node_id: load(Score, node_id)),
    "load_many(node_ids)": ("artifact", lambda node_id: load_many(Score, [node_id])),
    "load_stored(node_id)": ("artifact", lambda node_id: _text(load_stored(node_id))),
    "open_stored(node_id)": ("artifact", lambda node_id: _bytes(open_stored(node_id, "value"))),
    "outline_of(node_id)": ("both", lambda node_id: _text(outline_of(node_id))),
    "paths(source)": ("both", lambda x: _graph(paths(x, x))),
    "paths(target)": ("both", lambda x: _graph(paths(x, x))),
    "run_document(run)": ("run", view.run_document),
    "runs_page(under)": ("run", lambda run: view.runs_page(under=run)),
    "runs_page(used)": ("artifact", lambda artifact: view.runs_page(used=artifact)),
    "stale_document(node)": ("both", view.stale_document),
    "save(parent_id)": ("run", _saved_by_function),
    "save_many(parent_id)": ("run", _saved_many),
}
"""Each public parameter that takes a node, with a call that answers alike for each spelling of its id."""


PARENTS = {"ArtifactModel.save(parent_id)", "save(parent_id)", "save_many(parent_id)", "Run.__init__(node_parent_id)"}
OPTIONAL = PARENTS | {
    "Run.__init__(cached_from)",
    "artifacts_page(made_by)",
    "artifacts_page(used_by)",
    "runs_page(under)",
    "runs_page(used)",
}
"""Those that take None, for no parent or for no condition."""


async def spellings(kind: str) -> list[tuple[UUID, list[object]]]:
    """Return ids of stored nodes, each with its other spellings."""
    async with RunManager(Run(name="maker")) as manager:
        score = Score(0.5)
        node_id = await manager.save_artifact("score", score)
    run_id = manager.run.node_id
    loaded_run = await select(Run).where(columns(Run).node_id == str(run_id)).one()
    part = await Score.load(node_id, fields=["value"])
    version = (await series(Score, "score").versions())[-1]
    artifact: list[object] = [score, await Score.load(node_id), part, await node(node_id), version]
    artifact += [await outline_of(node_id), await load_stored(node_id)]
    run = [manager, manager.run, loaded_run, await node(run_id), RunManager(loaded_run), await outline_of(manager)]
    both: list[tuple[UUID, list[object]]] = [(node_id, [*artifact]), (run_id, [*run])]
    for some_id, others in both:
        others += [str(some_id), str(some_id).upper(), some_id.hex, some_id.hex.upper(), some_id.urn]
    return [pair for pair, which in zip(both, ("artifact", "run"), strict=True) if kind in (which, "both")]
