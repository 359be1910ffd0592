"""The sync twin of `artigraph.view`."""

from __future__ import annotations

from collections.abc import Sequence

import artigraph.view as async_view
from artigraph.identifiers import NodeId
from artigraph.portal import wait_for
from artigraph.sync._twin import plain
from artigraph.sync.query import RunSelect, StoredSelect
from artigraph.view import (
    ArtifactDocument,
    ArtifactItem,
    ArtifactsPage,
    ClassVersionItem,
    CompareDocument,
    CompareRow,
    DiffItem,
    DiffPage,
    Document,
    FieldItem,
    LastFsck,
    LineageDocument,
    LineageEdge,
    LineageNode,
    ModelItem,
    ModelsPage,
    Page,
    Record,
    RunDocument,
    RunItem,
    RunsPage,
    SearchDocument,
    SearchHit,
    SeriesDocument,
    SeriesPoint,
    SeriesPointsDocument,
    SizeItem,
    StaleDocument,
    StaleInput,
    StorageDocument,
    StorageItem,
    json_schema,
)

__all__ = [
    "ArtifactDocument",
    "ArtifactItem",
    "ArtifactsPage",
    "ClassVersionItem",
    "CompareDocument",
    "CompareRow",
    "DiffItem",
    "DiffPage",
    "Document",
    "FieldItem",
    "LastFsck",
    "LineageDocument",
    "LineageEdge",
    "LineageNode",
    "ModelItem",
    "ModelsPage",
    "Page",
    "Record",
    "RunDocument",
    "RunItem",
    "RunsPage",
    "SearchDocument",
    "SearchHit",
    "SeriesDocument",
    "SeriesPoint",
    "SeriesPointsDocument",
    "SizeItem",
    "StaleDocument",
    "StaleInput",
    "StorageDocument",
    "StorageItem",
    "artifact_document",
    "artifacts_page",
    "compare_runs",
    "diff_document",
    "json_schema",
    "lineage_document",
    "models_page",
    "run_document",
    "runs_page",
    "search",
    "series_document",
    "series_points",
    "stale_document",
    "storage_document",
]


def artifact_document(artifact: NodeId, *, limit: int = 50, preview_bytes: int = 0) -> ArtifactDocument:
    """Return everything about an artifact.

        document = artifact_document(artifact_id, preview_bytes=2**20)
        for field in document.fields:
            print(".".join(field.path), field.value if field.kind == "plain" else field.preview)

    It takes a constant number of statements, and a few for each preview. A run does not record the artifact as used.

    Args:
        artifact: the artifact. The id of a part of one means the artifact that contains it.
        limit: the most runs that used it, up to 1,000.
        preview_bytes: the most bytes that are read of an object for its preview. Previews are made of the first 20
            objects, by their serializers if these are installed and able to, else by the format of the bytes. With 0,
            no storage is read.

    Raises:
        InvalidNodeIdError: `artifact` denotes no node.
        NodeNotFoundError: the artifact does not exist, or the node is a run.
        QueryError: the limit or the number of bytes is invalid.
        MalformedRowError: rows were altered by hand, or the database is damaged.
    """
    return wait_for(async_view.artifact_document(artifact, limit=limit, preview_bytes=preview_bytes))


def artifacts_page(
    query: StoredSelect | str | None = None,
    *,
    made_by: NodeId | None = None,
    used_by: NodeId | None = None,
    columns: Sequence[str | Sequence[str]] | None = None,
    limit: int = 50,
    after: str | None = None,
) -> ArtifactsPage:
    """Return a page of artifacts, the newest first.

        page = artifacts_page("Report", columns=["accuracy", "data.name"])
        following = artifacts_page("Report", columns=["accuracy", "data.name"], after=page.next)
        good = artifacts_page(select("Report").where(columns("Report").accuracy > 0.9))

    The number of statements depends on the columns only, not on how many artifacts there are.

    Args:
        query: the stored name of a model, or a query by one. None for artifacts of all models. The order, limit and
            offset of a query have no effect.
        made_by: only artifacts that this run produced, or was served by the cache. It excludes `query` and `used_by`.
        used_by: only artifacts that this run used. It excludes `query` and `made_by`.
        columns: the fields to show, by path: "data.name", or a list of labels where a label has a dot. None means all
            plain fields of at most 1,000 bytes. A field that is no plain value is shown by what it is.
        limit: the most artifacts of the page, up to 1,000.
        after: the `next` of the page before.

    Raises:
        InvalidCursorError: `after` is no cursor of artifacts.
        QueryError: a column or the limit is invalid, or arguments exclude each other.
        InvalidNodeIdError: `made_by` or `used_by` denotes no node.
    """
    return wait_for(
        async_view.artifacts_page(
            plain(query), made_by=made_by, used_by=used_by, columns=columns, limit=limit, after=after
        )
    )


def compare_runs(runs: Sequence[NodeId], *, only_differences: bool = False) -> CompareDocument:
    """Compare the parameters, tags, environments and results of 2 to 50 runs.

        document = compare_runs([before, after], only_differences=True)
        for row in document.rows:
            print(row.kind, row.name, row.values, row.deltas)

    Results are the plain fields of at most 1,000 bytes of the artifacts that each run made, or was served, by label.
    Fields of models inside, items of collections, and values of a dict by its keys are rows of their own. It takes a
    constant number of statements.

    Raises:
        QueryError: there are fewer than 2 runs, more than 50, or one of them twice.
        InvalidNodeIdError: `runs` is no collection of runs.
        NodeNotFoundError: a run does not exist.
    """
    return wait_for(async_view.compare_runs(runs, only_differences=only_differences))


def diff_document(before: NodeId, after: NodeId) -> DiffPage:
    """Return what changed from one artifact or run to another. The page has all of it, so its `next` is None.

        for item in (diff_document(older, newer)).items:
            print(item.kind, item.path, item.before, item.after)

    Values are compared without their classes: plain values by type and value, others by their stored bytes. Of runs it
    compares parameters, tags, environments and the artifacts in them, by name.

    Raises:
        InvalidNodeIdError: an argument denotes no node.
        NodeNotFoundError: a node does not exist.
        ArgumentError: only one of them is a run.
        WrongModelTypeError: a node is a part of a model and no model itself.
        StorageError, CorruptObjectError: bytes without a recorded hash cannot be read.
    """
    return wait_for(async_view.diff_document(before, after))


def lineage_document(node: NodeId, *, up: int = 1, down: int = 1, limit: int = 50) -> LineageDocument:
    """Return the lineage around a run or an artifact.

        document = lineage_document(artifact_id, up=2)
        for node in document.nodes:
            print(node.level, node.name, node.more_up, node.more_down)

    The number of statements depends on the number of levels only. `artigraph.ancestors` and `descendants` return whole
    lineages instead.

    Args:
        node: the run or artifact. The id of a part of an artifact means that artifact.
        up: how many edges to follow against the flow of data, up to 10: 1 leads from an artifact to the run that made
            it, 2 to what that run used.
        down: how many edges to follow along the flow of data, up to 10.
        limit: the most neighbors of each node in each direction, the newest ones. A level has at most ten times as
            many nodes, and at most 1,000.

    Raises:
        InvalidNodeIdError: `node` denotes no node.
        NodeNotFoundError: the node does not exist.
        QueryError: a number is invalid.
    """
    return wait_for(async_view.lineage_document(node, up=up, down=down, limit=limit))


def run_document(run: NodeId, *, limit: int = 50) -> RunDocument:
    """Return everything about a run.

        document = run_document(run_id)
        document.parameters["rate"], document.duration

    It takes a constant number of statements.

    Args:
        run: the run.
        limit: the most child runs, the most produced and the most used artifacts, each up to 1,000.

    Raises:
        InvalidNodeIdError: `run` denotes no node.
        NodeNotFoundError: the run does not exist, or the node is no run.
        QueryError: the limit is invalid.
    """
    return wait_for(async_view.run_document(run, limit=limit))


def runs_page(
    query: RunSelect | None = None,
    *,
    under: NodeId | None = None,
    top_only: bool = False,
    used: NodeId | None = None,
    columns: Sequence[str] = (),
    limit: int = 50,
    after: str | None = None,
) -> RunsPage:
    """Return a page of runs, the newest first.

        page = runs_page(columns=["parameters.rate", "tags.team"])
        following = runs_page(columns=["parameters.rate", "tags.team"], after=page.next)
        failed = runs_page(select(Run).where(columns(Run).status == "failed"))

    A page takes one statement, at any depth of the list, and one more for the columns. A page of a name takes two to
    five, and a page of other conditions two. Only conditions that the database cannot decide take more. Runs that are
    made meanwhile are before the first page. Runs that are deleted meanwhile are left out.

    Args:
        query: which runs. Its order, limit and offset have no effect.
        under: only runs that belong directly to this run.
        top_only: only runs that belong to no other run.
        used: only runs that used this artifact. It excludes `query`, `under` and `top_only`.
        columns: the tags, parameters and values of the environment to show: `tags.NAME`, `parameters.NAME`,
            `environment.NAME`. Also fields of artifacts that the runs made: `results.LABEL.FIELD`. These take a
            statement more, and one for each label of the longest path.
        limit: the most runs of the page, up to 1,000.
        after: the `next` of the page before.

    Raises:
        InvalidCursorError: `after` is no cursor of runs.
        QueryError: a column or the limit is invalid, or arguments exclude each other.
        InvalidNodeIdError: `under` or `used` denotes no node.
    """
    return wait_for(
        async_view.runs_page(
            plain(query), under=under, top_only=top_only, used=used, columns=columns, limit=limit, after=after
        )
    )


def search(text: str, *, limit: int = 20) -> SearchDocument:
    """Find ids, models, labels, names of runs, and tags that begin with a text. Case matters, except in ids.

        document = search("train")
        document = search("01a22766")         # at least 6 hexadecimal digits of an id
        document = search("team=vis")         # the name of a tag, and the beginning of its value

    Each search takes an index, and a constant number of statements. Where more than 10,000 begin with the text, the
    first ones by name are looked through. Of a text without "=", the values of the first 20 tags are searched.

    Args:
        text: the beginning of what you look for.
        limit: the most hits of each kind, up to 1,000.

    Raises:
        QueryError: the text is empty, or the limit is invalid.
        InvalidLabelError: the text is longer than 255 code points, or contains NUL or surrogates.
    """
    return wait_for(async_view.search(text, limit=limit))


def series_document(
    model: str,
    label: str,
    *,
    columns: Sequence[str | Sequence[str]] | None = None,
    limit: int = 50,
    after: str | None = None,
) -> SeriesDocument:
    """Return a page of the versions of a series, the newest first. A series without versions is empty.

        document = series_document("Report", "report", columns=["accuracy"])

    Args:
        model: the stored name of the class.
        label: the label under which the versions were saved.
        columns: the fields to show, as for `artifacts_page`.
        limit: the most versions of the page, up to 1,000.
        after: the `next` of the page before.

    Raises:
        InvalidCursorError: `after` is no cursor of versions.
        QueryError: a column or the limit is invalid.
        InvalidLabelError: the name or the label is not valid.
    """
    return wait_for(async_view.series_document(model, label, columns=columns, limit=limit, after=after))


def series_points(
    model: str, label: str, fields: Sequence[str | Sequence[str]] | None = None, *, most: int = 2000
) -> SeriesPointsDocument:
    """Return numbers of the versions of a series for a chart, the oldest first.

        document = series_points("Report", "report", ["accuracy", "metrics.f1"], most=500)
        for point in document.points:
            print(point.number, point.created_at, point.values.get("accuracy"))

    A longer series is sampled in the database, so Python reads at most `most` versions, and those with an alias. The
    number of statements depends on `most` and on the length of the paths. A timedelta is a number of seconds.

    Args:
        model: the stored name of the class.
        label: the label under which the versions were saved.
        fields: up to 10 fields by path, as the columns of `artifacts_page`. None for all numbers among the fields.
        most: the most versions, from 2 to 10,000, without those that have an alias.

    Raises:
        QueryError: a field or `most` is invalid.
        InvalidLabelError: the name or the label is not valid.
    """
    return wait_for(async_view.series_points(model, label, fields, most=most))


def stale_document(node: NodeId) -> StaleDocument:
    """Return which inputs of a run or an artifact, at any distance, have newer versions than those that were used.

        document = stale_document(report_id)
        for item in document.inputs:
            print(item.label, item.newer, item.newest_id, item.distance)

    The versions of a series are the artifacts of one model name and label. Earlier steps of a series are not compared:

    - inputs of a series in which the node was saved, or another product of its run;
    - a version from which a run of the lineage made a newer version of its series. That one is compared.

    An input is up to date if each run that used it was called again with the newest version, and the cache served that
    call: the two versions have equal content. What the newest version itself was made from is not compared.

    It takes the queries of `artigraph.ancestors`, one statement for each 1,000 inputs, and one for each 1,000 of these
    with newer versions.

    Raises:
        InvalidNodeIdError: `node` denotes no node.
        NodeNotFoundError: the node does not exist.
    """
    return wait_for(async_view.stale_document(node))


def models_page() -> ModelsPage:
    """Return all models by their stored names, with the versions of their classes and how many there are.

    It takes one statement, which reads the rows of all models. All names are on one page.
    """
    return wait_for(async_view.models_page())


def storage_document() -> StorageDocument:
    """Return how much the storages, the artifacts of each model, and those of each run take.

    It takes five statements, which read the rows of all values and objects. With millions of nodes that takes seconds.
    """
    return wait_for(async_view.storage_document())
