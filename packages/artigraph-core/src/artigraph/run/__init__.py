"""Runs, to which artifacts belong, and the run that is active."""

from artigraph.graph.run_rows import RunStatus
from artigraph.run._active import run_manager
from artigraph.run._manager import RunManager
from artigraph.run._state import NO_PARENT, Run, run_of_row

__all__ = ["NO_PARENT", "Run", "RunManager", "RunStatus", "run_manager", "run_of_row"]
