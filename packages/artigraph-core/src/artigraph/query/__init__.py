"""Questions to what is stored, answered by the database: which artifacts have such values."""

from artigraph.query.columns import Column, Columns, columns
from artigraph.query.conditions import Condition
from artigraph.query.select import Select, select

__all__ = ["Column", "Columns", "Condition", "Select", "columns", "select"]
