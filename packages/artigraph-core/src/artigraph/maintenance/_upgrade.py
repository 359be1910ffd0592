"""Rewriting artifacts that older versions of model classes stored (docs/design/upgrade.md)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

import artigraph.errors as errors
from artigraph.db import in_session, on_primary, read
from artigraph.graph import without_recording
from artigraph.graph.rewrite import Part, TreeChangedError, read_parts, rewrite_tree
from artigraph.model import ArtifactModel, LoadFailure
from artigraph.model.any_model import AnyModel, is_class_of_models
from artigraph.model.definition import define, traits_of
from artigraph.model.failures import is_skipped, located
from artigraph.model.load import load_each
from artigraph.model.save import to_trees
from artigraph.model.stored_names import model_classes
from artigraph.model.traits import ModelTraits
from artigraph.orm import node_table
from artigraph.printable import bytes_text, count_text, printable
from artigraph.progress import ProgressCallback, ProgressReporter

_ATTEMPTS = 5
"""How often an artifact is read again if others write or delete it meanwhile."""
_FAILURES = 20
"""How many failures a rendered report shows."""


@dataclass(frozen=True)
class UpgradeReport:
    """What an upgrade rewrote or, on a dry run, would rewrite."""

    dry_run: bool
    model: str
    """The name of the class."""
    versions: dict[tuple[str, int], int]
    """The models to rewrite: how many by stored name and version, in the artifacts that succeeded."""
    artifacts: int
    """Rewritten artifacts."""
    rows: int
    """Rows of nodes that these artifacts had before."""
    value_bytes: int
    """Bytes of the values that these artifacts had before, in rows and in objects."""
    missing: int
    """Artifacts that others deleted or rewrote meanwhile."""
    failures: tuple[LoadFailure, ...]
    """Artifacts that could not be converted. They are unchanged."""

    def render(self) -> str:
        """Return the report as text."""
        return "\n".join(self._lines())

    __str__ = render

    def _lines(self) -> Iterator[str]:
        done = "Would rewrite" if self.dry_run else "Rewrote"
        amount = f"{count_text(self.rows, 'row')} with {bytes_text(self.value_bytes)} of values"
        yield f"{done} {count_text(self.artifacts, 'artifact')} with {self.model}: {amount}."
        for (name, version), count in sorted(self.versions.items()):
            yield f"  {printable(name)}, version {version}: {count_text(count, 'model')}"
        if self.missing:
            yield f"{count_text(self.missing, 'artifact')} changed meanwhile, and needed nothing more."
        if self.failures:
            yield f"{count_text(len(self.failures), 'artifact')} could not be converted and did not change:"
        for failure in self.failures[:_FAILURES]:
            text = str(failure.error).partition("\n")[0]
            yield f"  {failure.node_id} {printable(repr(failure.label))}: {printable(text)}"
        if len(self.failures) > _FAILURES:
            yield f"  and {len(self.failures) - _FAILURES:,} more"


async def upgrade(
    model_type: type[AnyModel], *, dry_run: bool = True, progress: ProgressCallback | None = None
) -> UpgradeReport:
    """Rewrite the artifacts that contain models of an older version of a class; by default only report them.

        report = await upgrade(Report)  # reads and converts each artifact, and changes nothing
        print(report.render())
        await upgrade(Report, dry_run=False)

    An artifact counts if it is a model of the class, or of a class derived from it, or has one nested in it. Models
    that are stored under an alias of the class count, too. The whole artifact is loaded, converted and stored by the
    classes of today. It keeps its id, label, run, uses and aliases. Nested models keep their ids if their paths stay.

    Each artifact is one transaction. If the call ends early, the next one rewrites the rest. Saves, loads,
    deletions and other upgrades may run at the same time. Objects that are no longer needed are left to `gc`.

    Programs with older classes cannot load the result. Bring them up to date first.

    Args:
        model_type: the class. `ArtifactModel` stands for every class that is imported, also by `artifact_class`.
        dry_run: convert each artifact, and write nothing.
        progress: receives how far the upgrade is. An exception that it raises ends the upgrade between two artifacts.

    Raises:
        ArgumentError: `model_type` is not a model class.
        ModelDefinitionError: the class cannot be stored as it is defined, or a step of its migrations is missing.
        SessionStateError: a session is open here. Each artifact is a transaction of its own.
        StorageError, DatabaseError: a storage or the database failed. What was rewritten before stays rewritten.
    """
    if not is_class_of_models(model_type):
        msg = f"upgrade takes a model class, upgrade(Report) say, not {model_type!r:.100}"
        raise errors.ArgumentError(msg)
    if in_session():
        msg = "upgrade writes each artifact in a transaction of its own: call it outside of session_context()"
        raise errors.SessionStateError(msg)
    classes = model_classes(model_type)
    for cls in classes:
        define(cls)
    found = [traits_of(cls) for cls in classes]
    work = _Upgrade(model_type.__qualname__, found, ProgressReporter(progress), dry_run=dry_run)
    with without_recording(), on_primary():
        return await work.run()


class _Upgrade:
    def __init__(self, model: str, classes: list[ModelTraits], report: ProgressReporter, *, dry_run: bool) -> None:
        self._model = model
        self._classes = classes
        self._current = {traits.name: traits.version for traits in classes}
        self._former = {alias for traits in classes for alias in traits.aliases}
        self._report = report
        self._dry_run = dry_run
        self._versions: dict[tuple[str, int], int] = {}
        self._artifacts = self._rows = self._bytes = self._missing = 0
        self._failures: list[LoadFailure] = []

    async def run(self) -> UpgradeReport:
        roots = await self._find()
        for done, root_id in enumerate(roots):
            self._report.paced("upgrade", done, len(roots), "artifacts")
            await self._upgrade(root_id)
        self._report.paced("upgrade", len(roots), len(roots), "artifacts")
        return UpgradeReport(
            dry_run=self._dry_run,
            model=self._model,
            versions=self._versions,
            artifacts=self._artifacts,
            rows=self._rows,
            value_bytes=self._bytes,
            missing=self._missing,
            failures=tuple(self._failures),
        )

    async def _find(self) -> list[UUID]:
        """Return the ids of the artifacts with a model to rewrite, in the order of their saves."""
        if not self._classes:
            return []
        of_class: list[ColumnElement[bool]] = [
            and_(node_table.c.model_name == name, node_table.c.model_version < version)
            for name, version in self._current.items()
        ]
        if self._former:
            of_class.append(node_table.c.model_name.in_(sorted(self._former)))
        root_id = node_table.c.tree_root_id
        found = select(root_id).where(node_table.c.node_type == "model", or_(*of_class)).distinct().order_by(root_id)

        async def work(connection: AsyncConnection) -> list[UUID]:
            return [row[0] for row in await connection.execute(found) if row[0] is not None]

        return await read(work)

    async def _upgrade(self, root_id: UUID) -> None:
        for _ in range(_ATTEMPTS):
            parts = await read_parts(root_id)
            older = [part for part in parts if self._is_older(part)]
            if not older or parts[0].node_id != root_id:
                self._missing += 1
                return
            try:
                await self._convert(parts)
            except TreeChangedError:
                continue
            except errors.ArtigraphError as error:
                error = located(error, root_id, parts[0].label)
                if not is_skipped(error) and not isinstance(error, errors.SerializationError):
                    raise
                self._failures.append(LoadFailure(root_id, parts[0].label, error))
                return
            self._artifacts += 1
            self._rows += len(parts)
            self._bytes += sum(part.size for part in parts)
            for part in older:
                key = (str(part.model_name), part.model_version or 0)
                self._versions[key] = self._versions.get(key, 0) + 1
            return
        msg = f"Artifact {root_id} was changed during each attempt to rewrite it. Try again."
        raise errors.RetryableError(msg)

    async def _convert(self, parts: list[Part]) -> None:
        root = parts[0]
        try:
            ((_, model),) = await load_each(ArtifactModel, [root.node_id])
        except errors.NodeNotFoundError as error:  # deleted, or rewritten, while it was read
            if await read_parts(root.node_id) == parts:
                raise
            raise TreeChangedError from error
        (tree,) = await to_trees([(root.label, model)], root.parent_id)
        if not self._dry_run:
            await rewrite_tree(tree, parts, ProgressReporter())

    def _is_older(self, part: Part) -> bool:
        if part.node_type != "model":
            return False
        name: Any = part.model_name
        return name in self._former or (part.model_version or 0) < self._current.get(name, 0)
