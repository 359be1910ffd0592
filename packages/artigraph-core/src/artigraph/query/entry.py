"""Where a question begins."""

from __future__ import annotations

from typing import Any, TypeVar, cast, overload

from artigraph.errors import QueryError
from artigraph.graph.nodes import Node
from artigraph.model import ArtifactModel
from artigraph.model.definition import define, is_model
from artigraph.query.nodes import NodeSelect
from artigraph.query.select import ArtifactSelect, RunSelect
from artigraph.run import Run

__all__ = ["select"]

M = TypeVar("M", bound=ArtifactModel)


@overload
def select(kind: type[Run]) -> RunSelect: ...
@overload
def select(kind: type[Node]) -> NodeSelect: ...
@overload
def select(kind: type[M]) -> ArtifactSelect[M]: ...
def select(kind: type[Any]) -> Any:
    """Ask for saved artifacts of a model class, or of classes derived from it, for runs, or for nodes of any kind.

        c = columns(Report)
        best = await select(Report).where(c.accuracy > 0.9).order_by(c.accuracy.desc()).limit(10).all()
        async for report in select(Report).in_run(run, descendants=True): ...
        failed = await select(Run).where(columns(Run).status == "failed").all()
        parts = await select(Node).in_run(run).labeled("accuracy").all()

    Artifacts are what was saved under a label; models inside others are reached through these. Without an order,
    results come in that in which they were saved, or made.

    Raises:
        QueryError: it is neither a model class nor `Run` nor `Node`.
        ModelDefinitionError: the class cannot be stored as it is written.
    """
    if kind is Run:
        return RunSelect()
    if kind is Node:
        return NodeSelect()
    if not isinstance(cast("object", kind), type) or not issubclass(kind, ArtifactModel):
        msg = f"select takes a model class, Run or Node, not {kind!r:.100}"
        raise QueryError(msg)
    if is_model(kind):
        define(kind)
    return ArtifactSelect(_model_type=kind)
