"""Entering a run, leaving it, and what is saved and loaded in it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self, TypeVar, overload
from uuid import UUID

from artigraph.db import current_database
from artigraph.errors import ArtigraphError, NodeNotFoundError, RunStateError
from artigraph.graph import (
    Uses,
    insert_run,
    join_run,
    read_roots,
    read_run_ids_below,
    read_runs_below,
    replace_values,
    runs_below,
    set_uses,
    update_run,
)
from artigraph.ids import check_id
from artigraph.labels import check_label
from artigraph.model import ArtifactModel
from artigraph.model.load import load_artifacts
from artigraph.model.many import check_artifacts
from artigraph.model.save import save_models
from artigraph.run.environment import capture_environment
from artigraph.run.failure import outcome_of
from artigraph.run.lease import LEASE, Release, check_lease, hold
from artigraph.run.metadata import MOST_VALUES, value_rows
from artigraph.run.state import NO_PARENT, Run, row_at_start, row_of_run, run_of_row
from artigraph.run.token import RunToken, parse_token

__all__ = ["RunManager", "active_manager"]

M = TypeVar("M", bound=ArtifactModel)

active_manager: ContextVar[RunManager | None] = ContextVar("artigraph_run", default=None)
"""The innermost run that was entered in this task; `run_manager` knows of the environment's too."""


class RunManager:
    """Enters a run, saves and loads its artifacts, and records how it ended.

        async with RunManager(Run()) as manager:
            await manager.save_artifact("report", report)

    The start, each save and the end are transactions of their own; none is held while the body runs. An exception goes
    on unchanged after the run was recorded as failed, or as cancelled; the artifacts of such a run are kept. A run that
    is entered inside another one belongs to it. Which run is active is a matter of the task: runs side by side do not
    mix. A manager that was left still loads.

    From its start to its end the run has a lease, which this process renews in the background. A run whose process
    died is lost once its lease ran out. A process that was forked inside of a run ends nothing when it leaves the
    block.

    What is loaded while the run is the innermost active one is recorded as used by it, but for what it saved itself:
    together with its next save, or its end. With `record_use=False` only what `use` names is.

    Args:
        run: the run to be entered.
        capture_environment: add to the run's `environment` what is known of the code, the command, Python, its
            packages and the machine. It takes some hundredths of a second, in a thread.
        lease: how long after its last sign of life the run is taken for alive.
        record_use: whether what is loaded is recorded as used.
    """

    def __init__(
        self, run: Run, *, capture_environment: bool = False, lease: timedelta = LEASE, record_use: bool = True
    ) -> None:
        if not isinstance(run, Run):  # pyright: ignore[reportUnnecessaryIsInstance]
            msg = f"RunManager takes a run, RunManager(Run()), not {run!r}"
            raise TypeError(msg)
        self.run: Run = run
        self._captures = capture_environment
        self._lease = check_lease(lease)
        self._token: RunToken | None = None
        self._joins = False
        self._outer: RunManager | None = None
        self._clock = 0.0
        self._process = 0
        self._release: Release | None = None
        self._record_use = record_use
        self._uses: Uses | None = None
        self._left = False

    @classmethod
    def resume(cls, token: str, *, lease: timedelta = LEASE, record_use: bool = True) -> Self:
        """Return a manager that joins a run which another process has started, and never ends it.

            async with RunManager.resume(token) as manager:
                await manager.save_artifact("part", part)

        Inside, the run is the active one; `manager.run` is as it is stored when it is joined. This process renews its
        lease too, so it is alive as long as one of its processes is. A run that was taken for lost is running again.
        One that has ended takes further artifacts, but stays ended. That the run is not in the database that is in
        force is told when it is entered, by a NodeNotFoundError.

        Raises:
            InvalidToken: the token is none.
        """
        parsed = parse_token(token)
        manager = cls(Run(node_id=parsed.run_id), lease=lease, record_use=record_use)
        manager._token, manager._joins = parsed, True
        return manager

    def token(self) -> str:
        """Return a short text that stands for this run, for `resume` or `ARTIGRAPH_RUN` in another process.

        It holds neither a URL nor a secret: the other process is told of the database as this one was. Inside a session
        the run can be joined once the session has committed.

        Raises:
            RunStateError: the run was not entered.
        """
        if self._token is None:
            raise RunStateError(self._not_entered())
        return str(self._token)

    def __repr__(self) -> str:
        return f"<RunManager {self.run.node_id} {self.run.status}>"

    async def __aenter__(self) -> Self:
        """Record the start of the run, or join it, and make it the active one.

        Raises:
            RunStateError: the run was entered before.
            NodeNotFoundError: its parent does not exist, or is no run; or the run that is to be joined does not.
            InvalidLabel, SerializationError: its name, a tag or a parameter cannot be stored as it is.
        """
        if self.run.status != "new":
            again = "RunManager.resume(token)" if self._joins else "Run()"
            msg = (
                f"Run {self.run.node_id} was entered before (it is {self.run.status}); a run is entered once. Make "
                f"another {again}."
            )
            raise RunStateError(msg)
        outer = active_manager.get()
        if not self._joins:
            self.run.status = "running"  # whoever enters it at the same time is told
        try:
            await (self._join("The run of this token") if self._joins else self._start())
        except BaseException:
            if not self._joins and self.run.started_at is None:
                self.run.status = "new"
            raise
        self._outer = outer
        self._process = os.getpid()
        assert self._token is not None  # noqa: S101 (it has started, or joins)
        self._uses = Uses(self._token.run_id, self._token.store_id, automatic=self._record_use)
        self._left = False
        active_manager.set(self)
        set_uses(self._uses)
        return self

    async def _start(self) -> None:
        from artigraph.run.active import run_manager

        run = self.run
        given = run.node_parent_id
        if self._captures:
            found = await asyncio.to_thread(capture_environment)
            run.environment = {**found, **(run.environment or {})}
        row = row_at_start(run)
        parent_id = None if given is NO_PARENT else given
        if parent_id is not None:
            check_id(parent_id)
        elif given is None and (parent := run_manager(allow_none=True)) is not None:
            await parent._ready()  # noqa: SLF001 (of another manager)
            parent_id = parent.run.node_id
        store_id = (await current_database()).store_id
        run.node_parent_id, run.started_at = parent_id, datetime.now(UTC)
        self._clock = time.monotonic()
        row = row._replace(parent_id=parent_id, status=run.status, started_at=run.started_at)
        try:
            await insert_run(row, self._lease)
        except ArtigraphError:
            run.node_parent_id, run.started_at = given, None
            raise
        except asyncio.CancelledError as error:
            # The start was shielded, so it is in the database: left alone, the run would be running for ever.
            await self._end(error)
            raise
        self._token = RunToken(run.node_id, store_id)
        self._release = hold(run.node_id, self._lease)

    async def _join(self, which: str) -> None:
        token = self._token
        assert token is not None  # noqa: S101 (what joins has one)
        if (await current_database()).store_id != token.store_id:
            msg = (
                f"{which}, {token.run_id}, is in another database than the one that is in force here. Set the one that "
                "it was started in: set_engine(...), or the variable ARTIGRAPH_URL."
            )
            raise NodeNotFoundError(msg)
        row = await join_run(token.run_id, self._lease)
        if row is None:
            msg = f"{which}, {token.run_id}, is not there: it was deleted, or its start was not committed yet"
            raise NodeNotFoundError(msg)
        if self._release is None:  # two tasks may come here at once
            self.run = run_of_row(row)
            self._release = hold(token.run_id, self._lease)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Record the end of the run, if it was started here, and make the run around it active again."""
        del kind, trace
        self._left = True
        if active_manager.get() is self:  # else one is that was entered later: generators are left in any order
            self._make_outer_active()
        if self._process != os.getpid():
            return  # a forked child: the run, and what renews its lease, are its parent's
        try:
            if self._release is not None:
                await self._release()
        finally:
            if not self._joins:
                await self._end(error)
            elif self._uses is not None:
                await self._end_uses(error, self._uses)

    def _make_outer_active(self) -> None:
        outer = self._outer
        if outer is not None and outer._left:  # noqa: SLF001 (of another manager)
            outer._make_outer_active()  # noqa: SLF001
        else:
            active_manager.set(outer)
            set_uses(None if self._uses is None else self._uses.outer)

    async def _end(self, error: BaseException | None) -> None:
        run = self.run
        started = run.started_at or datetime.now(UTC)
        run.ended_at = started + timedelta(seconds=max(0.0, time.monotonic() - self._clock))
        run.status, run.error_type, run.error_message = outcome_of(error)
        if self._uses is not None:
            self._uses.ended = True
        try:
            await update_run(row_of_run(run), self._uses)
        except ArtigraphError as failure:
            if error is None:
                raise
            error.add_note(f"The end of run {run.node_id} could not be recorded: {failure}")

    async def _end_uses(self, error: BaseException | None, uses: Uses) -> None:
        try:
            await uses.end()
        except ArtigraphError as failure:
            if error is None:
                raise
            error.add_note(f"What run {self.run.node_id} used could not be recorded: {failure}")

    async def use(self, *node_ids: UUID) -> None:
        """Record that this run used artifacts, whatever it was that read them; a part stands for its artifact.

        What is loaded inside a run is recorded by itself. It is written together with the run's next save or its end,
        and at once if the run has ended. What the run saved itself is no use, and left out.

        Raises:
            NodeNotFoundError: one of the nodes does not exist, or is a run; nothing of the call is recorded.
            RunStateError: the run was not entered.
        """
        await self._ready()
        roots = await read_roots(node_ids)
        if self._uses is None:  # nobody entered it here
            self._uses = Uses(self.run.node_id, (await current_database()).store_id, at_once=True)
        if not await self._uses.note(roots):
            msg = (
                f"Run {self.run.node_id} is in another database than the one that is in force here: it cannot use this"
            )
            raise NodeNotFoundError(msg)

    async def add_tags(self, tags: Mapping[str, str]) -> None:
        """Add tags to this run, in the place of those of the same names.

        Raises:
            InvalidLabel: a name or a text breaks the rule for labels; nothing was added.
            ValueTooLargeError: the run would have more than 1,000 tags; nothing was added.
            RunStateError: the run was not entered.
        """
        await self._ready()
        rows = value_rows("tag", tags)
        await replace_values(self.run.node_id, rows, most=MOST_VALUES)
        self.run.tags = {**self.run.tags, **tags}

    async def save_artifact(self, label: str, model: ArtifactModel) -> UUID:
        """Save a model under a label of this run and return its node's id; see `ArtifactModel.save`.

        Raises:
            LabelConflictError: the run has an artifact of this label already; nothing of this one remains.
            RunStateError: the run was not entered.
        """
        return (await self.save_artifacts({label: model}))[label]

    async def save_artifacts(self, artifacts: Mapping[str, ArtifactModel]) -> dict[str, UUID]:
        """Save models under labels of this run, all of them or none, and return their ids by label."""
        await self._ready()
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
        await self._ready()
        found = await load_artifacts(model_type, self.run.node_id, label=check_label(label))
        if not found:
            msg = f"Run {self.run.node_id} has no artifact labelled {label!r}"
            raise NodeNotFoundError(msg)
        return found[0][2]

    async def load_artifacts(self) -> dict[str, ArtifactModel]:
        """Load all artifacts of this run, by label, in the order in which they were saved."""
        await self._ready()
        return {label: model for _, label, model in await load_artifacts(ArtifactModel, self.run.node_id)}

    async def load_descendant_runs(self) -> list[Run]:
        """Load all runs below this one, itself not among them, in the order in which they were made."""
        await self._ready()
        return [run_of_row(row) for row in await read_runs_below(self.run.node_id)]

    async def load_descendant_artifacts(self) -> dict[UUID, dict[str, ArtifactModel]]:
        """Load the artifacts of all runs below this one, by run id and label; a run without any has an empty dict."""
        await self._ready()
        result: dict[UUID, dict[str, ArtifactModel]] = {}
        for run_id in await read_run_ids_below(self.run.node_id):
            result[run_id] = {}
        for run_id, label, model in await load_artifacts(ArtifactModel, runs=runs_below(self.run.node_id)):
            result.setdefault(run_id, {})[label] = model
        return result

    async def _ready(self) -> None:
        """See that the run was entered."""
        if self.run.status == "new":
            raise RunStateError(self._not_entered())

    def _not_entered(self) -> str:
        return f"Run {self.run.node_id} was not entered: async with RunManager(run) as manager: ..."
