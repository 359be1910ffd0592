"""Questions to what is stored, answered by the database: which artifacts have such values, which runs ended so."""

from artigraph.query.columns import Column, Columns, columns
from artigraph.query.conditions import Condition
from artigraph.query.runs import RunColumns, RunProperty, RunValueColumn, RunValues
from artigraph.query.select import ArtifactSelect, RunSelect, Select, select

__all__ = [
    "ArtifactSelect",
    "Column",
    "Columns",
    "Condition",
    "RunColumns",
    "RunProperty",
    "RunSelect",
    "RunValueColumn",
    "RunValues",
    "Select",
    "columns",
    "select",
]
