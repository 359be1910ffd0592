"""Queries that the database answers: which artifacts have these values, which runs ended with this status."""

from artigraph.query._artifacts import ArtifactQuery, ArtifactSelect, StoredSelect
from artigraph.query._base import Select
from artigraph.query._conditions import Condition
from artigraph.query._nodes import NodeSelect
from artigraph.query._properties import NodeColumns, Property, PropertySelect, RunColumns, RunValueColumn, RunValues
from artigraph.query._runs import RunSelect
from artigraph.query._tables import ArtifactTables, RunTables
from artigraph.query.columns import Column, Columns, StoredColumns, columns
from artigraph.query.select import select

__all__: list[str] = ["ArtifactQuery", "ArtifactSelect", "ArtifactTables", "Column", "Columns", "Condition"]
__all__ += ["NodeColumns", "NodeSelect", "Property", "PropertySelect", "RunColumns", "RunSelect", "RunTables"]
__all__ += ["RunValueColumn", "RunValues", "Select", "StoredColumns", "StoredSelect"]
__all__ += ["columns", "select"]
