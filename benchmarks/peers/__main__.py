"""`python -m benchmarks.peers`: compare Artigraph with other libraries that store results."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.environments import PEERS
from benchmarks.peers.found import Failure, Found
from benchmarks.peers.measure import measure
from benchmarks.peers.report import about, as_markdown
from integration.support.databases import server_url

DATABASES = ("sqlite", "postgresql")
RESULTS = Path(__file__).with_name("results")
COUNTS = {"one by one": 100, "nested": 1000, "in bulk": 500}
"""The records of each way."""
SIZES = {"newest": 100_000, "lineage": 1000, "cached": 20, "delete": 10_000}
"""The size of each job: runs in the database, artifacts of the graph, calls in a round, artifacts of the run."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 1 if a peer could not be measured."""
    parser = argparse.ArgumentParser(prog="benchmarks.peers", description=__doc__)
    parser.add_argument("--peer", nargs="+", choices=PEERS, default=PEERS, help="these alone")
    parser.add_argument("--database", nargs="+", choices=DATABASES, default=DATABASES, help="these alone")
    parser.add_argument("--way", nargs="+", choices=COUNTS | SIZES, default=[*COUNTS, *SIZES], help="these alone")
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is done, after a first time")
    parser.add_argument("--divisor", type=int, default=1, help="do so many times less, to try it out")
    parser.add_argument("--own-settings", action="store_true", help="leave the peers' SQLite as they set it up")
    parser.add_argument("--output", type=Path, default=RESULTS, help="the folder for what was found")
    given = parser.parse_args(arguments)
    settings = "own" if given.own_settings else "equal"
    counts = {way: max(1, count // given.divisor) for way, count in (COUNTS | SIZES).items() if way in given.way}
    found = Found()
    for database in given.database:
        if database != "sqlite" and server_url(database) is None:
            print(f"{database}: not measured, there is no server (integration/README.md says how to name one)")
            found.failures.append(Failure("all", database, "", "there is no server"))
            continue
        measure(database, given.peer, counts, given.rounds, settings, found)
    folder: Path = given.output
    folder.mkdir(parents=True, exist_ok=True)
    name = "peers" if settings == "equal" else "peers-own-settings"
    path = folder / f"{name}.json"
    measured = {(database, way) for database in given.database for way in counts}
    results = Found.read(path).updated(found, measured)
    results.write(path, about(results), settings)
    markdown = as_markdown(results, settings)
    (folder / f"{name}.md").write_text(markdown, "utf-8", newline="\n")
    print("\n" + markdown)
    return 1 if found.failures else 0


if __name__ == "__main__":
    sys.exit(main())
