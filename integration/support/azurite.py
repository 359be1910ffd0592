"""A real Azure Blob Storage server: Azurite from npm, on this machine only."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from integration.support.s3 import free_ports, wait_for

VERSION = "3.35.0"
_MAIN = Path("node_modules/azurite/dist/src/blob/main.js")
_PUBLIC_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The key that every emulator of Azure has."""


@dataclass(frozen=True)
class Azure:
    """The address of a server, and our account."""

    url: str
    account_name: str = "devstoreaccount1"
    account_key: str = field(default=_PUBLIC_KEY, repr=False)


@pytest.fixture(scope="session")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    reason = _missing()
    if reason is None:
        with azurite(_installed(), tmp_path_factory.mktemp("azurite")) as found:
            yield found
    elif os.environ.get("ARTIGRAPH_TEST_REQUIRE_SERVERS"):
        pytest.fail(reason)
    else:
        pytest.skip(reason)


def _missing() -> str | None:
    """Return why Azurite cannot run here, or None."""
    if shutil.which("node") is None:
        return "No Azure server: install Node.js, which runs Azurite"
    if _main().exists():
        return None
    npm = shutil.which("npm")
    if npm is None:
        return f"No Azure server: install npm, or Azurite {VERSION} into {_folder()}"
    _folder().parent.mkdir(parents=True, exist_ok=True)
    # Made elsewhere and renamed, so that an installation that was broken off is never taken for a whole one.
    with tempfile.TemporaryDirectory(dir=_folder().parent, ignore_cleanup_errors=True) as new:
        command = [npm, "install", "--no-fund", "--no-audit", "--ignore-scripts", "--prefix", new]
        done = subprocess.run(
            [*command, f"azurite@{VERSION}"], check=False, capture_output=True, text=True, timeout=600
        )
        if done.returncode or not Path(new, _MAIN).exists():
            return f"No Azure server: npm cannot install Azurite {VERSION}: {done.stderr[-500:]}"
        with suppress(OSError):  # another process was faster
            Path(new).rename(_folder())
    return None


def _folder() -> Path:
    """Return the folder of the installation. It is kept, because an installation takes 15 seconds."""
    cache = os.environ.get("ARTIGRAPH_TEST_CACHE") or os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "artigraph-tests" / f"azurite-{VERSION}"


def _main() -> Path:
    return _folder() / _MAIN


def _installed() -> list[str]:
    node = shutil.which("node")
    assert node is not None
    return [node, str(_main())]


@contextmanager
def azurite(program: list[str], folder: Path) -> Generator[Azure]:
    """Run a server on a free port, without telemetry."""
    [port] = free_ports(1)
    log = folder / "log"
    command = [*program, "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder / "data")]
    command += ["--disableTelemetry", "--silent", "--skipApiVersionCheck"]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}", process, log)
            yield Azure(f"http://127.0.0.1:{port}/devstoreaccount1")
        finally:
            process.kill()
