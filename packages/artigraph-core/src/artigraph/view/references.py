"""References: short texts that name a run, an artifact or a part of one, for tools with a prompt or an address bar."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import fetch_rows, in_batches, read_anywhere
from artigraph.errors import AmbiguousReferenceError, NodeNotFoundError, QueryError, VersionNotFoundError
from artigraph.identifiers import first_id, id_of
from artigraph.orm import node_table
from artigraph.printable import quoted
from artigraph.query import columns
from artigraph.query import select as find
from artigraph.run import Run
from artigraph.versions.aliases import SeriesKey, read_aliases

__all__ = ["SHORTEST_PREFIX", "find_node", "find_nodes", "find_series", "find_value", "shortest_prefixes"]

SHORTEST_PREFIX = 6
"""The fewest hexadecimal digits that name a node."""
_DIGITS = 32
_MOST_CANDIDATES = 10
"""As many nodes are named by an error for an ambiguous prefix."""
_MOST_READINGS = 100
"""The most ways to read a reference with slashes, dots and @."""
_MILLISECOND = timedelta(milliseconds=1)
_NUMBER = re.compile(r"-?[0-9]{1,9}", re.ASCII)
_HEX = re.compile(r"[0-9a-fA-F]+(?:-[0-9a-fA-F]+)*-?", re.ASCII)
_RUN = "run:"
_FORMS = (
    "Write an id, or at least 6 digits of its beginning; run:NAME or @ for the newest run; MODEL/LABEL for the newest "
    "artifact of a series, with @ALIAS, @-2 or @2026-11-01 for another version"
)

_other, _last = node_table.alias("other"), node_table.alias("last")


async def find_node(reference: str) -> UUID:
    """Return the id of the node that a reference names.

        await find_node("018f3c5e-7b2a")              # the run or artifact whose id begins so
        await find_node("@")                          # the newest run
        await find_node("run:train")                  # the newest run of this name
        await find_node("Report/report")              # the newest artifact of this model and label
        await find_node("Report/report@production")   # the artifact that an alias points to
        await find_node("Report/report@-2")           # by number: 0 is the oldest, -1 the newest
        await find_node("Report/report@2026-11-01")   # the newest at the end of that day, in UTC, or at a time

    A whole id may be that of any node. A prefix names runs and artifacts only.

    Raises:
        QueryError: the text is no reference.
        NodeNotFoundError: no node matches; for a version of a series, a `VersionNotFoundError`.
        AmbiguousReferenceError: several nodes match. The error has the ids of the first ones.
    """
    found, _ = await _find(reference, with_path=False)
    return found


async def find_nodes(references: Collection[str]) -> list[UUID]:
    """Return the ids of the nodes that references name, each as `find_node` does."""
    return [await find_node(reference) for reference in references]


async def find_value(reference: str) -> tuple[UUID, list[str]]:
    """Return the node that a reference names, and the labels of a path after it: `Report/report@-1.parts.0.name`.

    Labels may contain dots. The longest label that exists is taken, and the rest is the path.

    Raises:
        QueryError, NodeNotFoundError, AmbiguousReferenceError: as `find_node`.
    """
    return await _find(reference, with_path=True)


async def find_series(reference: str) -> tuple[str, str]:
    """Return the model name and the label of a series, which a text such as `Report/report` names.

    Raises:
        NodeNotFoundError: the store has no artifact of such a model and label.
        QueryError: the text has too many slashes to be read.
    """
    readings = [reading for reading in _readings(reference, with_path=False) if reading.version is None]
    key = (await _existing(reference, readings))[0].key
    return key.model_name, key.label


async def _find(reference: str, *, with_path: bool) -> tuple[UUID, list[str]]:
    if reference == "@":
        return await _newest_run(None), []
    if reference.startswith(_RUN):
        return await _newest_run(reference.removeprefix(_RUN)), []
    if "/" in reference:
        return await _find_version(reference, with_path=with_path)
    prefix, dot, path = reference.partition(".") if with_path else (reference, "", "")
    digits = prefix.replace("-", "").lower()
    if not _HEX.fullmatch(prefix) or not SHORTEST_PREFIX <= len(digits) <= _DIGITS:
        msg = f"{quoted(reference[:100])} is no reference. {_FORMS}"
        raise QueryError(msg)
    return await _find_prefix(prefix, digits), path.split(".") if dot else []


async def _newest_run(name: str | None) -> UUID:
    c = columns(Run)
    query = find(Run) if name is None else find(Run).where(c.name == name)
    for run_id in await query.order_by(c.node_id.desc()).limit(1).ids():
        return run_id
    msg = "The store has no run" if name is None else f"The store has no run of the name {quoted(name)}"
    raise NodeNotFoundError(msg)


async def _find_prefix(prefix: str, digits: str) -> UUID:
    node_id = node_table.c.node_id
    least, greatest = UUID(digits.ljust(_DIGITS, "0")), UUID(digits.ljust(_DIGITS, "f"))
    statement = select(node_id).where(node_id >= least, node_id <= greatest)
    if len(digits) < _DIGITS:
        statement = statement.where(func.coalesce(node_table.c.position, 0) == 0)  # runs have no position
    found = await _fetch(statement.order_by(node_id).limit(_MOST_CANDIDATES + 1))
    if len(found) == 1:
        return found[0]
    if not found:
        kind = "node has the id" if len(digits) == _DIGITS else "run or artifact has an id that begins with"
        msg = f"No {kind} {prefix}"
        raise NodeNotFoundError(msg)
    many = f"More than {_MOST_CANDIDATES}" if len(found) > _MOST_CANDIDATES else str(len(found))
    msg = f"{many} runs and artifacts have an id that begins with {prefix}. Write more digits"
    raise AmbiguousReferenceError(msg, found[:_MOST_CANDIDATES])


# Versions -----------------------------------------------------------------------------------------------------------


class _Reading(NamedTuple):
    """One way to read a reference to a version. Names and labels may have slashes, dots and @ in them."""

    key: SeriesKey
    version: str | None
    path: list[str]


async def _find_version(reference: str, *, with_path: bool) -> tuple[UUID, list[str]]:
    found = await _existing(reference, list(_readings(reference, with_path=with_path)))
    for reading in found[:-1]:
        with suppress(VersionNotFoundError):  # an alias may have a dot in it, and so may a path follow it
            return await _version(reading), reading.path
    return await _version(found[-1]), found[-1].path


async def _existing(reference: str, readings: Sequence[_Reading]) -> list[_Reading]:
    """Return the readings whose series exists, at least one. It takes one statement."""
    if not readings:
        msg = f"{quoted(reference[:100])} names no series. Write MODEL/LABEL"
        raise QueryError(msg)
    if len(readings) > _MOST_READINGS:
        msg = f"{quoted(reference[:100])} has too many slashes, dots and @ to be read. Write the id instead"
        raise QueryError(msg)
    keys = list(dict.fromkeys(reading.key for reading in readings))
    statement = select(*(exists(_versions(key)).label(f"series_{number}") for number, key in enumerate(keys)))

    async def work(connection: AsyncConnection) -> Sequence[Any]:
        return (await connection.execute(statement)).one()

    there = {key for key, is_there in zip(keys, await read_anywhere(work), strict=True) if is_there}
    found = [reading for reading in readings if reading.key in there]
    if not found:
        msg = f"The store has no artifact of the model and label in {quoted(reference)}"
        raise NodeNotFoundError(msg)
    return found


def _readings(reference: str, *, with_path: bool) -> Iterator[_Reading]:
    """Yield the ways to read a reference: those with the shortest path first, without a version before with one."""
    slashes = [index for index, sign in enumerate(reference) if sign == "/"]
    dots = [index for index, sign in enumerate(reference) if sign == "."] if with_path else []
    for end in (len(reference), *reversed(dots)):
        path = reference[end + 1 :].split(".") if end < len(reference) else []
        for slash in (index for index in slashes if index < end):
            model, rest = reference[:slash], reference[slash + 1 : end]
            yield _Reading(SeriesKey(model, rest), None, path)
            label, at, version = rest.rpartition("@")
            if at:
                yield _Reading(SeriesKey(model, label), version, path)


async def _version(reading: _Reading) -> UUID:
    key, version = reading.key, reading.version
    place = node_table.c.search_key
    newest_first = _versions(key).order_by(place.desc()).limit(1)
    if version is None:
        return await _one(newest_first, f"{_words(key)} has no version any more")
    aliases = await read_aliases(key)
    if version in aliases:
        return aliases[version]
    if _NUMBER.fullmatch(version):
        number = int(version)
        statement = newest_first if number < 0 else _versions(key).order_by(place).limit(1)
        return await _one(
            statement.offset(number if number >= 0 else -number - 1), f"{_words(key)} has no version {number}"
        )
    before = _end_of(version)
    if before is None:
        known = ", ".join(quoted(alias) for alias in list(aliases)[:_MOST_CANDIDATES]) or "none"
        msg = f"{_words(key)} has no alias {quoted(version)}; it has {known}. {_FORMS}"
        raise VersionNotFoundError(msg)
    return await _one(newest_first.where(place < first_id(before).bytes), f"{_words(key)} had no version at {version}")


def _end_of(text: str) -> datetime | None:
    """Return the moment after a day or a time, which is in UTC if it names no zone; None if the text is neither."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    is_day = moment.time() == time() and not re.search("[T ]", text)
    try:
        return moment + (timedelta(days=1) if is_day else _MILLISECOND)
    except OverflowError:
        return None


async def _one(statement: Select[tuple[UUID]], problem: str) -> UUID:
    for node_id in await _fetch(statement):
        return node_id
    raise VersionNotFoundError(problem)


async def _fetch(statement: Select[tuple[UUID]]) -> list[UUID]:
    async def work(connection: AsyncConnection) -> list[UUID]:
        return [id_of(row[0]) for row in await fetch_rows(connection, statement, {})]

    return await read_anywhere(work)


def _versions(key: SeriesKey) -> Select[tuple[UUID]]:
    return select(node_table.c.node_id).where(
        node_table.c.node_type == "model",
        node_table.c.model_name == key.model_name,
        node_table.c.label == key.label,
        node_table.c.search_key >= b"",  # a model in another one has none
    )


def _words(key: SeriesKey) -> str:
    return f"The series {quoted(key.label)} of {quoted(key.model_name)}"


# Prefixes -----------------------------------------------------------------------------------------------------------


async def shortest_prefixes(node_ids: Collection[UUID], *, least: int = 8) -> dict[UUID, str]:
    """Return for each run or artifact the shortest beginning of its id that no other run or artifact shares.

    A beginning has at least `least` digits. Each takes some index lookups, in one statement for up to 1,000 ids. An id
    that does not exist is left out.

    While others save, an artifact may get an id between those of an artifact and its parts. A beginning may then be too
    short, and `find_node` lists the candidates.
    """
    found: dict[UUID, str] = {}

    async def work(connection: AsyncConnection) -> dict[UUID, str]:
        for ids in in_batches(list(node_ids)):
            statement = select(node_table.c.node_id, *_neighbors).where(node_table.c.node_id.in_(ids))
            for node_id, *neighbors in await connection.execute(statement):
                shared = max((_shared(node_id, other) for other in neighbors if other is not None), default=0)
                found[node_id] = _beginning(node_id, max(least, shared + 1))
        return found

    return await read_anywhere(work)


def _nearest(which: ColumnElement[Any], where: ColumnElement[bool], order: ColumnElement[Any]) -> ColumnElement[Any]:
    return select(which).where(where).order_by(order).limit(1).correlate(node_table).scalar_subquery()


_end_of_tree = (
    select(_last.c.node_id)
    .where(_last.c.tree_root_id == node_table.c.node_id, _last.c.position == node_table.c.span - 1)
    .correlate(node_table)
    .scalar_subquery()
)
"""The last part of an artifact. The parts have the ids after that of the artifact, and share more digits with it."""
_neighbors = (
    _nearest(
        func.coalesce(_other.c.tree_root_id, _other.c.node_id),
        _other.c.node_id < node_table.c.node_id,
        _other.c.node_id.desc(),
    ),
    _nearest(
        _other.c.node_id, _other.c.node_id > func.coalesce(_end_of_tree, node_table.c.node_id), _other.c.node_id.asc()
    ),
)


def _shared(one: UUID, other: UUID) -> int:
    """Return how many hexadecimal digits two ids have in common at the start."""
    return _DIGITS - ((one.int ^ other.int).bit_length() + 3) // 4


def _beginning(node_id: UUID, digits: int) -> str:
    """Return an id's text up to a number of digits, with the hyphens between them."""
    text = str(node_id)
    hyphens = sum(1 for place in (8, 12, 16, 20) if digits > place)
    return text[: digits + hyphens]
