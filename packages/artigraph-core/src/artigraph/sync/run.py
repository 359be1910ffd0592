"""The sync twin of `artigraph.run`."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Literal, Self, TypeVar, cast, overload
from uuid import UUID

import artigraph.model as async_model
import artigraph.run as async_run
from artigraph.background import wait_for
from artigraph.run import Run
from artigraph.sync._twin import Twin, twin

__all__ = ["RunManager", "run_manager"]

M = TypeVar("M", bound=async_model.ArtifactModel)


class RunManager(Twin, of=async_run.RunManager):
    """Enters a run, saves and loads its artifacts, and records how it ended.

        with RunManager(Run()) as manager:
            manager.save_artifact("report", report)

    The start, each save and the end are transactions of their own; none is held while the body runs. An exception goes
    on unchanged after the run was recorded as failed, or as cancelled; the artifacts of such a run are kept. A run that
    is entered inside another one belongs to it. Which run is active is a matter of the task: runs side by side do not
    mix. A manager that was left still loads.

    What is loaded while the run is the innermost active one is recorded as used by it, but for what it saved itself:
    together with its next save, or its end. With `record_use=False` only what `use` names is.
    """

    __slots__ = ()

    _async: async_run.RunManager

    def __init__(self, run: Run, *, record_use: bool = True) -> None:
        self._async = async_run.RunManager(run, record_use=record_use)

    @property
    def run(self) -> Run:
        """The run of the async RunManager."""
        return self._async.run

    def __enter__(self) -> Self:
        """Record the start of the run and make it the active one.

        Raises:
            RunStateError: the run was entered before.
            NodeNotFoundError: its parent does not exist, or is no run.
        """
        wait_for(self._async.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Record the end of the run, and make the run around it active again."""
        wait_for(self._async.__aexit__(kind, error, trace))

    def save_artifact(self, label: str, model: async_model.ArtifactModel) -> UUID:
        """Save a model under a label of this run and return its node's id; see `ArtifactModel.save`.

        Raises:
            LabelConflictError: the run has an artifact of this label already; nothing of this one remains.
            RunStateError: the run was not entered.
        """
        return wait_for(self._async.save_artifact(label, model))

    def save_artifacts(self, artifacts: Mapping[str, async_model.ArtifactModel]) -> dict[str, UUID]:
        """Save models under labels of this run, all of them or none, and return their ids by label."""
        return wait_for(self._async.save_artifacts(artifacts))

    def use(self, *node_ids: UUID) -> None:
        """Record that this run used artifacts, whatever it was that read them; a part stands for its artifact.

        What is loaded inside a run is recorded by itself. It is written together with the run's next save or its end,
        and at once if the run has ended. What the run saved itself is no use, and left out.

        Raises:
            NodeNotFoundError: one of the nodes does not exist, or is a run; nothing of the call is recorded.
            RunStateError: the run was not entered.
        """
        wait_for(self._async.use(*node_ids))

    @overload
    def load_artifact(self, label: str) -> async_model.ArtifactModel: ...
    @overload
    def load_artifact(self, label: str, model_type: type[M]) -> M: ...
    def load_artifact(
        self, label: str, model_type: type[async_model.ArtifactModel] = async_model.ArtifactModel
    ) -> async_model.ArtifactModel:
        """Load the artifact of this run that has a label, and check that it is of a type if one is given.

        Raises:
            NodeNotFoundError: the run has no artifact of this label.
            WrongModelTypeError: the artifact is of another type.
        """
        return wait_for(self._async.load_artifact(label, model_type))

    def load_artifacts(self) -> dict[str, async_model.ArtifactModel]:
        """Load all artifacts of this run, by label, in the order in which they were saved."""
        return wait_for(self._async.load_artifacts())

    def load_descendant_runs(self) -> list[Run]:
        """Load all runs below this one, itself not among them, in the order in which they were made."""
        return wait_for(self._async.load_descendant_runs())

    def load_descendant_artifacts(self) -> dict[UUID, dict[str, async_model.ArtifactModel]]:
        """Load the artifacts of all runs below this one, by run id and label; a run without any has an empty dict."""
        return wait_for(self._async.load_descendant_artifacts())


@overload
def run_manager(allow_none: Literal[False] = ...) -> RunManager: ...
@overload
def run_manager(allow_none: bool) -> RunManager | None: ...
def run_manager(allow_none: bool = False) -> RunManager | None:
    """Return the manager of the innermost active run.

    Raises:
        NoActiveRunError: (a LookupError) there is none and `allow_none` is false.
    """
    return cast("RunManager | None", twin(async_run.run_manager(allow_none)))
