"""The versions of one thing: what was saved under one label as one model class, again and again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar, cast
from uuid import UUID

from artigraph.difference import ModelDiff, diff
from artigraph.errors import QueryError, VersionNotFoundError
from artigraph.graph.aliases import drop_alias, point_alias, read_aliases
from artigraph.graph.series import SeriesKey, count_versions, read_version_ids, read_versions
from artigraph.ids import first_id, moment_of
from artigraph.labels import check_label
from artigraph.model import ArtifactModel
from artigraph.model.definition import define, is_model, traits_of
from artigraph.model.load import load_models
from artigraph.orm import ALIAS_LENGTH
from artigraph.query.narrow import check_moment, load_there

__all__ = ["Series", "Version", "series"]

M = TypeVar("M", bound=ArtifactModel)

_BATCH = 200
"""Versions that are loaded at once while they are iterated over."""
_FIRST = UUID(int=0)
_MILLISECOND = 1 << 80
"""The distance between the first ids of two milliseconds."""
_MOST = 2**62
"""More versions than a database counts."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a thing, without its values; `Model.load(version.node_id)` loads these."""

    node_id: UUID
    number: int
    """Its place in the series when it was asked for, the oldest being 0; where older ones are deleted it is less."""
    saved_at: datetime
    """When it was saved: in UTC, to the millisecond, by the clock of the machine that saved it."""
    run_id: UUID | None
    """The run that it was saved in."""
    aliases: tuple[str, ...]
    """The aliases that point to it, in order of their names."""


Which = int | str | UUID | Version
"""A version by its number, by an alias, by its id, or itself."""


def series(model_type: type[M], label: str) -> Series[M]:
    """Return the series of what was saved under a label as a model class, in whichever runs.

        checkpoints = series(Checkpoint, "checkpoint")
        newest = await checkpoints.latest()
        await checkpoints.set_alias("production", -1)

    Those of classes derived from it are not among them: their series are others.

    Raises:
        QueryError: it is no model class that has artifacts of its own, as `ArtifactModel` has none.
        InvalidLabel: the label is not valid.
        ModelDefinitionError: the class cannot be stored as it is written.
    """
    return Series(model_type, label)


@dataclass(frozen=True, slots=True)
class Series(Generic[M]):
    """The artifacts of one label and model class, in the order of their saves, and the aliases of some of them.

    That order is the one of their ids, and so of the clocks of the machines that saved them. What is deleted while it
    is asked for is left out.
    """

    model_type: type[M]
    label: str

    def __post_init__(self) -> None:
        cls = cast("object", self.model_type)
        if not isinstance(cls, type) or not is_model(cls):
            msg = f"A series is of a model class and of no class derived from it, not of {cls!r:.100}"
            raise QueryError(msg)
        check_label(self.label)
        define(cls)

    # Versions -----------------------------------------------------------------------------------------------------

    async def latest(self) -> M:
        """Load the newest version.

        Raises:
            VersionNotFoundError: there is none. (`select(Model).labeled(label).first()` is None then.)
        """
        return await self.nth(-1)

    async def nth(self, number: int) -> M:
        """Load the version of a number: 0 is the oldest one, -1 the newest.

        Raises:
            VersionNotFoundError: there are not so many.
        """
        return await self._load(lambda: self._nth_id(number))

    async def at(self, moment: datetime) -> M:
        """Load the version that was the newest at a moment, which is an aware datetime.

        Raises:
            VersionNotFoundError: there was none yet.
        """
        end = UUID(int=first_id(check_moment(moment)).int + _MILLISECOND)

        async def find() -> UUID:
            for node_id in await read_version_ids(self._key, before=end, newest_first=True, limit=1):
                return node_id
            msg = f"{self._words} had no version at {moment.isoformat()}"
            raise VersionNotFoundError(msg)

        return await self._load(find)

    async def between(self, since: datetime | None = None, before: datetime | None = None) -> list[M]:
        """Load the versions that were saved from a moment on and before another one, both aware datetimes."""
        first = _FIRST if since is None else first_id(check_moment(since))
        last = None if before is None else first_id(check_moment(before))
        return [model async for model in self._in_batches(first, last)]

    async def all(self) -> list[M]:
        """Load all versions, the oldest first."""
        return [model async for model in self]

    async def __aiter__(self) -> AsyncIterator[M]:
        """Load one version after the other, the oldest first, in batches."""
        async for model in self._in_batches(_FIRST, None):
            yield model

    async def count(self) -> int:
        """Return how many versions there are."""
        return await count_versions(self._key)

    async def ids(self) -> list[UUID]:
        """Return the ids of all versions, the oldest first."""
        return await read_version_ids(self._key)

    async def versions(self) -> list[Version]:
        """Return what is known of all versions without loading them, the oldest first."""
        found: list[Version] = []
        for row in await read_versions(self._key):
            aliases: tuple[str, ...] = () if row.alias is None else (row.alias,)
            if found and found[-1].node_id == row.node_id:
                aliases = found.pop().aliases + aliases
            found.append(Version(row.node_id, len(found), moment_of(row.node_id), row.run_id, aliases))
        return found

    async def diff(self, before: Which = -2, after: Which = -1) -> ModelDiff:
        """Load two versions and say what changed from the one to the other; see `artigraph.diff`.

        Raises:
            VersionNotFoundError: there is no such version or alias.
            NodeNotFoundError: there is no node of an id.
        """
        return diff(await self._which(before), await self._which(after))

    # Aliases ------------------------------------------------------------------------------------------------------

    async def set_alias(self, name: str, version: Which) -> None:
        """Make an alias point to a version, wherever it pointed before, in one step.

        Where several do so at once, all succeed and the last one holds. While it is pointed to, the version is not
        deleted.

        Raises:
            InvalidLabel: the name is no text of at most 100 code points without NUL and surrogates.
            VersionNotFoundError: it is no version of this series.
        """
        checked = _check_alias(name)
        tried: UUID | None = None
        while True:
            node_id = await self._id_of(version)
            try:
                await point_alias(self._key, checked, node_id)
            except VersionNotFoundError:
                if node_id == tried:
                    raise
                tried = node_id  # deleted in between: a number or an alias stands for another one now
            else:
                return

    async def alias(self, name: str) -> M:
        """Load the version that an alias points to.

        Raises:
            VersionNotFoundError: there is no such alias.
        """
        return await self._load(lambda: self.alias_id(name))

    async def alias_id(self, name: str) -> UUID:
        """Return the id of the version that an alias points to.

        Raises:
            VersionNotFoundError: there is no such alias.
        """
        aliases = await self.aliases()
        if name in aliases:
            return aliases[name]
        known = ", ".join(map(repr, aliases)) or "none"
        msg = f"{self._words} has no alias {name!r:.100}; it has {known:.500}"
        raise VersionNotFoundError(msg)

    async def aliases(self) -> dict[str, UUID]:
        """Return the aliases, in order of their names, with the ids of the versions that they point to."""
        return await read_aliases(self._key)

    async def remove_alias(self, name: str) -> bool:
        """Remove an alias, not what it points to, and say whether it was there."""
        return await drop_alias(self._key, _check_alias(name))

    # Finding them -------------------------------------------------------------------------------------------------

    @property
    def _key(self) -> SeriesKey:
        return SeriesKey(traits_of(self.model_type).name, self.label)

    @property
    def _words(self) -> str:
        return f"The series {self.label!r} of {self.model_type.__qualname__}"

    async def _nth_id(self, number: object) -> UUID:
        if not isinstance(number, int) or isinstance(number, bool):
            msg = f"A version has a number, 0 the oldest one and -1 the newest, not {number!r:.100}"
            raise QueryError(msg)
        offset = number if number >= 0 else -number - 1
        if offset < _MOST:
            for node_id in await read_version_ids(self._key, newest_first=number < 0, limit=1, offset=offset):
                return node_id
        msg = f"{self._words} has no version {number}; it has {await self.count()}"
        raise VersionNotFoundError(msg)

    async def _id_of(self, version: Which) -> UUID:
        if isinstance(version, Version):
            return version.node_id
        if isinstance(version, UUID):
            return version
        return await (self.alias_id(version) if isinstance(version, str) else self._nth_id(version))

    async def _which(self, version: Which) -> M:
        if isinstance(version, (UUID, Version)):
            return (await load_models(self.model_type, [await self._id_of(version)]))[0]
        return await self._load(lambda: self._id_of(version))

    async def _load(self, find: Callable[[], Awaitable[UUID]]) -> M:
        """Load what is found; what is deleted in between is looked for anew."""
        while True:
            for _, model in await load_there(self.model_type, [await find()]):
                return model

    async def _in_batches(self, since: UUID, before: UUID | None) -> AsyncIterator[M]:
        while ids := await read_version_ids(self._key, since=since, before=before, limit=_BATCH):
            for _, model in await load_there(self.model_type, ids):
                yield model
            since = UUID(int=ids[-1].int + 1)


def _check_alias(name: object) -> str:
    return check_label(name, "An alias", most=ALIAS_LENGTH)
