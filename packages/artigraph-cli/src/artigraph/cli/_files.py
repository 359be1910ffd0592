"""Files that commands write: whole, or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import click

from artigraph.cli._command import RefusedError

target_option = click.option(
    "-o", "--output", "target", required=True, type=click.Path(path_type=Path), help="The file to write."
)
force_option = click.option("--force", is_flag=True, help="Replace the file if it exists.")


@contextmanager
def new_file(target: Path, *, force: bool) -> Generator[Path]:
    """Yield a file beside the target to write to. It becomes the target when the block ends without an error.

    Raises:
        RefusedError: the target exists, and `force` is not set.
        FileError: the file cannot be written.
    """
    if not force and target.exists():
        msg = f"{str(target)!r} exists. Nothing was written. Name another file, or add --force"
        raise RefusedError(msg)
    beside: Path | None = None
    try:
        number, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:50]}.")
        os.close(number)
        beside = Path(name)
        yield beside
        umask = os.umask(0)
        os.umask(umask)
        beside.chmod(0o666 & ~umask)
        beside.replace(target)
    except OSError as error:
        from artigraph.errors import ArtigraphError

        if isinstance(error, ArtigraphError):  # that of a storage
            raise
        raise click.FileError(str(target), error.strerror) from error
    finally:
        if beside is not None:
            beside.unlink(missing_ok=True)
