"""What is stored, as documents to show: pages of runs and artifacts, one of them in full, and what relates them.

Command lines and dashboards use these functions. Each returns a frozen dataclass, whose `to_dict` gives the same as
JSON. Nothing here runs code of users, so it is safe to call on the data of somebody else.
"""

from typing import TYPE_CHECKING

from artigraph.lazy_import import deferred

if TYPE_CHECKING:
    from artigraph.view._artifact import ArtifactDocument, FieldItem, artifact_document
    from artigraph.view._artifacts import ArtifactItem, ArtifactsPage, artifacts_page
    from artigraph.view._compare import CompareDocument, CompareRow, DiffItem, DiffPage, compare_runs, diff_document
    from artigraph.view._document import Document, Page, Record
    from artigraph.view._lineage import LineageDocument, LineageEdge, LineageNode, lineage_document
    from artigraph.view._run import RunDocument, run_document
    from artigraph.view._runs import RunItem, RunsPage, runs_page
    from artigraph.view._schemas import json_schema
    from artigraph.view._search import SearchDocument, SearchHit, search
    from artigraph.view._series import SeriesDocument, SeriesPoint, SeriesPointsDocument, series_document, series_points
    from artigraph.view._stale import StaleDocument, StaleInput, stale_document
    from artigraph.view._totals import (
        ClassVersionItem,
        LastFsck,
        ModelItem,
        ModelsPage,
        SizeItem,
        StorageDocument,
        StorageItem,
        models_page,
        storage_document,
    )
else:
    # All names are lazy: the command line imports this package to read its configuration, and what completes words.
    __getattr__, __dir__ = deferred(
        __name__,
        {
            "_artifact": "ArtifactDocument FieldItem artifact_document",
            "_artifacts": "ArtifactItem ArtifactsPage artifacts_page",
            "_compare": "CompareDocument CompareRow DiffItem DiffPage compare_runs diff_document",
            "_document": "Document Page Record",
            "_lineage": "LineageDocument LineageEdge LineageNode lineage_document",
            "_run": "RunDocument run_document",
            "_runs": "RunItem RunsPage runs_page",
            "_schemas": "json_schema",
            "_search": "SearchDocument SearchHit search",
            "_series": "SeriesDocument SeriesPoint SeriesPointsDocument series_document series_points",
            "_stale": "StaleDocument StaleInput stale_document",
            "_totals": (
                "ClassVersionItem LastFsck ModelItem ModelsPage SizeItem StorageDocument StorageItem "
                "models_page storage_document"
            ),
        },
    )

__all__: list[str] = ["ArtifactDocument", "ArtifactItem", "ArtifactsPage", "ClassVersionItem", "CompareDocument"]
__all__ += ["CompareRow", "DiffItem", "DiffPage", "Document", "FieldItem", "LastFsck", "LineageDocument", "LineageEdge"]
__all__ += ["LineageNode", "ModelItem", "ModelsPage", "Page", "Record", "RunDocument", "RunItem", "RunsPage"]
__all__ += ["SearchDocument", "SearchHit", "SeriesDocument", "SeriesPoint", "SeriesPointsDocument", "SizeItem"]
__all__ += ["StaleDocument", "StaleInput", "StorageDocument", "StorageItem", "artifact_document", "artifacts_page"]
__all__ += ["compare_runs", "diff_document", "json_schema", "lineage_document", "models_page", "run_document"]
__all__ += ["runs_page", "search", "series_document", "series_points", "stale_document", "storage_document"]
