"""Giving a finished file its name, and only if nothing has that name."""

# ruff: noqa: PTH104, PTH118
# (pathlib has no calls relative to an open folder)

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager

from artigraph.storage.file._folder import Folder

__all__ = ["publish"]

_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_LOCK = "lock"


def publish(partial: Folder, temporary: str, folder: Folder, name: str) -> None:
    """Give a file in one folder a name in another, at once and without replacing anything.

    The temporary name may remain; the caller removes it.

    Raises:
        FileExistsError: something has that name.
        OSError: the system refused.
    """
    if sys.platform == "win32":
        os.rename(partial.at(temporary), folder.at(name))  # refuses to replace, unlike that of other systems
        return
    try:
        os.link(
            partial.at(temporary),
            folder.at(name),
            src_dir_fd=partial.descriptor,
            dst_dir_fd=folder.descriptor,
            follow_symlinks=False,
        )
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        _rename(partial, temporary, folder, name)


def _rename(partial: Folder, temporary: str, folder: Folder, name: str) -> None:
    """Do without hard links, as on FAT and some network file systems: look and rename, one process at a time."""
    with _locked(partial):
        try:
            folder.look(name)
        except FileNotFoundError:
            os.rename(
                partial.at(temporary), folder.at(name), src_dir_fd=partial.descriptor, dst_dir_fd=folder.descriptor
            )
            return
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.path.join(folder.path, name))


@contextmanager
def _locked(folder: Folder) -> Generator[None, None, None]:
    """Hold the folder's lock file; the system gives it back when the process dies."""
    import fcntl

    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(folder.at(_LOCK), flags, 0o600, dir_fd=folder.descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
