"""The sync twin of `artigraph.deletion`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import artigraph.deletion as async_deletion
from artigraph.background import wait_for
from artigraph.deletion import DeletionReport

__all__ = ["delete", "prune"]


def delete(ids: UUID | Iterable[UUID], *, dry_run: bool = False, cascade: bool = False) -> DeletionReport:
    """Delete saved artifacts, and runs with all below them, in one transaction, or in the caller's if there is one.

        report = delete(run.node_id, dry_run=True)
        print(report.render())

    An artifact goes as a whole: the id of a nested model is refused. An artifact that a run has used is refused too,
    unless that run goes as well; with `cascade` it does, with all below it. So is one that an alias points to; with
    `cascade` the alias goes. An id that is not there (any more) is no
    error, and is reported. Objects in storages go after the commit, as far as nothing else refers to them; see
    `DeletionReport.left_objects`. The number of statements does not grow with what goes.

    Args:
        ids: of artifacts and runs.
        dry_run: report what would go, and delete nothing.
        cascade: delete, too, the runs that have used what goes, and the aliases that point to it.

    Raises:
        NestedNodeError: an id is that of a part of an artifact; the message names the artifact.
        ArtifactInUseError: a run that stays has used an artifact, or an alias points to one, and `cascade` is false.
        RetryableError: others kept saving under what was to go, for all attempts; in a session, at the first.
        DatabaseError: the database failed; nothing was deleted.
    """
    return wait_for(async_deletion.delete(ids, dry_run=dry_run, cascade=cascade))


def prune(
    *,
    older_than: timedelta | datetime | None = None,
    keep_newest: Mapping[str, int] | None = None,
    failed_runs: bool = False,
    keep_used: bool = False,
    dry_run: bool = False,
    cascade: bool = False,
) -> DeletionReport:
    """Delete what a rule of retention names, as `delete` does, in the transaction in which it is found.

        prune(older_than=timedelta(days=90), keep_used=True)  # what is older, not the history of what stays
        prune(keep_newest={"checkpoint": 3})  # all but the newest three of this label
        prune(failed_runs=True, older_than=timedelta(days=7))

    By itself `older_than` is about everything: artifacts, and runs that ended before then. With one of the others it
    narrows what that names. A run goes with all below it; it stays if something below it is still running or, by the
    age, too young. What an alias points to stays, and so does a run that it is below; it counts among the newest.
    Artifacts of one label and different model names are counted apart.

    Args:
        older_than: an age by the database's clock, or a point in time (aware). An artifact's time is that of its save,
            by the clock of the machine that saved it; that of a run is its end; of a lost run, the end of its lease.
        keep_newest: how many artifacts of a label stay, by label, the newest first, whichever runs they belong to.
        failed_runs: runs that ended with an exception; those that were lost, as their process died, are no such runs.
        keep_used: what runs that stay have used stays too, with the runs that it belongs to and what these have used:
            the history of what is kept is kept. Without it, and without `cascade`, such a use is an error.
        dry_run: report what would go, and delete nothing.
        cascade: delete, too, the runs that have used what goes. An artifact that an alias points to is an error also
            where it would go with such a run.

    Raises:
        ConfigurationError: there is no rule, or it cannot be meant so.
        InvalidLabel: a label is not valid.
        ArtifactInUseError, RetryableError, DatabaseError: see `delete`.
    """
    return wait_for(
        async_deletion.prune(
            older_than=older_than,
            keep_newest=keep_newest,
            failed_runs=failed_runs,
            keep_used=keep_used,
            dry_run=dry_run,
            cascade=cascade,
        )
    )
