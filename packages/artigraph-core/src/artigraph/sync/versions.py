"""The sync twin of `artigraph.versions`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Generic, TypeVar, cast
from uuid import UUID

import artigraph.versions as async_versions
from artigraph.difference import ModelDiff
from artigraph.model.any_model import AnyModel
from artigraph.portal import iterate, wait_for
from artigraph.sync._twin import Twin, twin
from artigraph.versions import Version
from artigraph.versions.series import Which

__all__ = ["Series", "Version", "series"]

M = TypeVar("M", bound=AnyModel)


class Series(Twin, Generic[M], of=async_versions.Series):
    """The artifacts of one label and model class in the order of their saves, and the aliases of some of them.

    The order is that of their ids, which follows the clocks of the machines that saved them. A version that is deleted
    while you read the series is left out.
    """

    __slots__ = ()

    _async: async_versions.Series[M]

    @property
    def model_type(self) -> type[M]:
        """The model_type of the async Series."""
        return self._async.model_type

    @property
    def label(self) -> str:
        """The label of the async Series."""
        return self._async.label

    def latest(self) -> M:
        """Load the newest version.

        Raises:
            VersionNotFoundError: the series has no version. (`select(Model).labeled(label).first()` returns None then.)
        """
        return wait_for(self._async.latest())

    def nth(self, number: int) -> M:
        """Load a version by its number: 0 is the oldest, -1 the newest.

        Raises:
            QueryError: the number is not a whole number.
            VersionNotFoundError: the series has no version of that number.
        """
        return wait_for(self._async.nth(number))

    def at(self, moment: datetime) -> M:
        """Load the version that was the newest at a moment, which is an aware datetime.

        Raises:
            QueryError: the moment is not an aware datetime.
            VersionNotFoundError: the series had no version yet.
        """
        return wait_for(self._async.at(moment))

    def between(self, since: datetime | None = None, before: datetime | None = None) -> list[M]:
        """Load the versions saved from `since` on (included) and before `before` (excluded), both aware datetimes.

        Raises:
            QueryError: a bound is not an aware datetime.
        """
        return wait_for(self._async.between(since, before))

    def all(self) -> list[M]:
        """Load all versions, the oldest first."""
        return wait_for(self._async.all())

    def __iter__(self) -> Iterator[M]:
        """Yield all versions, the oldest first, loaded batch by batch."""
        return iterate(self._async)

    def count(self) -> int:
        """Return the number of versions."""
        return wait_for(self._async.count())

    def ids(self) -> list[UUID]:
        """Return the ids of all versions, the oldest first."""
        return wait_for(self._async.ids())

    def versions(self) -> list[Version]:
        """Return a description of each version, the oldest first. No values are loaded."""
        return wait_for(self._async.versions())

    def diff(self, before: Which = -2, after: Which = -1) -> ModelDiff:
        """Load two versions and return what changed from the first to the second; see `artigraph.diff`.

        Raises:
            VersionNotFoundError: no version or alias matches.
            NodeNotFoundError: no node has the given id.
        """
        return wait_for(self._async.diff(before, after))

    def set_alias(self, name: str, version: Which) -> None:
        """Make an alias point to a version, in one step. It no longer points to any other version.

        If several callers do so at once, all succeed and the last one wins. A version cannot be deleted while an alias
        points to it.

        Raises:
            InvalidLabelError: the name is not a text of at most 100 code points without NUL and surrogates.
            InvalidNodeIdError: `version` does not denote a version.
            VersionNotFoundError: `version` is not a version of this series.
        """
        wait_for(self._async.set_alias(name, version))

    def alias(self, name: str) -> M:
        """Load the version that an alias points to.

        Raises:
            VersionNotFoundError: the series has no such alias, or it points to a node that does not exist.
        """
        return wait_for(self._async.alias(name))

    def alias_id(self, name: str) -> UUID:
        """Return the id of the version that an alias points to.

        Raises:
            VersionNotFoundError: the series has no such alias.
        """
        return wait_for(self._async.alias_id(name))

    def aliases(self) -> dict[str, UUID]:
        """Return the aliases, ordered by name, with the ids of the versions that they point to."""
        return wait_for(self._async.aliases())

    def remove_alias(self, name: str) -> bool:
        """Remove an alias and keep the version; return whether the alias existed."""
        return wait_for(self._async.remove_alias(name))


def series(model_type: type[M], label: str) -> Series[M]:
    """Return the series of a model class and a label: all artifacts saved so, in any run.

        checkpoints = series(Checkpoint, "checkpoint")
        newest = checkpoints.latest()
        checkpoints.set_alias("production", -1)

    Artifacts of derived classes are not in the series. Each class has a series of its own.

    Raises:
        QueryError: `model_type` is not a model class that can have artifacts; `ArtifactModel` itself cannot.
        InvalidLabelError: the label is not valid.
        ModelDefinitionError: the class cannot be stored as it is defined.
    """
    return cast("Series[M]", twin(async_versions.series(model_type, label)))
