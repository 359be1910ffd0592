"""Questions to what is stored, answered by the database: which artifacts have such values, which runs ended so."""

from artigraph.query.columns import Column, Columns, columns
from artigraph.query.conditions import Condition
from artigraph.query.entry import select
from artigraph.query.node_columns import NodeColumns, NodeProperty
from artigraph.query.nodes import NodeSelect
from artigraph.query.runs import RunColumns, RunProperty, RunValueColumn, RunValues
from artigraph.query.select import ArtifactSelect, PropertySelect, RunSelect, Select
from artigraph.query.series import Series, Version, series

__all__ = [
    "ArtifactSelect",
    "Column",
    "Columns",
    "Condition",
    "NodeColumns",
    "NodeProperty",
    "NodeSelect",
    "PropertySelect",
    "RunColumns",
    "RunProperty",
    "RunSelect",
    "RunValueColumn",
    "RunValues",
    "Select",
    "Series",
    "Version",
    "columns",
    "select",
    "series",
]
