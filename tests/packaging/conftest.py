"""The five distributions, built once, and environments to install them in."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.distributions import ROOT, Environment, run


@pytest.fixture(scope="session")
def dists(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sdists, and the wheels that were built from them."""
    folder = tmp_path_factory.mktemp("dists")
    run("uv", "build", "--quiet", "--all-packages", "--out-dir", folder, cwd=ROOT)
    return folder


@pytest.fixture(scope="session")
def wheels(dists: Path) -> dict[str, Path]:
    """The wheel of each distribution, by its name."""
    return {path.name.partition("-")[0].replace("_", "-"): path for path in sorted(dists.glob("*.whl"))}


@pytest.fixture
def environment(tmp_path: Path) -> Callable[..., Environment]:
    """Make an environment with the named requirements in it."""
    count = 0

    def make(*requirements: str, dists: Path) -> Environment:
        nonlocal count
        count += 1
        folder = tmp_path / str(count)
        folder.mkdir()
        made = Environment(folder)
        if requirements:
            made.install(*requirements, dists=dists)
        return made

    return make
