"""The sync twin of `artigraph.run`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, cast, overload
from uuid import UUID

import artigraph.model as async_model
import artigraph.run as async_run
from artigraph.identifiers import NodeId
from artigraph.model.any_model import AnyModel
from artigraph.portal import enter, leave, wait_for
from artigraph.run._lease import LEASE
from artigraph.run._state import Run
from artigraph.sync._twin import Twin, twin

__all__ = ["RunManager", "run_manager"]

M = TypeVar("M", bound=AnyModel)


class RunManager(Twin, of=async_run.RunManager):
    """Enters a run, saves and loads its artifacts, and records how it ended.

        with RunManager(Run()) as manager:
            manager.save_artifact("report", report)

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
        """The run. Once it is entered, its fields are read-only."""
        return self._async.run

    @classmethod
    def resume(cls, token: str, *, lease: timedelta = LEASE, record_use: bool = True) -> Self:
        """Return a manager that joins a run which another process has started, and never ends it.

            with RunManager.resume(token) as manager:
                manager.save_artifact("part", part)

        Inside the block, the run is the active one, and `manager.run` is its state when it was joined. This process
        also renews the lease, so the run is alive as long as one of its processes is. A lost run becomes running again.
        An ended run takes further artifacts, but stays ended.

        Entering the manager raises a `NodeNotFoundError` if the run is not in the current database.

        Raises:
            InvalidTokenError: the text is no token.
        """
        return cls._of(async_run.RunManager.resume(token, lease=lease, record_use=record_use))

    def token(self) -> str:
        """Return a short token of this run, for `resume` or `ARTIGRAPH_RUN` in another process.

        The token holds neither a URL nor a secret: set the same database in the other process. If the run was entered
        inside a session, it can be joined once the session has committed.

        Raises:
            RunStateError: the run was not entered.
        """
        return self._async.token()

    def __artigraph_node_id__(self) -> UUID:

        return self._async.__artigraph_node_id__()

    def __enter__(self) -> Self:
        """Record the start of the run, or join it, and make it the active one.

        Raises:
            RunStateError: the run was entered before.
            NodeNotFoundError: its parent does not exist, or is no run; or the run to join does not exist.
            InvalidLabelError, SerializationError: its name, a tag or a parameter cannot be stored.
        """
        enter(self._async)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Record the end of the run if it was started here, and make the surrounding run active again."""
        leave(self._async, kind, error, trace)

    def use(self, *node_ids: NodeId) -> None:
        """Record that this run used artifacts, however they were read. The id of a part counts as its artifact's.

        Artifacts that are loaded inside a run are recorded without this call. Uses are written together with the run's
        next save or its end, and at once if the run has ended. Artifacts that the run saved itself are left out.

        Raises:
            InvalidNodeIdError: an argument identifies no node.
            NodeNotFoundError: one of the nodes does not exist, or is a run; the call records nothing.
            RunStateError: the run was not entered.
        """
        wait_for(self._async.use(*node_ids))

    def add_tags(self, tags: Mapping[str, str]) -> None:
        """Add tags to this run. A tag replaces the earlier one of the same name.

        Raises:
            InvalidLabelError: a name or a tag's text breaks the rule for labels; nothing was added.
            ValueTooLargeError: the run would have more than 1,000 tags; nothing was added.
            RunStateError: the run was not entered.
        """
        wait_for(self._async.add_tags(tags))

    def add_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Add parameters to this run. A parameter replaces the earlier one of the same name.

        Raises:
            InvalidLabelError: a name breaks the rule for labels; nothing was added.
            SerializationError: a value is no plain value; nothing was added.
            ValueTooLargeError: a value takes more than 256 KiB, or the run would have more than 1,000 parameters;
                nothing was added.
            RunStateError: the run was not entered.
        """
        wait_for(self._async.add_parameters(parameters))

    def save_artifact(self, label: str, model: AnyModel) -> UUID:
        """Save a model under a label of this run, and return the id of its node; see `ArtifactModel.save`.

        Raises:
            LabelConflictError: the run has an artifact of this label already; nothing was saved.
            RunStateError: the run was not entered.
        """
        return wait_for(self._async.save_artifact(label, model))

    def save_artifacts(self, artifacts: Mapping[str, AnyModel]) -> dict[str, UUID]:
        """Save models under labels of this run, all of them or none, and return their ids by label."""
        return wait_for(self._async.save_artifacts(artifacts))

    @overload
    def load_artifact(self, label: str) -> async_model.ArtifactModel: ...
    @overload
    def load_artifact(self, label: str, model_type: type[M]) -> M: ...
    def load_artifact(self, label: str, model_type: type[Any] = async_model.ArtifactModel) -> Any:
        """Load the artifact of this run with this label. With `model_type`, the artifact must be of that type.

        Raises:
            NodeNotFoundError: the run has no artifact of this label.
            WrongModelTypeError: the artifact is of another type.
        """
        return twin(wait_for(self._async.load_artifact(label, model_type)))

    @overload
    def load_artifacts(self) -> dict[str, async_model.ArtifactModel]: ...
    @overload
    def load_artifacts(self, model_type: type[M]) -> dict[str, M]: ...
    def load_artifacts(self, model_type: type[Any] = async_model.ArtifactModel) -> Mapping[str, Any]:
        """Load this run's artifacts of a type by label, in the order in which they were saved."""
        return wait_for(self._async.load_artifacts(model_type))

    def load_descendant_runs(self) -> list[Run]:
        """Load all runs below this one, without itself, in the order in which they were made."""
        return wait_for(self._async.load_descendant_runs())

    @overload
    def load_descendant_artifacts(self) -> dict[UUID, dict[str, async_model.ArtifactModel]]: ...
    @overload
    def load_descendant_artifacts(self, model_type: type[M]) -> dict[UUID, dict[str, M]]: ...
    def load_descendant_artifacts(
        self, model_type: type[Any] = async_model.ArtifactModel
    ) -> Mapping[UUID, Mapping[str, Any]]:
        """Load the artifacts of a type from all runs below this one, by run id and label. A run without any has {}."""
        return wait_for(self._async.load_descendant_artifacts(model_type))


@overload
def run_manager(allow_none: Literal[False] = ...) -> RunManager: ...
@overload
def run_manager(allow_none: bool) -> RunManager | None: ...
def run_manager(allow_none: bool = False) -> RunManager | None:
    """Return the manager of the innermost active run, or else of the run that `ARTIGRAPH_RUN` names.

    The environment's run is joined when its manager is first used, as by `RunManager.resume`.

    Raises:
        NoActiveRunError: (a LookupError) no run is active and `allow_none` is false.
        InvalidTokenError: the environment variable holds no token.
    """
    return cast("RunManager | None", twin(async_run.run_manager(allow_none)))
