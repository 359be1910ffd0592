"""The models that are measured, with their numbers of nodes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from artigraph import ArtifactModel, ArtifactSequence

__all__ = ["RECORD_NODES", "Empty", "Group", "Measure", "Record", "group", "group_of_nodes", "record"]

RECORD_NODES = 7
"""A record is a node, and so is each of its fields."""


@dataclass
class Record(ArtifactModel, name="BenchmarkRecord"):
    """A model of 6 fields: 7 rows."""

    name: str
    description: str
    count: int
    score: float
    accepted: bool
    made_at: datetime


@dataclass
class Group(ArtifactModel, name="BenchmarkGroup"):
    """A model that holds any number of records, in a sequence: two rows of its own."""

    records: ArtifactSequence[Record] = field(default_factory=ArtifactSequence[Record])


@dataclass
class Measure(ArtifactModel, name="BenchmarkMeasure"):
    """A model of one value: two rows."""

    value: float


@dataclass
class Empty(ArtifactModel, name="BenchmarkEmpty"):
    """A model of one row."""


def record(number: int) -> Record:
    """Return a record whose texts take some 40 bytes each."""
    return Record(
        name=f"record {number:08} of a benchmark, forty bytes",
        description=f"what is said of {number:08}, in forty bytes",
        count=number,
        score=number / 7,
        accepted=number % 2 == 0,
        made_at=datetime(2024, 1, 2, 3, 4, 5, number % 1_000_000, tzinfo=UTC),
    )


def group(count: int) -> Group:
    """Return a model with this many nested models."""
    return Group(ArtifactSequence([record(number) for number in range(count)]))


def group_of_nodes(nodes: int) -> Group | Empty:
    """Return a model of about this many nodes, and never more."""
    return Empty() if nodes == 1 else group(max(1, (nodes - 2) // RECORD_NODES))
