"""Series: the artifacts of one model class that were saved under one label, as versions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar
from uuid import UUID

from artigraph.db import on_primary
from artigraph.difference import ModelDiff, diff
from artigraph.errors import InvalidNodeIdError, QueryError, VersionNotFoundError
from artigraph.identifiers import NodeId, check_id, check_label, check_moment, check_order, first_id, moment_of
from artigraph.model.any_model import AnyModel
from artigraph.model.definition import define, is_model, traits_of
from artigraph.model.load import load_each, load_existing, load_models
from artigraph.orm import ALIAS_LENGTH
from artigraph.versions._sql import SeriesKey, count_versions, read_version_ids, read_versions
from artigraph.versions.aliases import drop_alias, point_alias, read_aliases

if TYPE_CHECKING:
    from artigraph.html import Part

M = TypeVar("M", bound=AnyModel)

_LAST_ID = UUID(int=2**128 - 1)
_BATCH = 200
"""The number of versions that are loaded together during iteration."""
_FIRST = UUID(int=0)
_MILLISECOND = 1 << 80
"""The distance between the first ids of two milliseconds."""
_ATTEMPTS = 15
"""How often a version is looked up again if it was deleted before it could be loaded."""
_MOST = 2**62
"""More versions than a database can hold."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a series, without its values. `Model.load(version.node_id)` loads these."""

    node_id: UUID
    number: int
    """Its index in the series when it was read, 0 for the oldest. The index falls when older versions are deleted."""
    saved_at: datetime
    """When it was saved, in UTC, to the millisecond, by the clock of the machine that saved it."""
    run_id: UUID | None
    """The run in which it was saved; None if it was saved in no run."""
    aliases: tuple[str, ...]
    """The aliases that point to it, ordered by name."""

    def __artigraph_node_id__(self) -> UUID:
        return self.node_id

    def _repr_html_(self) -> str:
        from artigraph.versions._html import version_html

        return version_html(self)

    def _artigraph_cells(self) -> Mapping[str, Part]:
        from artigraph.versions._html import version_cells

        return version_cells(self)


Which = int | NodeId
"""A version, given by its number, an alias, its id, a `Version` or a loaded model."""


def series(model_type: type[M], label: str) -> Series[M]:
    """Return the series of a model class and a label: all artifacts saved so, in any run.

        checkpoints = series(Checkpoint, "checkpoint")
        newest = await checkpoints.latest()
        await checkpoints.set_alias("production", -1)

    Artifacts of derived classes are not in the series. Each class has a series of its own.

    Raises:
        QueryError: `model_type` is not a model class that can have artifacts; `ArtifactModel` itself cannot.
        InvalidLabelError: the label is not valid.
        ModelDefinitionError: the class cannot be stored as it is defined.
    """
    return Series(model_type, label)


@dataclass(frozen=True, slots=True)
class Series(Generic[M]):
    """The artifacts of one label and model class in the order of their saves, and the aliases of some of them.

    The order is that of their ids, which follows the clocks of the machines that saved them. A version that is deleted
    while you read the series is left out.
    """

    model_type: type[M]
    label: str

    def __post_init__(self) -> None:
        cls = self.model_type
        if not isinstance(cls, type) or not is_model(cls):
            msg = f"A series is of a model class and of no class derived from it, not of {cls!r:.100}"
            if isinstance(label := self.label, type):
                msg += f". The arguments are swapped: write series({label.__qualname__}, {cls!r:.100})"
            raise QueryError(msg)
        check_label(self.label)
        define(cls)

    def _repr_html_(self) -> str:
        from artigraph.versions._html import series_html

        return series_html(self)

    # Versions -----------------------------------------------------------------------------------------------------

    async def latest(self) -> M:
        """Load the newest version.

        Raises:
            VersionNotFoundError: the series has no version. (`select(Model).labeled(label).first()` returns None then.)
        """
        return await self.nth(-1)

    async def nth(self, number: int) -> M:
        """Load a version by its number: 0 is the oldest, -1 the newest.

        Raises:
            QueryError: the number is not a whole number.
            VersionNotFoundError: the series has no version of that number.
        """
        return await self._load(lambda: self._nth_id(number))

    async def at(self, moment: datetime) -> M:
        """Load the version that was the newest at a moment, which is an aware datetime.

        Raises:
            QueryError: the moment is not an aware datetime.
            VersionNotFoundError: the series had no version yet.
        """
        end = UUID(int=first_id(check_moment(moment)).int + _MILLISECOND)

        async def find() -> UUID:
            for node_id in await read_version_ids(self._key, before=end, newest_first=True, limit=1):
                return node_id
            msg = f"{self._words} had no version at {moment.isoformat()}"
            raise VersionNotFoundError(msg)

        return await self._load(find)

    async def between(self, since: datetime | None = None, before: datetime | None = None) -> list[M]:
        """Load the versions saved from `since` on (included) and before `before` (excluded), both aware datetimes.

        Raises:
            QueryError: a bound is not an aware datetime.
        """
        first = _FIRST if since is None else first_id(check_moment(since))
        last = None if before is None else first_id(check_moment(before))
        return [model async for model in self._in_batches(first, last)]

    async def all(self) -> list[M]:
        """Load all versions, the oldest first."""
        return [model async for model in self]

    async def __aiter__(self) -> AsyncIterator[M]:
        """Yield all versions, the oldest first, loaded batch by batch."""
        async for model in self._in_batches(_FIRST, None):
            yield model

    async def count(self) -> int:
        """Return the number of versions."""
        return await count_versions(self._key)

    async def ids(self) -> list[UUID]:
        """Return the ids of all versions, the oldest first."""
        return await read_version_ids(self._key)

    async def versions(self) -> list[Version]:
        """Return a description of each version, the oldest first. No values are loaded."""
        found: list[Version] = []
        for row in await read_versions(self._key):
            aliases: tuple[str, ...] = () if row.alias is None else (row.alias,)
            if found and found[-1].node_id == row.node_id:
                aliases = found.pop().aliases + aliases
            found.append(Version(row.node_id, len(found), moment_of(row.node_id), row.run_id, aliases))
        return found

    async def diff(self, before: Which = -2, after: Which = -1) -> ModelDiff:
        """Load two versions and return what changed from the first to the second; see `artigraph.diff`.

        Raises:
            VersionNotFoundError: no version or alias matches.
            NodeNotFoundError: no node has the given id.
        """
        return diff(await self._which(before), await self._which(after))

    # Aliases ------------------------------------------------------------------------------------------------------

    async def set_alias(self, name: str, version: Which) -> None:
        """Make an alias point to a version, in one step. It no longer points to any other version.

        If several callers do so at once, all succeed and the last one wins. A version cannot be deleted while an alias
        points to it.

        Raises:
            InvalidLabelError: the name is not a text of at most 100 code points without NUL and surrogates.
            InvalidNodeIdError: `version` does not denote a version.
            VersionNotFoundError: `version` is not a version of this series.
        """
        check_order("set_alias", name, version)
        checked = _check_alias(name)
        tried: UUID | None = None
        for attempt in range(1, _ATTEMPTS + 1):
            with on_primary():  # a replica may not have the newest version yet
                node_id = await self._id_of(version)
            try:
                await point_alias(self._key, checked, node_id)
            except VersionNotFoundError:
                if node_id == tried or attempt == _ATTEMPTS:
                    raise
                tried = node_id  # it was deleted meanwhile: a number or an alias means another one now
            else:
                return

    async def alias(self, name: str) -> M:
        """Load the version that an alias points to.

        Raises:
            VersionNotFoundError: the series has no such alias, or it points to a node that does not exist.
        """
        return await self._load(lambda: self.alias_id(name))

    async def alias_id(self, name: str) -> UUID:
        """Return the id of the version that an alias points to.

        Raises:
            VersionNotFoundError: the series has no such alias.
        """
        aliases = await self.aliases()
        if name in aliases:
            return aliases[name]
        known = ", ".join(map(repr, aliases)) or "none"
        msg = f"{self._words} has no alias {name!r:.100}; it has {known:.500}"
        raise VersionNotFoundError(msg)

    async def aliases(self) -> dict[str, UUID]:
        """Return the aliases, ordered by name, with the ids of the versions that they point to."""
        return await read_aliases(self._key)

    async def remove_alias(self, name: str) -> bool:
        """Remove an alias and keep the version; return whether the alias existed."""
        return await drop_alias(self._key, _check_alias(name))

    # Finding them -------------------------------------------------------------------------------------------------

    @property
    def _key(self) -> SeriesKey:
        traits = traits_of(self.model_type)
        return SeriesKey(traits.name, self.label, traits.aliases)

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
        if isinstance(version, int):
            return await self._nth_id(version)
        if not isinstance(version, str):
            return check_id(version)
        aliases = await self.aliases()
        try:
            return aliases[version] if version in aliases else check_id(version)
        except InvalidNodeIdError:  # so the text was meant as an alias
            return await self.alias_id(version)

    async def _which(self, version: Which) -> M:
        if not isinstance(version, (int, str)):
            return (await load_models(self.model_type, [await self._id_of(version)]))[0]
        return await self._load(lambda: self._id_of(version))

    async def _load(self, find: Callable[[], Awaitable[UUID]]) -> M:
        """Load the version that `find` returns; if it was deleted meanwhile, call `find` again.

        Raises:
            VersionNotFoundError: the version does not exist, or was deleted each time before it was loaded.
        """
        tried: UUID | None = None
        for _ in range(_ATTEMPTS):
            node_id = await find()
            for _, model in await load_existing(partial(load_each, self.model_type), [node_id]):
                return model
            if node_id == tried:
                msg = (
                    f"{self._words} refers to node {node_id}, which does not exist: rows were altered. fsck() lists "
                    "what is broken; set_alias or remove_alias mends an alias."
                )
                raise VersionNotFoundError(msg)
            tried = node_id
        msg = f"{self._words}: each version found was deleted before it was loaded, {tried} the last. Try again."
        raise VersionNotFoundError(msg)

    async def _in_batches(self, since: UUID, before: UUID | None) -> AsyncIterator[M]:
        while ids := await read_version_ids(self._key, since=since, before=before, limit=_BATCH):
            for _, model in await load_existing(partial(load_each, self.model_type), ids):
                yield model
            if ids[-1] == _LAST_ID:  # no later id exists
                return
            since = UUID(int=ids[-1].int + 1)


def _check_alias(name: object) -> str:
    return check_label(name, "An alias", most=ALIAS_LENGTH)
