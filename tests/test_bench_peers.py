"""The driver of `just bench-peers`, with ours alone: the other libraries are not installed here."""

from pathlib import Path

import pytest

from benchmarks.peers import environments, process
from benchmarks.peers.environments import PeerError
from benchmarks.peers.measure import Found, measure
from benchmarks.peers.report import as_markdown

COUNTS = {"one by one": 2, "nested": 3, "in bulk": 2}


def test_peers_take_turns_and_one_that_cannot_be_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def command(name: str) -> list[str]:
        if name == "redun":
            msg = "it cannot be installed: no such version"
            raise PeerError(msg)
        if name == "mlflow":  # starts, and does not speak
            return [*environments.command("ours")[:1], "-c", "raise SystemExit('no module')"]
        # ours under the name of a peer: the same work on a database of its own
        return environments.command("ours")

    monkeypatch.setattr(process, "FOLDER", tmp_path)
    monkeypatch.setattr(process, "command", command)
    found = Found()

    measure("sqlite", ["artigraph_0_0_4", "mlflow", "redun"], COUNTS, 2, "equal", found)

    assert found.failures == {
        "mlflow on sqlite": "it failed: no module",
        "redun on sqlite": "it cannot be installed: no such version",
    }
    jobs = {f"{half} {way}" for half in ("save", "load") for way in COUNTS}
    assert {(one.job, one.library) for one in found.results} == {
        (job, library) for job in jobs for library in ("ours", "artigraph_0_0_4")
    }
    for one in found.results:
        assert one.rounds == 2
        assert one.per_second.low <= one.per_second.median <= one.per_second.high
        assert (one.ours_faster is None) == (one.library == "ours")
    targets = {one.job: one.target for one in found.results if one.target is not None}
    assert targets == {"save one by one": 8.0, "save nested": 20.0, "load one by one": 8.0}
    assert "- redun on sqlite: it cannot be installed: no such version\n" in as_markdown(found, "equal")
