"""Record one call of a tracked function: its run, its arguments and its result."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

import artigraph.errors as errors
from artigraph.graph import without_recording
from artigraph.graph.nodes import read_nodes
from artigraph.graph.run_rows import RunValueRow
from artigraph.kinds import fields_of
from artigraph.model import ArtifactModel
from artigraph.model.any_model import is_model_instance
from artigraph.model.identity_map import Origin, is_same, origin_in_map, part_of, parts_with_origin, remember_parts
from artigraph.model.load import load_models
from artigraph.model.partial import is_partial
from artigraph.model.traverse import find_stream
from artigraph.progress import run_in_slices
from artigraph.run import Run
from artigraph.run.call import CallManager
from artigraph.run.values import value_rows
from artigraph.tracking._options import TrackedValue, TrackingWarning
from artigraph.tracking._request import Request
from artigraph.tracking._signature import RETURN, Arguments, Signature
from artigraph.tracking._sql import Returned, rows_of_call

_SMALL = 4096
"""The most bytes of a plain value that is recorded as a parameter of the run."""
_UNFIT = (
    errors.SerializationError,
    errors.ModelDefinitionError,
    errors.FieldNotLoadedError,
    errors.InvalidLabelError,
    errors.LabelConflictError,
)
"""Artigraph's errors in a save that say that a value cannot be stored, not that storing failed."""
_BROKEN = (errors.DatabaseError, errors.SchemaError, SQLAlchemyError)
"""Errors of the database. They are not about a value."""


class TrackedCall:
    """An async context manager around one call: inside it, the run of the call is the active one.

    Small plain values among the arguments are recorded as parameters of the run. Models, frames and other large or
    composed values are recorded as artifacts that the run used. If a value was loaded or saved before and still equals
    what is stored, the run used that artifact. Else the value is saved with the run.

    With a `request`, the run can serve later calls with the same key, once its result is saved.
    """

    def __init__(self, signature: Signature, arguments: Arguments, request: Request | None = None) -> None:
        parameters = dict(parameters_of(arguments.values))
        self._request = request
        self._input_ids: dict[str, list[UUID]] = {}
        self._inputs = {name: value for name, value in arguments.values.items() if name not in parameters}
        self._arguments = arguments
        self._signature = signature
        run = Run(name=signature.name, tags=signature.tags, parameters=parameters)
        self._manager = CallManager(run, capture_environment=signature.capture_environment)

    async def __aenter__(self) -> Self:
        await self._manager.__aenter__()
        try:
            await self._record_inputs()
            await self._manager.begin()
        except BaseException as error:
            await self._manager.__aexit__(type(error), error, error.__traceback__)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._manager.__aexit__(kind, error, trace)

    async def keep(self, value: object) -> None:
        """Save the function's result as an artifact of the run, and end the run with it. None is not saved."""
        if RETURN not in self._signature.recorded:
            return
        if value is not None:
            await self._save_result(value)
        else:
            self._manager.add_at_end(self._key_rows("none"))

    def _key_rows(self, returned: Returned) -> list[RunValueRow]:
        """Return the rows that let later calls be served from this run, once it has completed."""
        request = self._request
        if request is None:
            return []
        parts = {**request.parts, "inputs": _plain_ids(self._input_ids)}
        return rows_of_call(self._manager.run.node_id, request.key, request.function, parts, returned)

    async def _record_inputs(self) -> None:
        if self._arguments.error is not None:
            for name in self._arguments.unbound:
                self._leave_out(name, self._arguments.error)
        used: list[UUID] = []
        unknown: dict[str, Any] = {}
        with without_recording():
            found = await artifacts_of(self._inputs.values())
        for (name, value), node_ids in zip(self._inputs.items(), found, strict=True):
            used += node_ids
            self._input_ids[name] = node_ids
            if not node_ids:
                unknown[name] = value
        if used:
            await self._manager.note_inputs(used)
        await self._save_inputs(unknown)

    async def _save_inputs(self, values: Mapping[str, Any]) -> None:
        """Save arguments as artifacts of the run, all together, but without those that cannot be stored.

        Raises:
            TrackingError: a value cannot be stored, and the function is tracked with `unsupported="refuse"`.
        """
        if not values:
            return
        try:
            earlier = [part for value in values.values() for part in parts_with_origin(TrackedValue(value))]
            artifacts = {name: await run_in_slices(_as_model(value)) for name, value in values.items()}
            node_ids = await self._manager.save_inputs(artifacts)
        except Exception as error:
            if not _is_of_value(error):
                raise
            if len(values) == 1:
                self._leave_out(next(iter(values)), error)
            else:
                for name, value in values.items():
                    await self._save_inputs({name: value})
            return
        self._input_ids |= {name: [node_id] for name, node_id in node_ids.items()}
        # Parts of a kept input keep the origin that they had before.
        remember_parts(part for part in earlier if not any(part[0] is value for value in values.values()))

    async def _save_result(self, value: object) -> None:
        """Save the result, and end the run. If the result cannot be stored, the run ends later.

        Raises:
            TrackingError: it cannot be stored, and the function is tracked with `unsupported="refuse"`.
        """
        try:
            model = await run_in_slices(_as_model(value))
            await self._manager.save_result(self._signature.label, model, self._key_rows("artifact"))
        except Exception as error:
            if not _is_of_value(error):
                raise
            self._leave_out(RETURN, error)

    def _leave_out(self, name: str, error: Exception) -> None:
        what = "What it returned" if name == RETURN else f"Argument {name!r}"
        msg = f"{what} cannot be recorded of a call of {self._signature.shown}: {_shown(error)}"
        can_be_excluded = name == RETURN or name in self._signature.parameters.parameters
        if self._signature.unsupported == "refuse":
            exclude = f"exclude=[{name!r}] leaves it out, " if can_be_excluded else ""
            msg += f" ({exclude}unsupported='warn' {'does so' if exclude else 'leaves it out'} with a warning)"
            raise errors.TrackingError(msg) from error
        exclude = f"; exclude=[{name!r}] says so without a warning" if can_be_excluded else ""
        msg += f" (it is left out{exclude})"
        warnings.warn_explicit(msg, TrackingWarning, self._signature.file, self._signature.line)


def _is_of_value(error: Exception) -> bool:
    """Return whether an error in a save is about the values, not about the place where they are stored.

    Databases and storages raise Artigraph's errors or SQLAlchemy's. All others come from reading a value.
    """
    return isinstance(error, _UNFIT) or not isinstance(error, (errors.ArtigraphError, SQLAlchemyError))


def _shown(error: Exception) -> str:
    """Return the text of an error. A foreign error needs its type to be understood, and its `str` may fail."""
    if isinstance(error, errors.ArtigraphError) or type(error) is TypeError:
        return str(error)
    return traceback.format_exception_only(error)[0].strip()


def parameters_of(arguments: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Yield the arguments that become parameters, in the form in which they are recorded."""
    for name, value in arguments.items():
        try:
            plain = _Plain()(value)
            (row,) = value_rows("parameter", {name: plain})
        except Exception:  # noqa: S112 (the value contains itself, or cannot be read: a save reports it)
            continue
        if len(row.value) <= _SMALL:
            yield name, plain


def _plain_ids(inputs: Mapping[str, Iterable[UUID]]) -> dict[str, list[UUID]]:
    """Return the ids as `UUID` itself. Those that asyncpg returns are of a class of its own, which no value keeps."""
    return {name: [UUID(int=node_id.int) for node_id in ids] for name, ids in inputs.items()}


def _as_model(value: object) -> Generator[None, None, Any]:
    """Return the model that is saved for a value, checked in slices for streams.

    Raises:
        SerializationError: the value is or contains a stream, which saving would use up.
    """
    stream = yield from find_stream(value)
    if stream is not None:
        what = f"a {type(stream).__qualname__}" if stream is value else f"the {type(stream).__qualname__} in it"
        msg = f"{what} is gone once it was read, so nobody else could read it; use a list or table"
        raise errors.SerializationError(msg)
    return value if is_model_instance(value) else TrackedValue(value)


class _Plain:
    """Converts a value to the form in which a parameter is recorded, up to the number of parts a parameter can have.

    Each part takes at least one byte, so a value with more parts is no parameter, even if it repeats the same list.
    """

    def __init__(self) -> None:
        self._parts = 0

    def __call__(self, value: object) -> object:
        """Return an enum's name, the fields of a dataclass or named tuple, and the number of a NumPy scalar."""
        self._parts += 1
        if self._parts > _SMALL:
            msg = "no parameter has so many parts"
            raise errors.ValueTooLargeError(msg)
        if isinstance(value, Enum):
            return value.name
        cls: type[Any] = type(value)
        if not is_model_instance(value) and (fields := fields_of(value, hidden=False)) is not None:
            return {name: self(part) for name, part in fields.items()}
        names: Sequence[str] | None = getattr(cls, "_fields", None)
        if names is not None and tuple in cls.__mro__:
            return {name: self(getattr(value, name)) for name in names}
        anything: Any = value
        if cls.__module__ == "numpy" and getattr(value, "ndim", None) == 0 and cls.__name__ != "ndarray":
            return anything.item()
        if cls is list or cls is tuple:
            parts: Any = map(self, anything)
            return list(parts) if cls is list else tuple(parts)
        return {key: self(part) for key, part in anything.items()} if cls is dict else value


async def artifacts_of(values: Iterable[object]) -> list[list[UUID]]:
    """Return for each value the artifacts that it, or its items, come from; none if an item comes from no artifact."""
    known = [[(item, origin_in_map(item)) for item in _items(value)] for value in values]
    node_ids = {where.node_id for items in known for _, where in items if where is not None}
    stored = await _load(node_ids)
    return [
        [where.node_id for _, where in items if where is not None]
        if all(where is not None and _is_still(item, where, stored) for item, where in items)
        else []
        for items in known
    ]


def origins_of(value: object) -> list[UUID]:
    """Return the artifacts that a value, or its items, were loaded from or saved as; none if one is unknown."""
    found: list[UUID] = []
    for item in _items(value):
        where = origin_in_map(item)
        if where is None:
            return []
        found.append(where.node_id)
    return found


def _items(value: object) -> Iterator[object]:
    container: Any = value
    if type(value) in (list, tuple):
        yield from container
    elif type(value) is dict:
        yield from container.values()
    else:
        yield value


async def _load(node_ids: Collection[UUID]) -> dict[UUID, object]:
    """Load the artifacts that can be loaded. One may be deleted, rolled back, or in another database."""
    there = list(await read_nodes(node_ids)) if node_ids else []
    try:
        return dict(zip(there, await load_models(ArtifactModel, there), strict=True))
    except Exception as error:  # deleted just now, damaged, or no longer of its class
        if isinstance(error, _BROKEN):
            raise
        if len(there) == 1:
            return {}
        return {key: model for node_id in there for key, model in (await _load([node_id])).items()}


def _is_still(item: object, where: Origin, stored: Mapping[UUID, object]) -> bool:
    """Return whether an instance still equals what is stored. It may have been changed since."""
    if where.node_id not in stored:
        return False
    if is_partial(type(item)):  # it is read-only, so it has not changed
        return True
    try:
        return is_same(item, part_of(stored[where.node_id], where), where)
    except Exception:  # its class has no such place today, or it cannot be read
        return False
