"""Entering a run, leaving it, and saving and loading its artifacts.

This module is over 400 lines, because all of it is one public class, most of it docstrings.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self, TypeVar, overload
from uuid import UUID

import artigraph.graph as graph
from artigraph.db import cancel_timeout, current_database, deadline
from artigraph.errors import ArgumentError, ArtigraphError, NodeNotFoundError, RunStateError
from artigraph.graph import runs
from artigraph.graph.run_rows import RunValueKind, RunValueRow
from artigraph.identifiers import NodeId, check_id, check_label, check_order
from artigraph.model import ArtifactModel
from artigraph.model.any_model import AnyModel
from artigraph.model.functions import check_artifacts
from artigraph.model.load import load_artifacts
from artigraph.model.save import save_models
from artigraph.model.stored_names import names_of
from artigraph.printable import quoted
from artigraph.run._captured import capture_environment, outcome_of
from artigraph.run._current import Entry, enter, let_generators_end
from artigraph.run._lease import LEASE, Release, check_lease, hold
from artigraph.run._state import NO_PARENT, Run, row_at_start, row_of_run, run_of_row
from artigraph.run._token import RunToken, join, parse_token
from artigraph.run.values import MOST_VALUES, RecordedValues, set_fields, value_rows

_log = logging.getLogger("artigraph.run")

M = TypeVar("M", bound=AnyModel)


class RunManager:
    """Enters a run, saves and loads its artifacts, and records how it ended.

        async with RunManager(Run()) as manager:
            await manager.save_artifact("report", report)

    The start, each save and the end are transactions of their own. No transaction is open while the body runs. If the
    body raises, the run is recorded as `failed` or `cancelled`, its artifacts are kept, and the exception propagates
    unchanged.

    A run that you enter inside another run becomes its child. Each task has its own active run, so concurrent runs do
    not mix. You can still load with a manager that was left.

    From its start to its end the run has a lease, which this process renews in the background. A run whose process died
    is lost once its lease has expired. A process that was forked inside a run ends nothing when it leaves the block.

    What you load while the run is the innermost active one is recorded as used by it, except for what it saved itself.
    Uses are written together with the run's next save, or its end. With `record_use=False` only `use` records uses.

    Args:
        run: the run to enter.
        capture_environment: add the code's state, the command, Python, its packages and the machine to the run's
            `environment`. It takes some hundredths of a second, in a thread.
        lease: how long the run counts as alive after its last sign of life.
        record_use: whether loading an artifact records that the run used it.
    """

    def __init__(
        self, run: Run, *, capture_environment: bool = False, lease: timedelta = LEASE, record_use: bool = True
    ) -> None:
        if not isinstance(run, Run):  # pyright: ignore[reportUnnecessaryIsInstance]
            msg = f"RunManager takes a run, RunManager(Run()), not {run!r:.100}. Join one by RunManager.resume(token)"
            raise ArgumentError(msg)
        self._run = run
        self._captures = capture_environment
        self._lease = check_lease(lease)
        self._token: RunToken | None = None
        self._joins = False
        self._entry: Entry | None = None
        self._clock = 0.0
        self._process = 0
        self._release: Release | None = None
        self._record_use = record_use
        self._uses: graph.Uses | None = None
        self._values = RecordedValues()

    @property
    def run(self) -> Run:
        """The run. Once it is entered, its fields are read-only."""
        return self._run

    @classmethod
    def resume(cls, token: str, *, lease: timedelta = LEASE, record_use: bool = True) -> Self:
        """Return a manager that joins a run which another process has started, and never ends it.

            async with RunManager.resume(token) as manager:
                await manager.save_artifact("part", part)

        Inside the block, the run is the active one, and `manager.run` is its state when it was joined. This process
        also renews the lease, so the run is alive as long as one of its processes is. A lost run becomes running again.
        An ended run takes further artifacts, but stays ended.

        Entering the manager raises a `NodeNotFoundError` if the run is not in the current database.

        Raises:
            InvalidTokenError: the text is no token.
        """
        parsed = parse_token(token)
        manager = cls(Run(node_id=parsed.run_id), lease=lease, record_use=record_use)
        manager._token, manager._joins = parsed, True
        return manager

    def token(self) -> str:
        """Return a short token of this run, for `resume` or `ARTIGRAPH_RUN` in another process.

        The token holds neither a URL nor a secret: set the same database in the other process. If the run was entered
        inside a session, it can be joined once the session has committed.

        Raises:
            RunStateError: the run was not entered.
        """
        if self._token is None:
            raise RunStateError(self._not_entered())
        return str(self._token)

    def __artigraph_node_id__(self) -> UUID:
        return self.run.node_id

    def __repr__(self) -> str:
        return f"<RunManager {self.run.node_id} {self.run.status}>"

    async def __aenter__(self) -> Self:
        """Record the start of the run, or join it, and make it the active one.

        Raises:
            RunStateError: the run was entered before.
            NodeNotFoundError: its parent does not exist, or is no run; or the run to join does not exist.
            InvalidLabelError, SerializationError: its name, a tag or a parameter cannot be stored.
        """
        await let_generators_end()  # before the check: another task may enter the run meanwhile
        if self.run.status != "new":
            again = "RunManager.resume(token)" if self._joins else "Run()"
            msg = (
                f"Run {self.run.node_id} was entered before (it is {self.run.status}); a run is entered once. Make "
                f"another {again}."
            )
            raise RunStateError(msg)
        given = {name: getattr(self.run, name) for name in ("tags", "parameters", "environment")}
        if not self._joins:
            set_fields(self.run, status="running")  # a task that enters it at the same time gets an error
        try:
            await (self._join("The run of this token") if self._joins else self._start())
        except BaseException:
            if not self._joins and self.run.started_at is None:
                set_fields(self.run, status="new", **given)
            raise
        self._process = os.getpid()
        assert self._token is not None  # the run has started or was joined
        self._uses = graph.Uses(self._token.run_id, self._token.store_id, automatic=self._record_use)
        self._entry = enter(self)
        graph.set_uses(self._uses)
        return self

    async def _start(self) -> None:
        from artigraph.run._active import run_manager

        run = self.run
        given = run.node_parent_id
        if self._captures:
            found = await asyncio.to_thread(capture_environment)
            set_fields(run, environment={**found, **(run.environment or {})})
        row = row_at_start(run)
        self._values.record(run, row.values)
        parent_id = None if given is NO_PARENT else given
        if given is None and (parent := run_manager(allow_none=True)) is not None:
            await parent._ready()
            parent_id = parent.run.node_id
        store_id = (await current_database()).store_id
        self._clock = time.monotonic()
        started_at = datetime.now(UTC)
        set_fields(run, node_parent_id=parent_id, started_at=started_at)
        row = row._replace(parent_id=parent_id, status=run.status, started_at=started_at)
        try:
            await self._write_start(runs.RunStart(row, self._lease))
        except ArtigraphError:
            set_fields(run, node_parent_id=given, started_at=None)
            raise
        except asyncio.CancelledError as error:
            # The start was shielded, so it is in the database. Without an end, the run would keep the status running.
            await self._end(error)
            raise
        self._token = RunToken(run.node_id, store_id)
        self._release = hold(run.node_id, self._lease)
        _log.info("Run %s begins, name %s", run.node_id, quoted(run.name))

    async def _join(self, which: str) -> None:
        token = self._token
        assert token is not None  # a manager that joins has a token
        row = await join(token, which, self._lease)
        if self._release is None:  # two tasks may reach this line at once
            if self.run != Run(node_id=token.run_id):
                msg = (
                    f"Run {token.run_id} was changed before it was joined, which is not stored: it was recorded where "
                    "it was started. Join it, then call add_tags or add_parameters."
                )
                raise RunStateError(msg)
            self._run = run_of_row(row)
            self._values.remember(row.values)
            self._release = hold(token.run_id, self._lease)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Record the end of the run if it was started here, and make the surrounding run active again."""
        del kind, trace
        if self._uses is not None:
            self._uses.owner.leave(error)
        if self._entry is not None and self._entry.leave():
            graph.set_uses(None if self._uses is None else self._uses.outer)
        if self._process != os.getpid():
            return  # a forked child: the run and the renewal of its lease belong to the parent
        self._values.warn_of_changes(self.run)
        try:
            if self._release is not None:
                await self._release()
        finally:
            if not self._joins:
                await self._end(error)
            elif self._uses is not None:
                await self._record(self._uses.end(), f"What run {self.run.node_id} used", error)

    async def _write_start(self, start: runs.RunStart) -> None:
        await start.write()

    def _now(self) -> datetime:
        """Return the time by the clock of the run's start, which never goes back."""
        started = self.run.started_at or datetime.now(UTC)
        return started + timedelta(seconds=max(0.0, time.monotonic() - self._clock))

    async def _end(self, error: BaseException | None) -> None:
        self._note_end(error)
        if await self._record(self._write_end(), f"The end of run {self.run.node_id}", error):
            self._log_end()

    def _note_end(self, error: BaseException | None) -> None:
        outcome = outcome_of(error)
        set_fields(
            self.run,
            ended_at=self._now(),
            status=outcome.status,
            error_type=outcome.error_type,
            error_message=outcome.error_message,
        )
        if self._uses is not None:
            self._uses.ended = True

    async def _write_end(self) -> None:
        await runs.update_run(row_of_run(self.run), self._uses, self._values_at_end())

    def _values_at_end(self) -> Sequence[RunValueRow]:
        return ()

    def _log_end(self) -> None:
        run, seconds = self.run, time.monotonic() - self._clock
        _log.info("Run %s ends as %s after %.3f s, name %s", run.node_id, run.status, seconds, quoted(run.name))

    async def _record(self, recording: Awaitable[object], what: str, error: BaseException | None) -> bool:
        try:
            with deadline(cancel_timeout() if isinstance(error, asyncio.CancelledError) else None):
                await recording
        except ArtigraphError as failure:
            _log.warning("%s could not be recorded: %s", what, quoted(str(failure)))
            if error is None:
                raise
            error.add_note(f"{what} could not be recorded: {failure}")
            return False
        return True

    async def use(self, *node_ids: NodeId) -> None:
        """Record that this run used artifacts, however they were read. The id of a part counts as its artifact's.

        Artifacts that are loaded inside a run are recorded without this call. Uses are written together with the run's
        next save or its end, and at once if the run has ended. Artifacts that the run saved itself are left out.

        Raises:
            InvalidNodeIdError: an argument identifies no node.
            NodeNotFoundError: one of the nodes does not exist, or is a run; the call records nothing.
            RunStateError: the run was not entered.
        """
        checked = [check_id(node_id) for node_id in node_ids]
        await self._ready()
        roots = await graph.read_roots(checked)
        if self._uses is None:  # the run was not entered in this process
            self._uses = graph.Uses(self.run.node_id, (await current_database()).store_id, at_once=True)
        if not await self._uses.note(roots):
            msg = (
                f"Run {self.run.node_id} is in another database than the one that is in force here: it cannot use this"
            )
            raise NodeNotFoundError(msg)

    async def add_tags(self, tags: Mapping[str, str]) -> None:
        """Add tags to this run. A tag replaces the earlier one of the same name.

        Raises:
            InvalidLabelError: a name or a tag's text breaks the rule for labels; nothing was added.
            ValueTooLargeError: the run would have more than 1,000 tags; nothing was added.
            RunStateError: the run was not entered.
        """
        await self._add("tag", tags)

    async def add_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Add parameters to this run. A parameter replaces the earlier one of the same name.

        Raises:
            InvalidLabelError: a name breaks the rule for labels; nothing was added.
            SerializationError: a value is no plain value; nothing was added.
            ValueTooLargeError: a value takes more than 256 KiB, or the run would have more than 1,000 parameters;
                nothing was added.
            RunStateError: the run was not entered.
        """
        await self._add("parameter", parameters)

    async def _add(self, kind: RunValueKind, values: object) -> None:
        await self._ready()
        rows = value_rows(kind, values)
        await runs.replace_values(self.run.node_id, rows, most=MOST_VALUES)
        self._values.record(self.run, rows, beside=True)

    async def save_artifact(self, label: str, model: AnyModel) -> UUID:
        """Save a model under a label of this run, and return the id of its node; see `ArtifactModel.save`.

        Raises:
            LabelConflictError: the run has an artifact of this label already; nothing was saved.
            RunStateError: the run was not entered.
        """
        check_order("save_artifact", label, model)
        return (await self.save_artifacts({check_label(label): model}))[label]

    async def save_artifacts(self, artifacts: Mapping[str, AnyModel]) -> dict[str, UUID]:
        """Save models under labels of this run, all of them or none, and return their ids by label."""
        await self._ready()
        if not isinstance(artifacts, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            msg = f"save_artifacts takes a mapping of labels to models, not {type(artifacts).__name__}"
            raise ArgumentError(msg)
        pairs = check_artifacts(artifacts.items())
        return dict(zip(artifacts, await save_models(pairs, self.run.node_id, check_parent=False), strict=True))

    @overload
    async def load_artifact(self, label: str) -> ArtifactModel: ...
    @overload
    async def load_artifact(self, label: str, model_type: type[M]) -> M: ...
    async def load_artifact(self, label: str, model_type: type[Any] = ArtifactModel) -> Any:
        """Load the artifact of this run with this label. With `model_type`, the artifact must be of that type.

        Raises:
            NodeNotFoundError: the run has no artifact of this label.
            WrongModelTypeError: the artifact is of another type.
        """
        await self._ready()
        check_order("load_artifact", label, model_type)
        found = await load_artifacts(model_type, self.run.node_id, label=check_label(label))
        if not found:
            msg = f"Run {self.run.node_id} has no artifact labeled {label!r}"
            raise NodeNotFoundError(msg)
        return found[0][2]

    @overload
    async def load_artifacts(self) -> dict[str, ArtifactModel]: ...
    @overload
    async def load_artifacts(self, model_type: type[M]) -> dict[str, M]: ...
    async def load_artifacts(self, model_type: type[Any] = ArtifactModel) -> Mapping[str, Any]:
        """Load this run's artifacts of a type by label, in the order in which they were saved."""
        await self._ready()
        found = await load_artifacts(model_type, self.run.node_id, model_names=names_of(model_type))
        return {label: model for _, label, model in found}

    async def load_descendant_runs(self) -> list[Run]:
        """Load all runs below this one, without itself, in the order in which they were made."""
        await self._ready()
        return [run_of_row(row) for row in await runs.read_runs_below(self.run.node_id)]

    @overload
    async def load_descendant_artifacts(self) -> dict[UUID, dict[str, ArtifactModel]]: ...
    @overload
    async def load_descendant_artifacts(self, model_type: type[M]) -> dict[UUID, dict[str, M]]: ...
    async def load_descendant_artifacts(
        self, model_type: type[Any] = ArtifactModel
    ) -> Mapping[UUID, Mapping[str, Any]]:
        """Load the artifacts of a type from all runs below this one, by run id and label. A run without any has {}."""
        await self._ready()
        names, below = names_of(model_type), runs.runs_below(self.run.node_id)
        result: dict[UUID, dict[str, Any]] = {key: {} for key in await runs.read_run_ids_below(self.run.node_id)}
        for run_id, label, model in await load_artifacts(model_type, runs=below, model_names=names):
            result.setdefault(run_id, {})[label] = model
        return result

    async def _ready(self) -> None:
        """Check that the run was entered."""
        if self.run.status == "new":
            raise RunStateError(self._not_entered())

    def _not_entered(self) -> str:
        return f"Run {self.run.node_id} was not entered: async with RunManager(run) as manager: ..."
