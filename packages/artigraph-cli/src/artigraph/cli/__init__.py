"""The command line of Artigraph: `artigraph`, or `python -m artigraph`."""

from artigraph.cli._main import main
from artigraph.cli._schemas import json_schema

__all__ = ["json_schema", "main"]
