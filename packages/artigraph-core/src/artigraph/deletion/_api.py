"""Deleting saved artifacts and runs, by id or by a retention rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.deletion._execute import DeletedNode, Deletion, delete_nodes
from artigraph.deletion._retention import Retention, retire
from artigraph.errors import ConfigurationError
from artigraph.identifiers import NodeId, check_label, check_one_or_more
from artigraph.printable import count_text, printable
from artigraph.progress import ProgressCallback, ProgressReporter

_OLDEST = timedelta(days=365_000)
"""The greatest age in a rule. Beyond it there is no point in time."""
_LINES = 20
"""How many artifacts and runs a rendered report names."""


@dataclass(frozen=True)
class DeletionReport:
    """What a deletion deleted or, on a dry run, would delete."""

    dry_run: bool
    nodes: tuple[DeletedNode, ...]
    """The selected artifacts and runs, each with the reason and the amounts that are deleted with it."""
    not_found: tuple[UUID, ...]
    """Given ids that do not exist, or no longer do."""
    links: int
    """Deleted edges of lineage."""
    aliases: int
    """Deleted aliases. They pointed to deleted artifacts."""
    objects: int
    """Deleted objects in storages. Nothing else refers to them."""
    object_bytes: int
    shared_objects: int
    """Kept objects, which other artifacts refer to."""
    left_objects: int
    """Objects of the deletion that still exist; `gc` removes them later.

    Either their storage could not remove them now, or the caller's transaction is not committed yet.
    `artigraph.maintenance.gc` removes them.
    """

    @property
    def runs(self) -> int:
        """Deleted runs."""
        return sum(node.runs for node in self.nodes)

    @property
    def artifacts(self) -> int:
        """Deleted artifacts."""
        return sum(node.artifacts for node in self.nodes)

    @property
    def rows(self) -> int:
        """Deleted rows of nodes."""
        return sum(node.rows for node in self.nodes)

    @property
    def value_bytes(self) -> int:
        """Bytes of values in these rows."""
        return sum(node.value_bytes for node in self.nodes)

    def render(self) -> str:
        """Return the report as text."""
        return "\n".join(self._lines())

    __str__ = render

    def _repr_html_(self) -> str:
        from artigraph.deletion._html import report_view
        from artigraph.html import attempt, render

        return render(attempt(lambda: report_view(self)))

    def _lines(self) -> Iterator[str]:
        yield "Would delete:" if self.dry_run else "Deleted:"
        for node in self.nodes[:_LINES]:
            yield f"  {_of(node)}: {_contents(node)} ({node.reason})"
        if len(self.nodes) > _LINES:
            yield f"  and {len(self.nodes) - _LINES:,} more"
        if not self.nodes:
            yield "  nothing"
        yield (
            f"In all: {count_text(self.runs, 'run')}, {count_text(self.artifacts, 'artifact')}, "
            f"{count_text(self.rows, 'row')} with {count_text(self.value_bytes, 'byte')} of values, "
            f"{count_text(self.links, 'link')}; {count_text(self.objects, 'object')} of "
            f"{count_text(self.object_bytes, 'byte')} in storages."
        )
        if self.aliases:
            yield f"{'An alias' if self.aliases == 1 else f'{self.aliases:,} aliases'} of what goes will go with it."
        if self.shared_objects:
            yield f"{count_text(self.shared_objects, 'object')} will stay, as others refer to them."
        if self.left_objects:
            yield f"{count_text(self.left_objects, 'object')} could not be removed yet; artigraph.maintenance.gc will."
        if self.not_found:
            some = ", ".join(str(node_id) for node_id in self.not_found[:_LINES])
            yield f"Not there: {some}" + (", ..." if len(self.not_found) > _LINES else "")


async def delete(
    ids: NodeId | Iterable[NodeId],
    *,
    dry_run: bool = False,
    cascade: bool = False,
    progress: ProgressCallback | None = None,
) -> DeletionReport:
    """Delete saved artifacts, and runs with everything below them, in one transaction (the caller's if there is one).

        report = await delete(run.node_id, dry_run=True)
        print(report.render())

    An artifact is deleted with all its parts; the id of a nested model is refused. An id that does not exist, or no
    longer does, is reported and is no error. The number of statements does not depend on how much is deleted.

    An artifact that a run has used is refused, unless that run is deleted too. With `cascade` that run is deleted with
    everything below it. An artifact that an alias points to is refused too; with `cascade` the alias is deleted.

    After the commit, objects in storages that nothing else refers to are deleted; see `DeletionReport.left_objects`.

    Args:
        ids: one or several ids of artifacts and runs. A run, or a model that was saved or loaded, counts as its id.
        dry_run: report what would be deleted, and delete nothing.
        cascade: also delete the runs that have used a deleted artifact, and the aliases that point to one.
        progress: receives how far the deletion is. An exception that it raises before the commit undoes everything.
            After the commit, it leaves the remaining objects to `artigraph.maintenance.gc`.

    Raises:
        InvalidNodeIdError: an argument identifies no node.
        NestedNodeError: an id is that of a part of an artifact; the message names the artifact.
        ArtifactInUseError: a remaining run has used an artifact, or an alias points to one, and `cascade` is false.
        RetryableError: at every attempt, others saved below what is deleted. In a session there is one attempt.
        DatabaseError: the database failed; nothing was deleted.
    """
    reasons = dict.fromkeys(check_one_or_more(ids, "delete"), "named")

    async def choose(_: AsyncConnection) -> Mapping[UUID, str]:
        return reasons

    deletion = await delete_nodes(
        choose, ProgressReporter(progress), dry_run=dry_run, cascade=cascade, keep_aliased=not cascade
    )
    return _report(deletion, dry_run=dry_run)


async def prune(
    *,
    older_than: timedelta | datetime | None = None,
    keep_newest: Mapping[str, int] | None = None,
    failed_runs: bool = False,
    keep_used: bool = False,
    keep_cached: bool = False,
    dry_run: bool = False,
    cascade: bool = False,
    progress: ProgressCallback | None = None,
) -> DeletionReport:
    """Delete the artifacts and runs that a retention rule selects, in the transaction that selects them; see `delete`.

        await prune(older_than=timedelta(days=90), keep_used=True)  # old artifacts, but no history of kept ones
        await prune(keep_newest={"checkpoint": 3})  # all but the newest three of this label
        await prune(failed_runs=True, older_than=timedelta(days=7))

    Alone, `older_than` selects all artifacts that are older, and all runs that ended before then. With another rule, it
    narrows what that rule selects.

    A run is deleted with everything below it. It is kept if something below it is still running or, by the age, too
    young. An artifact that an alias points to is kept, and so are the runs above it; it counts among the newest.
    Artifacts of one label and different model names are counted separately.

    Args:
        older_than: an age by the database's clock, or a point in time (aware). An artifact's time is that of its save,
            by the clock of the machine that saved it. A run's time is its end; a lost run's time is the end of its
            lease.
        keep_newest: how many artifacts to keep, by label, newest first, across all runs.
        failed_runs: select runs that ended with an exception. A lost run, whose process died, does not count as failed.
        keep_used: also keep what remaining runs have used, the runs that it belongs to, and what these have used: the
            history of what is kept. Without it, and without `cascade`, such a use is an error.
        keep_cached: also keep the runs that can still serve calls of cached functions, with their artifacts and the
            runs above them. They may have used what the rule selects: add `keep_used`.
        dry_run: report what would be deleted, and delete nothing.
        cascade: also delete the runs that have used a deleted artifact. It remains an error if an alias points to an
            artifact of such a run.
        progress: as for `delete`.

    Raises:
        ConfigurationError: no rule was given, or its values are invalid or contradictory.
        InvalidLabelError: a label is not valid.
        ArtifactInUseError, RetryableError, DatabaseError: see `delete`.
    """
    rule = _rule(older_than, keep_newest, failed_runs=failed_runs, keep_used=keep_used, keep_cached=keep_cached)
    if keep_used and cascade:
        msg = "keep_used leaves what was used, and cascade deletes who used it; prune can do one of them"
        raise ConfigurationError(msg)
    if keep_cached and cascade:
        msg = "keep_cached leaves runs, and cascade deletes them if they used what goes; prune can do one of them"
        raise ConfigurationError(msg)
    report = ProgressReporter(progress)
    deletion = await delete_nodes(partial(retire, rule), report, dry_run=dry_run, cascade=cascade, keep_aliased=True)
    return _report(deletion, dry_run=dry_run)


def _rule(
    older_than: object, keep_newest: object, *, failed_runs: bool, keep_used: bool, keep_cached: bool
) -> Retention:
    if older_than is None and keep_newest is None and not failed_runs:
        msg = "prune needs a rule: older_than, keep_newest or failed_runs"
        raise ConfigurationError(msg)
    if keep_newest is not None and failed_runs:
        msg = "keep_newest is about artifacts and failed_runs about runs; call prune once for each"
        raise ConfigurationError(msg)
    if isinstance(older_than, datetime):
        if older_than.tzinfo is None:
            msg = f"older_than={older_than!r} says no time zone; use datetime.now(UTC), say"
            raise ConfigurationError(msg)
        older_than = older_than.astimezone(UTC)
    elif older_than is not None and (
        not isinstance(older_than, timedelta) or not timedelta(0) <= older_than <= _OLDEST
    ):
        msg = f"older_than is a datetime or an age, timedelta(days=90) say, not {older_than!r:.100}"
        raise ConfigurationError(msg)
    kept: dict[str, int] | None = None
    if keep_newest is not None:
        if not isinstance(keep_newest, Mapping):
            msg = f"keep_newest says how many stay of which label, {{'checkpoint': 3}} say, not {keep_newest!r:.100}"
            raise ConfigurationError(msg)
        kept = {}
        for label, count in cast("Mapping[str, object]", keep_newest).items():
            if not isinstance(count, int) or isinstance(count, bool) or count < 0:
                msg = f"keep_newest[{label!r}] is a number of artifacts that stay, not {count!r:.100}"
                raise ConfigurationError(msg)
            kept[check_label(label)] = count
    return Retention(older_than, kept, failed_runs, keep_used, keep_cached)


def _report(deletion: Deletion, *, dry_run: bool) -> DeletionReport:
    return DeletionReport(
        dry_run=dry_run,
        nodes=tuple(deletion.nodes),
        not_found=tuple(deletion.missing),
        links=deletion.links,
        aliases=deletion.aliases,
        objects=len(deletion.objects),
        object_bytes=sum(item.size for item in deletion.objects),
        shared_objects=deletion.shared,
        left_objects=len(deletion.left),
    )


def _of(node: DeletedNode) -> str:
    if node.is_run:
        return f"run {node.node_id}"
    return f"artifact {node.label!r} ({printable(str(node.model_name))}) {node.node_id}"


def _contents(node: DeletedNode) -> str:
    below = f"{count_text(node.runs, 'run')}, {count_text(node.artifacts, 'artifact')}, " if node.is_run else ""
    return f"{below}{count_text(node.rows, 'row')}"
