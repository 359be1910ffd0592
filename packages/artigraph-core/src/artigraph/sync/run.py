"""The sync twin of `artigraph.run`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import TracebackType
from typing import Literal, Self, TypeVar, cast, overload
from uuid import UUID

import artigraph.model as async_model
import artigraph.run as async_run
from artigraph.background import wait_for
from artigraph.run.lease import LEASE
from artigraph.run.state import Run
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

    __slots__ = ()

    _async: async_run.RunManager

    def __init__(
        self, run: Run, *, capture_environment: bool = False, lease: timedelta = LEASE, record_use: bool = True
    ) -> None:
        self._async = async_run.RunManager(
            run, capture_environment=capture_environment, lease=lease, record_use=record_use
        )

    @property
    def run(self) -> Run:
        """The run of the async RunManager."""
        return self._async.run

    @classmethod
    def resume(cls, token: str, *, lease: timedelta = LEASE, record_use: bool = True) -> Self:
        """Return a manager that joins a run which another process has started, and never ends it.

            with RunManager.resume(token) as manager:
                manager.save_artifact("part", part)

        Inside, the run is the active one; `manager.run` is as it is stored when it is joined. This process renews its
        lease too, so it is alive as long as one of its processes is. A run that was taken for lost is running again.
        One that has ended takes further artifacts, but stays ended. That the run is not in the database that is in
        force is told when it is entered, by a NodeNotFoundError.

        Raises:
            InvalidToken: the token is none.
        """
        return cls._of(async_run.RunManager.resume(token, lease=lease, record_use=record_use))

    def token(self) -> str:
        """Return a short text that stands for this run, for `resume` or `ARTIGRAPH_RUN` in another process.

        It holds neither a URL nor a secret: the other process is told of the database as this one was. Inside a session
        the run can be joined once the session has committed.

        Raises:
            RunStateError: the run was not entered.
        """
        return self._async.token()

    def __enter__(self) -> Self:
        """Record the start of the run, or join it, and make it the active one.

        Raises:
            RunStateError: the run was entered before.
            NodeNotFoundError: its parent does not exist, or is no run; or the run that is to be joined does not.
            InvalidLabel, SerializationError: its name, a tag or a parameter cannot be stored as it is.
        """
        wait_for(self._async.__aenter__(), undo=self._async.__aexit__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Record the end of the run, if it was started here, and make the run around it active again."""
        wait_for(self._async.__aexit__(kind, error, trace))

    def use(self, *node_ids: UUID) -> None:
        """Record that this run used artifacts, whatever it was that read them; a part stands for its artifact.

        What is loaded inside a run is recorded by itself. It is written together with the run's next save or its end,
        and at once if the run has ended. What the run saved itself is no use, and left out.

        Raises:
            NodeNotFoundError: one of the nodes does not exist, or is a run; nothing of the call is recorded.
            RunStateError: the run was not entered.
        """
        wait_for(self._async.use(*node_ids))

    def add_tags(self, tags: Mapping[str, str]) -> None:
        """Add tags to this run, in the place of those of the same names.

        Raises:
            InvalidLabel: a name or a text breaks the rule for labels; nothing was added.
            ValueTooLargeError: the run would have more than 1,000 tags; nothing was added.
            RunStateError: the run was not entered.
        """
        wait_for(self._async.add_tags(tags))

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
    """Return the manager of the innermost active run; where there is none, of the run that `ARTIGRAPH_RUN` names.

    The environment's run is joined when its manager is first used, as by `RunManager.resume`.

    Raises:
        NoActiveRunError: (a LookupError) there is none and `allow_none` is false.
        InvalidToken: the environment variable holds something else than a token.
    """
    return cast("RunManager | None", twin(async_run.run_manager(allow_none)))
