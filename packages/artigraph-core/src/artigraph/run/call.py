"""The run of a call, which is written in two transactions: its start with its inputs, its end with its result."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Self
from uuid import UUID

import artigraph.db as db
from artigraph.errors import ArtigraphError, NodeNotFoundError
from artigraph.graph import RunRows
from artigraph.graph.run_rows import RunRow, RunValueRow
from artigraph.graph.runs import RunStart
from artigraph.model.any_model import AnyModel
from artigraph.model.functions import check_artifacts
from artigraph.model.save import save_models
from artigraph.run._active import run_manager
from artigraph.run._captured import capture_environment
from artigraph.run._manager import RunManager
from artigraph.run._state import NO_PARENT, Run, row_at_start, row_of_run
from artigraph.run.values import set_fields


class CallManager(RunManager):
    """Enters the run of a call. Call `begin` before the body of the call.

    The start waits for `save_inputs` and `begin`, whichever comes first, so that a call with inputs takes one
    transaction before its body. While it waits, no code of the call runs. A save that must put objects writes the start
    before that.
    """

    _starting: RunStart | None = None
    _failed_to_begin: bool = False
    """Whether the start cannot be written, so that the run has no end either."""
    _last: RunRow | None = None
    """The end that the last attempt to save the result wrote."""
    _has_ended: bool = False
    _at_end: Sequence[RunValueRow] = ()

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        if self._uses is not None:
            self._uses.held = True
        return self

    async def _write_start(self, start: RunStart) -> None:
        self._starting = start

    async def _ready(self) -> None:
        await super()._ready()
        await self.begin()

    async def begin(self) -> None:
        """Write the start of the run, if it is not written yet.

        Raises:
            NodeNotFoundError: the parent of the run does not exist.
        """
        if self._starting is not None:
            try:
                await self._starting.write()
            except ArtigraphError:
                self._failed_to_begin = True
                raise
            self._note_begun()

    def _note_begun(self) -> None:
        if self._uses is not None:
            self._uses.held = False

    async def note_inputs(self, node_ids: Iterable[UUID]) -> None:
        """Note that the run used artifacts, which exist. The id of a part counts as its artifact's."""
        assert self._uses is not None  # the run was entered
        await self._uses.note(node_ids)

    async def save_inputs(self, artifacts: Mapping[str, AnyModel]) -> dict[str, UUID]:
        """Save models under labels of the run, as artifacts that it used, and return their ids by label.

        Raises:
            NodeNotFoundError: the parent of the run does not exist.
        """
        try:
            saved = await self._save(artifacts, RunRows(start=self._starting, inputs=True))
        except NodeNotFoundError:
            self._failed_to_begin = True
            raise
        self._note_begun()
        return saved

    async def save_result(self, label: str, model: AnyModel, values: Sequence[RunValueRow]) -> None:
        """Save a model under a label of the run with further values of the run, and record that the run completed.

        If this fails, the run has not ended. A process that was forked in the call saves the model and ends nothing.
        """
        ends = self._process == os.getpid()
        await self._save({label: model}, RunRows(end=self._completed if ends else None, values=values))
        if not ends:
            return
        self._has_ended = True
        if self._uses is not None:
            await self._uses.end()

    def add_at_end(self, values: Sequence[RunValueRow]) -> None:
        """Write further values of the run together with its end, if it completes."""
        self._at_end = values

    def _values_at_end(self) -> Sequence[RunValueRow]:
        return self._at_end if self.run.status == "completed" else ()

    async def _save(self, artifacts: Mapping[str, AnyModel], run: RunRows) -> dict[str, UUID]:
        pairs = check_artifacts(artifacts.items())
        node_ids = await save_models(pairs, self.run.node_id, check_parent=False, run=run)
        return dict(zip(artifacts, node_ids, strict=True))

    def _completed(self) -> RunRow:
        self._last = row_of_run(self.run)._replace(status="completed", ended_at=self._now())
        return self._last

    async def _end(self, error: BaseException | None) -> None:
        if self._has_ended and self._last is not None:
            set_fields(self.run, status=self._last.status, ended_at=self._last.ended_at)
            self._log_end()
        elif not self._failed_to_begin:
            await super()._end(error)

    async def _write_end(self) -> None:
        try:
            await db.shielded(self.begin(), db.cancel_timeout())
        except asyncio.CancelledError:
            await super()._write_end()  # the start was written, and nothing would repeat the end
            raise
        await super()._write_end()


# Runs that have ended already -----------------------------------------------------------------------------------------


async def row_of_ended(run: Run, started_at: datetime, *, captures: bool) -> RunRow:
    """Return the row of a run that ends now, as a child of the active run, with its values.

    Args:
        run: the run, which was not entered.
        started_at: when it started.
        captures: whether to add the environment.
    """
    if captures:
        found = await asyncio.to_thread(capture_environment)
        set_fields(run, environment={**found, **(run.environment or {})})
    row = row_at_start(run)
    parent = run_manager(allow_none=True) if run.node_parent_id is None else None
    if parent is not None:
        await parent._ready()  # pyright: ignore[reportPrivateUsage]
    parent_id = run.node_parent_id if parent is None else parent.run.node_id
    return row._replace(
        parent_id=None if parent_id is NO_PARENT else parent_id,
        status="completed",
        started_at=started_at,
        ended_at=max(started_at, datetime.now(UTC)),
    )
