"""Deleting artifacts and runs, and pruning old versions."""

from artigraph.deletion._api import DeletionReport, delete, prune

__all__ = ["DeletionReport", "delete", "prune"]
