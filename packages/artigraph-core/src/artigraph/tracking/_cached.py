"""Serve a call from an earlier one, and record that it was served."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

import artigraph.errors as errors
from artigraph.db import on_primary
from artigraph.graph import FindIds, StoredObject, without_recording
from artigraph.graph.fingerprint import read_fingerprint
from artigraph.graph.stored_object import check_end
from artigraph.model import ArtifactModel
from artigraph.model.lazy import Lazy, held, name_origin
from artigraph.model.load import load_found
from artigraph.model.traverse import parts_of
from artigraph.printable import printable, quoted
from artigraph.run import Run
from artigraph.run.call import row_of_ended
from artigraph.tracking._call import artifacts_of, origins_of, parameters_of
from artigraph.tracking._describe import IncomparableError
from artigraph.tracking._options import TrackedValue, TrackingWarning, cache_mode
from artigraph.tracking._request import Request, request_of, warn_uncached
from artigraph.tracking._signature import Arguments, Signature
from artigraph.tracking._sql import Candidate, find, find_on, insert_hit, rows_of_hit

_log = logging.getLogger("artigraph.tracking")

_UNUSABLE = (
    errors.NotFoundError,
    errors.CorruptObjectError,
    errors.DeserializationError,
    errors.ModelVersionError,
    errors.UnknownModelError,
    errors.UnknownSerializerError,
    errors.UnknownStorageError,
    errors.WrongModelTypeError,
    errors.MalformedRowError,
    errors.MissingDependencyError,
)
"""Errors of a load that say that a result is missing or damaged, or cannot be read here."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A result that was loaded in place of a call."""

    value: object


class Call:
    """One call of a cached function, with all its arguments."""

    def __init__(self, signature: Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self._signature = signature
        self._given = args, kwargs
        self.arguments: Arguments = signature.arguments(args, dict(kwargs))

    async def request(self) -> Request | None:
        """Return the request of the call, or None, with a warning, if the call cannot be compared."""
        try:
            return await self.compared()
        except IncomparableError as error:
            warn_uncached(self._signature, error)
        return None

    async def compared(self) -> Request:
        """Return the request of the call.

        Raises:
            IncomparableError: its code or an argument cannot be compared; the message says which, and why.
        """
        cache = self._signature.cache
        own = None if cache is None else cache.key
        key = None if own is None else (own(*self._given[0], **self._given[1]),)
        try:
            return await request_of(self._signature, self.arguments, self._given, key)
        except (IncomparableError, errors.DatabaseError, errors.SchemaError, errors.StorageError, SQLAlchemyError):
            raise
        except Exception as error:  # code or objects of the user that fail when they are looked at
            msg = f"its code or arguments cannot be compared: {type(error).__name__}: {error}"
            raise IncomparableError(msg) from error

    async def serve(self) -> tuple[Hit | None, Request | None]:
        """Return the result of an earlier call, if there is one, and the request under which to record this call.

        Raises:
            ConfigurationError: the environment variable `ARTIGRAPH_CACHE` has an unknown value.
            DatabaseError, StorageUnavailableError: the database or a storage cannot be reached.
        """
        mode = cache_mode()
        if mode == "off":
            return None, None
        started_at = datetime.now(UTC)
        request = await self.request()
        if request is None or mode == "refresh":
            return None, request
        candidates: list[Candidate] = []

        async def find_newest(connection: AsyncConnection) -> list[UUID]:
            candidates[:] = await find_on(connection, request.key, self._signature.label, since=self._since())
            return _results(candidates[:1])

        found = await self._load(find_newest, candidates)  # found and loaded in one transaction
        for number, candidate in enumerate(candidates):
            if number:
                found = await self._load(partial(_given, _results([candidate])), [candidate])
            if found is not None and await self._record(request, candidate, started_at):
                return found, request
        return None, request

    async def usable(self, request: Request) -> tuple[Candidate | None, Exception | None]:
        """Return the run that would serve the request. If none would, the newest one, and why it cannot.

        The results are read, as `serve` does.
        """
        candidates = await find(request.key, self._signature.label, since=self._since())
        why: dict[UUID, Exception] = {}
        for candidate in candidates:
            try:
                if await self._read(partial(_given, _results([candidate])), [candidate]) is not None:
                    return candidate, None
            except _UNUSABLE as error:
                why[candidate.run_id] = error
        return next(((each, why[each.run_id]) for each in candidates if each.run_id in why), (None, None))

    def _since(self) -> datetime | None:
        """Return the time before which a result is too old."""
        cache = self._signature.cache
        return None if cache is None or cache.max_age is None else datetime.now(UTC) - cache.max_age

    async def _load(self, find: FindIds, candidates: Sequence[Candidate]) -> Hit | None:
        """Return the result of the first candidate, checked, or None if it is missing or damaged.

        Args:
            find: finds the result, if it is an artifact.
            candidates: the runs that can serve. `find` may fill them in.
        """
        try:
            return await self._read(find, candidates)
        except _UNUSABLE as error:
            msg = (
                f"The result of a call of {self._signature.shown}, artifact {candidates[0].artifact_id}, cannot be "
                f"used again, so the call is computed: {printable(str(error))}"
            )
            warnings.warn_explicit(msg, TrackingWarning, self._signature.file, self._signature.line)
            return None

    async def _read(self, find: FindIds, candidates: Sequence[Candidate]) -> Hit | None:
        """Return what `_load` returns. An error of `_UNUSABLE` says that the result is missing or damaged."""
        try:
            with without_recording(), on_primary():
                loaded = await load_found(ArtifactModel, find)
                for _, model in loaded:
                    await _check_lazy(model, _words(candidates[0]))
        except errors.NodeNotFoundError:  # deleted just now
            return None
        value: Any = loaded[0][1] if loaded else None
        return Hit(value.value if isinstance(value, TrackedValue) else value)

    async def _record(self, request: Request, candidate: Candidate, started_at: datetime) -> bool:
        signature = self._signature
        run = Run(
            name=signature.name,
            tags=signature.tags,
            parameters=dict(parameters_of(self.arguments.values)),
            cached_from=candidate.run_id,
        )
        used, replaced = await self._inputs(request, candidate)
        row = await row_of_ended(run, started_at, captures=signature.capture_environment)
        row = row._replace(values=[*row.values, *rows_of_hit(row.node_id, request.function, candidate.run_id)])
        served = await insert_hit(row, candidate, used, replaced)
        if served:
            _log.info("Run %s is served from run %s, name %s", run.node_id, candidate.run_id, quoted(signature.name))
        return served

    async def _inputs(self, request: Request, candidate: Candidate) -> tuple[set[UUID], set[UUID]]:
        """Return two sets of artifacts: the inputs of this call, and the inputs of the computing run that it replaces.

        An argument whose artifact is unknown equals that of the computing run, so the call keeps that input. But an
        argument that is not compared may have any value, so the call has no input for it.
        """
        values, cache = self.arguments.values, self._signature.cache
        compared: Mapping[str, str] = request.arguments if cache is None or cache.key is None else {}
        given: dict[str, Sequence[UUID]] = {name: () for name in values if name not in compared}
        uncertain: dict[str, object] = {}
        for name, value in values.items():
            origins = origins_of(value)
            if not origins:
                continue
            fingerprint = request.fingerprints.get(name)
            if len(origins) == 1 and fingerprint is not None and await _fingerprint_of(origins[0]) == fingerprint:
                given[name] = origins
            elif name not in compared or set(origins) != candidate.inputs_of([name]):
                uncertain[name] = value  # parts of artifacts, and what may have changed since: they are loaded
        if uncertain:
            with without_recording():
                found = await artifacts_of(uncertain.values())
            given |= {name: node_ids for name, node_ids in zip(uncertain, found, strict=True) if node_ids}
        others = candidate.inputs_of([name for name in values if name not in given])
        return {node_id for node_ids in given.values() for node_id in node_ids}, candidate.inputs_of(given) - others


def _words(computed: Candidate) -> str:
    # A new result of equal content would share the damaged object.
    return f"served from run {computed.run_id}; delete that run, and the call is computed again"


def _results(candidates: Iterable[Candidate]) -> list[UUID]:
    return [each.artifact_id for each in candidates if each.artifact_id is not None]


async def _given(ids: Sequence[UUID], _connection: AsyncConnection) -> Sequence[UUID]:
    return ids


_fingerprints: dict[UUID, bytes] = {}
"""The fingerprints of stored artifacts, which never change."""
_MOST_FINGERPRINTS = 10_000


async def _fingerprint_of(node_id: UUID) -> bytes | None:
    found = _fingerprints.get(node_id)
    if found is None:
        found = await read_fingerprint(node_id)
        if found is not None:
            if len(_fingerprints) >= _MOST_FINGERPRINTS:
                _fingerprints.clear()
            _fingerprints[node_id] = found
    return found


async def _check_lazy(model: object, words: str) -> None:
    """Check the end of each lazy value. Its whole content is checked when it is loaded. Then an error has the words.

    Raises:
        ObjectNotFoundError, StorageError: an object is missing, or cannot be read.
        CorruptObjectError: an object is damaged, as far as it was read.
    """
    pending: list[object] = [model]
    while pending:
        item = pending.pop()
        if issubclass(type(item), Lazy):
            stored = held(item)[1]
            source = None if stored is None else stored.source
            if isinstance(source, StoredObject):
                await check_end(source)
                name_origin(item, words)
        else:
            pending += [part for _, part in parts_of(item)]
