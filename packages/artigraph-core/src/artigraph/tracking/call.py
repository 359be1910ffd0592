"""One call of a tracked function: the run that it is, what it takes and what it returns."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, cast
from uuid import UUID

from artigraph.db import session_context
from artigraph.errors import (
    ArtigraphError,
    FieldNotLoadedError,
    InvalidLabel,
    ModelDefinitionError,
    NotFoundError,
    SerializationError,
    TrackingError,
)
from artigraph.graph import keep_inputs, unrecorded
from artigraph.model import ArtifactModel
from artigraph.model.compare import equal
from artigraph.model.known import artifact_of, remember
from artigraph.model.load import load_models
from artigraph.model.partial import is_partial
from artigraph.run import Run, RunManager
from artigraph.run.metadata import value_rows
from artigraph.tracking.signature import RETURN, Signature
from artigraph.tracking.value import TrackedValue

__all__ = ["TrackedCall", "TrackingWarning"]

_SMALL = 4096
"""Bytes of a plain value up to which it is a parameter of the run."""
_UNFIT = (SerializationError, ModelDefinitionError, FieldNotLoadedError, InvalidLabel)
"""Errors of a save that say that a value cannot be stored, not that storing failed."""


class TrackingWarning(UserWarning):
    """A value of a tracked call cannot be stored, and is not recorded."""


class TrackedCall:
    """An async context manager around one call: inside, the run of the call is the active one.

    Small plain values among the arguments are parameters of the run. Models, frames and other large or composed values
    are artifacts that it used: the very ones that they were loaded from or saved as before, as long as they are equal
    to what is stored; else they are kept with the run.
    """

    def __init__(self, signature: Signature, arguments: Mapping[str, Any]) -> None:
        parameters = {name: value for name, value in arguments.items() if _is_parameter(name, value)}
        self._inputs = {name: value for name, value in arguments.items() if name not in parameters}
        self._signature = signature
        run = Run(name=signature.name, tags=signature.tags, parameters=parameters)
        self._manager = RunManager(run, capture_environment=signature.capture_environment)

    async def __aenter__(self) -> Self:
        await self._manager.__aenter__()
        try:
            await self._record_inputs()
        except BaseException as error:
            await self._manager.__aexit__(type(error), error, error.__traceback__)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._manager.__aexit__(kind, error, trace)

    async def keep(self, value: object) -> None:
        """Save what the function returned as an artifact of the run; None is nothing."""
        if value is not None and RETURN in self._signature.recorded:
            await self._save({RETURN: value})

    async def _record_inputs(self) -> None:
        used: list[UUID] = []
        unknown: dict[str, Any] = {}
        with unrecorded():
            for name, value in self._inputs.items():
                found = await _artifacts_in(value)
                used += found
                if not found:
                    unknown[name] = value
        if used:
            await self._manager.use(*used)
        await self._save(unknown)

    async def _save(self, values: Mapping[str, Any]) -> None:
        """Save values of the call as artifacts of the run: all together, and without those that cannot be stored.

        Raises:
            TrackingError: one cannot be stored, and that is to be refused.
        """
        labels = {name: self._signature.label if name == RETURN else name for name in values}
        artifacts = {labels[name]: _as_model(value) for name, value in values.items()}
        if not artifacts:
            return
        try:
            async with session_context():
                node_ids = await self._manager.save_artifacts(artifacts)
                if RETURN not in values:
                    await keep_inputs(self._manager.run.node_id, list(node_ids.values()))
        except _UNFIT as error:
            if len(values) == 1:
                self._leave_out(next(iter(values)), error)
            else:
                for name, value in values.items():
                    await self._save({name: value})
            return
        remember(values.values(), node_ids.values())

    def _leave_out(self, name: str, error: Exception) -> None:
        what = "What it returned" if name == RETURN else f"Argument {name!r}"
        msg = f"{what} cannot be recorded of a call of {self._signature.shown}: {error}"
        if self._signature.unsupported == "refuse":
            msg += f" (exclude=[{name!r}] leaves it out, unsupported='warn' does so with a warning)"
            raise TrackingError(msg) from error
        msg += f" (it is left out; exclude=[{name!r}] says so without a warning)"
        warnings.warn_explicit(msg, TrackingWarning, self._signature.file, self._signature.line)


def _is_parameter(name: str, value: object) -> bool:
    try:
        (row,) = value_rows("parameter", {name: value})
    except ArtigraphError:
        return False
    return len(row.value) <= _SMALL


def _as_model(value: object) -> ArtifactModel:
    return value if isinstance(value, ArtifactModel) else TrackedValue(value)


async def _artifacts_in(value: object) -> list[UUID]:
    """Return the artifact that a value is, or those that the items of a collection are; nothing if one is none."""
    found: list[UUID] = []
    for item in _items(value):
        node_id = artifact_of(item)
        if node_id is None or not await _is_still(item, node_id):
            return []
        found.append(node_id)
    return found


def _items(value: object) -> Iterator[object]:
    if type(value) in (list, tuple):
        yield from cast("Sequence[object]", value)
    elif type(value) is dict:
        yield from cast("dict[Any, object]", value).values()
    else:
        yield value


async def _is_still(item: object, node_id: UUID) -> bool:
    """Say whether an object is equal to what is stored: it may have been altered since."""
    if is_partial(type(item)):  # its fields cannot be set
        return True
    try:
        (stored,) = await load_models(ArtifactModel, [node_id])
    except NotFoundError:  # deleted, rolled back, or in another database
        return False
    return equal(_as_model(item), stored)
