"""The table that a query makes of its results: one row for each, as an Arrow table."""

from artigraph.table._columns import ObjectCell, TableColumn, Values
from artigraph.table._table import Table

__all__ = ["ObjectCell", "Table", "TableColumn", "Values"]
