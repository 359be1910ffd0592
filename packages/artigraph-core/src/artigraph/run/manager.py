"""Entering a run, what is saved and loaded in it, and the run that is active."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Literal, Self, TypeVar, overload
from uuid import UUID

from artigraph.errors import ArtigraphError, NoActiveRunError, NodeNotFoundError, RunStateError
from artigraph.graph import insert_run, read_runs_below, runs_below, update_run
from artigraph.ids import check_id
from artigraph.labels import check_label
from artigraph.model import ArtifactModel
from artigraph.model.load import load_artifacts
from artigraph.model.many import check_artifacts
from artigraph.model.save import save_models
from artigraph.run.failure import message_of, type_name
from artigraph.run.state import NO_PARENT, Run, row_of_run, run_of_row

__all__ = ["RunManager", "run_manager"]

M = TypeVar("M", bound=ArtifactModel)

_active: ContextVar[RunManager | None] = ContextVar("artigraph_run", default=None)


@overload
def run_manager(allow_none: Literal[False] = ...) -> RunManager: ...
@overload
def run_manager(allow_none: bool) -> RunManager | None: ...  # noqa: FBT001 (as it was published)
def run_manager(allow_none: bool = False) -> RunManager | None:  # noqa: FBT001, FBT002 (as published)
    """Return the manager of the innermost active run.

    Raises:
        NoActiveRunError: (a LookupError) there is none and `allow_none` is false.
    """
    manager = _active.get()
    if manager is None and not allow_none:
        msg = "There is no active run here. Enter one: async with RunManager(Run()) as manager: ..."
        raise NoActiveRunError(msg)
    return manager


class RunManager:
    """Enters a run, saves and loads its artifacts, and records how it ended.

        async with RunManager(Run()) as manager:
            await manager.save_artifact("report", report)

    The start, each save and the end are transactions of their own; none is held while the body runs. An exception goes
    on unchanged after the run was recorded as failed, or as cancelled; the artifacts of such a run are kept. A run that
    is entered inside another one belongs to it. Which run is active is a matter of the task: runs side by side do not
    mix. A manager that was left still loads.
    """

    def __init__(self, run: Run) -> None:
        if not isinstance(run, Run):  # pyright: ignore[reportUnnecessaryIsInstance]
            msg = f"RunManager takes a run, RunManager(Run()), not {run!r}"
            raise TypeError(msg)
        self.run = run
        self._outer: RunManager | None = None
        self._clock = 0.0

    def __repr__(self) -> str:
        return f"<RunManager {self.run.node_id} {self.run.status}>"

    async def __aenter__(self) -> Self:
        """Record the start of the run and make it the active one.

        Raises:
            RunStateError: the run was entered before.
            NodeNotFoundError: its parent does not exist, or is no run.
        """
        run = self.run
        if run.status != "new":
            msg = (
                f"Run {run.node_id} was entered before (it is {run.status}); a run is entered once. Make another Run()."
            )
            raise RunStateError(msg)
        outer = _active.get()
        given = run.node_parent_id
        if given is NO_PARENT:
            run.node_parent_id = None
        elif given is None:
            run.node_parent_id = None if outer is None else outer.run.node_id
        else:
            check_id(given)
        run.status, run.started_at = "running", datetime.now(UTC)
        self._clock = time.monotonic()
        try:
            await insert_run(row_of_run(run))
        except ArtigraphError:
            run.node_parent_id, run.status, run.started_at = given, "new", None
            raise
        except asyncio.CancelledError as error:
            # The start was shielded, so it is in the database: left alone, the run would be running for ever.
            await self._end(error)
            raise
        self._outer = outer
        _active.set(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Record the end of the run, and make the run around it active again."""
        del kind, trace
        _active.set(self._outer)
        await self._end(error)

    async def _end(self, error: BaseException | None) -> None:
        run = self.run
        started = run.started_at or datetime.now(UTC)
        run.ended_at = started + timedelta(seconds=max(0.0, time.monotonic() - self._clock))
        if error is None or (isinstance(error, SystemExit) and error.code in (0, None)):
            run.status = "completed"
        elif isinstance(error, asyncio.CancelledError | KeyboardInterrupt):
            run.status = "cancelled"
        else:
            run.status = "failed"
            run.error_type = type_name(error)
            run.error_message = message_of(error)
        try:
            await update_run(row_of_run(run))
        except ArtigraphError as failure:
            if error is None:
                raise
            error.add_note(f"The end of run {run.node_id} could not be recorded: {failure}")

    async def save_artifact(self, label: str, model: ArtifactModel) -> UUID:
        """Save a model under a label of this run and return its node's id; see `ArtifactModel.save`.

        Raises:
            LabelConflictError: the run has an artifact of this label already; nothing of this one remains.
            RunStateError: the run was not entered.
        """
        return (await self.save_artifacts({label: model}))[label]

    async def save_artifacts(self, artifacts: Mapping[str, ArtifactModel]) -> dict[str, UUID]:
        """Save models under labels of this run, all of them or none, and return their ids by label."""
        self._check_entered()
        if not isinstance(artifacts, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            msg = f"save_artifacts takes a mapping of labels to models, not {type(artifacts).__name__}"
            raise TypeError(msg)
        pairs = check_artifacts(artifacts.items())
        ids = await save_models(pairs, self.run.node_id, check_parent=False)
        return {label: node_id for (label, _), node_id in zip(pairs, ids, strict=True)}

    @overload
    async def load_artifact(self, label: str) -> ArtifactModel: ...
    @overload
    async def load_artifact(self, label: str, model_type: type[M]) -> M: ...
    async def load_artifact(self, label: str, model_type: type[ArtifactModel] = ArtifactModel) -> ArtifactModel:
        """Load the artifact of this run that has a label, and check that it is of a type if one is given.

        Raises:
            NodeNotFoundError: the run has no artifact of this label.
            WrongModelTypeError: the artifact is of another type.
        """
        self._check_entered()
        found = await load_artifacts(model_type, self.run.node_id, label=check_label(label))
        if not found:
            msg = f"Run {self.run.node_id} has no artifact labelled {label!r}"
            raise NodeNotFoundError(msg)
        return found[0][2]

    async def load_artifacts(self) -> dict[str, ArtifactModel]:
        """Load all artifacts of this run, by label, in the order in which they were saved."""
        self._check_entered()
        return {label: model for _, label, model in await load_artifacts(ArtifactModel, self.run.node_id)}

    async def load_descendant_runs(self) -> list[Run]:
        """Load all runs below this one, itself not among them, in the order in which they were made."""
        self._check_entered()
        return [run_of_row(row) for row in await read_runs_below(self.run.node_id)]

    async def load_descendant_artifacts(self) -> dict[UUID, dict[str, ArtifactModel]]:
        """Load the artifacts of all runs below this one, by run id and label; a run without any has an empty dict."""
        self._check_entered()
        runs = await read_runs_below(self.run.node_id)
        result: dict[UUID, dict[str, ArtifactModel]] = {run.node_id: {} for run in runs}
        for run_id, label, model in await load_artifacts(ArtifactModel, runs=runs_below(self.run.node_id)):
            result.setdefault(run_id, {})[label] = model
        return result

    def _check_entered(self) -> None:
        if self.run.status == "new":
            msg = f"Run {self.run.node_id} was not entered: async with RunManager(run) as manager: ..."
            raise RunStateError(msg)
