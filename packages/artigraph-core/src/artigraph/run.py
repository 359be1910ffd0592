"""Runs: what artifacts belong to, and the run that is active."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from types import TracebackType
from typing import Final, Literal, Self, TypeVar, overload
from uuid import UUID

from artigraph.db import current_database
from artigraph.errors import (
    ArtigraphError,
    NoActiveRunError,
    NodeNotFoundError,
    RunStateError,
)
from artigraph.graph import (
    RunRow,
    RunStatus,
    Uses,
    insert_run,
    read_roots,
    read_runs_below,
    runs_below,
    set_uses,
    update_run,
)
from artigraph.ids import check_id, new_id
from artigraph.labels import check_label
from artigraph.model import ArtifactModel
from artigraph.model.load import load_artifacts
from artigraph.model.many import check_artifacts
from artigraph.model.save import save_models

__all__ = ["NO_PARENT", "Run", "RunManager", "RunStatus", "run_manager", "run_of_row"]

M = TypeVar("M", bound=ArtifactModel)

_ERROR_LENGTH = 4000


class _NoParent(Enum):
    """The type of `NO_PARENT`."""

    NO_PARENT = "NO_PARENT"

    def __repr__(self) -> str:
        return self.value


NO_PARENT: Final = _NoParent.NO_PARENT
"""The parent of a run that is to have none, even where another run is active."""


@dataclass
class Run:
    """A run: what artifacts, and further runs, belong to."""

    node_parent_id: UUID | Literal[_NoParent.NO_PARENT] | None = None
    """The run that this one belongs to. None means the run that is active when this one is entered, if there is one;
    `NO_PARENT` means none in any case. Settled when the run is entered."""
    node_id: UUID = field(default_factory=new_id)
    """The run's id, from the moment it is made."""
    status: RunStatus = field(default="new", kw_only=True)
    started_at: datetime | None = field(default=None, kw_only=True)
    """When it was entered, in UTC."""
    ended_at: datetime | None = field(default=None, kw_only=True)
    """When it ended, in UTC; never before `started_at`, whatever the clock did."""
    error_type: str | None = field(default=None, kw_only=True)
    """Of a failed run: the qualified name of the exception's class."""
    error_message: str | None = field(default=None, kw_only=True)
    """Of a failed run: the exception's message, cut to 4,000 code points."""


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

    What is loaded while the run is the innermost active one is recorded as used by it, but for what it saved itself:
    together with its next save, or its end. With `record_use=False` only what `use` names is.
    """

    def __init__(self, run: Run, *, record_use: bool = True) -> None:
        if not isinstance(run, Run):  # pyright: ignore[reportUnnecessaryIsInstance]
            msg = f"RunManager takes a run, RunManager(Run()), not {run!r}"
            raise TypeError(msg)
        self.run = run
        self._outer: RunManager | None = None
        self._clock = 0.0
        self._record_use = record_use
        self._uses: Uses | None = None

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
            store_id = (await current_database()).store_id
            await insert_run(_row(run))
        except ArtigraphError:
            run.node_parent_id, run.status, run.started_at = given, "new", None
            raise
        except asyncio.CancelledError as error:
            # The start was shielded, so it is in the database: left alone, the run would be running for ever.
            await self._end(error)
            raise
        self._uses = Uses(run.node_id, store_id, automatic=self._record_use)
        self._outer = outer
        _active.set(self)
        set_uses(self._uses)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Record the end of the run, and make the run around it active again."""
        del kind, trace
        _active.set(self._outer)
        set_uses(None if self._uses is None else self._uses.outer)
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
            run.error_type = _type_name(error)
            run.error_message = _text(error)
        if self._uses is not None:
            self._uses.ended = True
        try:
            await update_run(_row(run), self._uses)
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

    async def use(self, *node_ids: UUID) -> None:
        """Record that this run used artifacts, whatever it was that read them; a part stands for its artifact.

        What is loaded inside a run is recorded by itself. It is written together with the run's next save or its end,
        and at once if the run has ended. What the run saved itself is no use, and left out.

        Raises:
            NodeNotFoundError: one of the nodes does not exist, or is a run; nothing of the call is recorded.
            RunStateError: the run was not entered.
        """
        self._check_entered()
        roots = await read_roots(node_ids)
        if self._uses is None:  # the run is one that was read from the database
            self._uses = Uses(self.run.node_id, (await current_database()).store_id)
            self._uses.ended = True
        if not await self._uses.note(roots):
            msg = (
                f"Run {self.run.node_id} is in another database than the one that is in force here: it cannot use this"
            )
            raise NodeNotFoundError(msg)

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


def _row(run: Run) -> RunRow:
    return RunRow(
        run.node_id,
        run.node_parent_id if isinstance(run.node_parent_id, UUID) else None,
        run.status,
        run.started_at or datetime.now(UTC),
        run.ended_at,
        run.error_type,
        run.error_message,
    )


def run_of_row(row: RunRow) -> Run:
    """Return a run as it is stored."""
    return Run(
        row.parent_id,
        row.node_id,
        status=row.status,
        started_at=row.started_at,
        ended_at=row.ended_at,
        error_type=row.error_type,
        error_message=row.error_message,
    )


def _type_name(error: BaseException) -> str:
    cls = type(error)
    name = cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    return name[-255:]


def _text(error: BaseException) -> str:
    """Return an exception's message in a form that every database stores."""
    try:
        text = str(error)
    except Exception as failure:  # noqa: BLE001 (an exception whose message cannot be had is still to be recorded)
        text = f"<no message: {type(failure).__name__}>"
    return text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")[:_ERROR_LENGTH]
