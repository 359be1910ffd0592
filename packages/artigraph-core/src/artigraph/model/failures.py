"""Artifacts that cannot be loaded: which errors are about one artifact, and how skipped artifacts are reported."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar
from uuid import UUID

import artigraph.errors as errors
from artigraph.printable import printable

T = TypeVar("T")

Errors = Literal["raise", "skip"]
"""What a call does if an artifact cannot be loaded: raise the error, or skip the artifact."""

_SKIPPED = (
    errors.CorruptObjectError,
    errors.DeserializationError,
    errors.InvalidLocationError,
    errors.MissingDependencyError,
    errors.ModelVersionError,
    errors.NodeNotFoundError,
    errors.ObjectNotFoundError,
    errors.UnknownModelError,
    errors.UnknownSerializerError,
    errors.UnknownStorageError,
    errors.WrongModelTypeError,
)
"""Errors about one artifact. A failing database or storage, or a mistake in the call, is not among them."""

_log = logging.getLogger("artigraph")


@dataclass(frozen=True, slots=True)
class LoadFailure:
    """An artifact or run that could not be loaded and was skipped."""

    node_id: UUID
    label: str | None
    """The label of the artifact; None if it is unknown, for example because the node does not exist."""
    error: errors.ArtigraphError
    """The reason: the error that the call would have raised without `errors="skip"`."""

    def __artigraph_node_id__(self) -> UUID:
        return self.node_id


class Loaded(list[T]):
    """A list of the artifacts that could be loaded. `failures` describes the skipped ones."""

    def __init__(self, items: Iterable[T] = (), failures: Sequence[LoadFailure] = ()) -> None:
        super().__init__(items)
        self.failures: tuple[LoadFailure, ...] = tuple(failures)
        """The failures, in the order in which the artifacts were requested."""

    def _repr_html_(self) -> str:
        from artigraph.html import attempt, render
        from artigraph.model.html import loaded_view

        return render(attempt(lambda: loaded_view(self)))


def check_errors(given: object) -> bool:
    """Return whether artifacts that cannot be loaded are skipped, from the argument `errors`.

    Raises:
        ArgumentError: it is neither "raise" nor "skip".
    """
    if given not in ("raise", "skip"):
        msg = f"errors is 'raise' or 'skip', not {given!r:.100}"
        raise errors.ArgumentError(msg)
    return given == "skip"


def is_skipped(error: errors.ArtigraphError) -> bool:
    """Return whether an error is about one artifact, so that others can still be loaded."""
    return isinstance(error, _SKIPPED)


def located(error: errors.ArtigraphError, node_id: UUID, label: str | None) -> errors.ArtigraphError:
    """Return an error that names this node. If the error already names another node, a copy is returned."""
    if error.node_id not in (None, node_id):  # two artifacts share a missing object
        try:
            again = type(error)(*error.args)
        except Exception:  # its constructor takes other arguments
            return error
        again.__cause__ = error.__cause__
        error = again
    if error.node_id is None:
        error.node_id, error.label = node_id, label
    return error


def log_failures(failures: Sequence[LoadFailure], loaded: int) -> None:
    """Log a warning with the number of skipped artifacts, if any."""
    if failures:
        _log.warning(
            "%d of %d could not be loaded and were left out; the first one: %s",
            len(failures),
            loaded + len(failures),
            printable(str(failures[0].error).partition("\n")[0]),  # code to write may follow
        )
