"""The sync twin of `artigraph.deletion`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import artigraph.deletion as async_deletion
from artigraph.deletion import DeletionReport
from artigraph.identifiers import NodeId
from artigraph.portal import wait_for
from artigraph.progress import ProgressCallback

__all__ = ["DeletionReport", "delete", "prune"]


def delete(
    ids: NodeId | Iterable[NodeId],
    *,
    dry_run: bool = False,
    cascade: bool = False,
    progress: ProgressCallback | None = None,
) -> DeletionReport:
    """Delete saved artifacts, and runs with everything below them, in one transaction (the caller's if there is one).

        report = delete(run.node_id, dry_run=True)
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
    return wait_for(async_deletion.delete(ids, dry_run=dry_run, cascade=cascade, progress=progress))


def prune(
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

        prune(older_than=timedelta(days=90), keep_used=True)  # old artifacts, but no history of kept ones
        prune(keep_newest={"checkpoint": 3})  # all but the newest three of this label
        prune(failed_runs=True, older_than=timedelta(days=7))

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
    return wait_for(
        async_deletion.prune(
            older_than=older_than,
            keep_newest=keep_newest,
            failed_runs=failed_runs,
            keep_used=keep_used,
            keep_cached=keep_cached,
            dry_run=dry_run,
            cascade=cascade,
            progress=progress,
        )
    )
