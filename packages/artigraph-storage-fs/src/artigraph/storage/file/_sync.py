"""Writing through to the device, as each system has it."""

from __future__ import annotations

import errno
import os
import sys

__all__ = ["sync_file", "sync_folder"]

_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP}


def sync_file(descriptor: int) -> None:
    """Return when what was written to an open file is on the device.

    A failure is final: the kernel may have dropped the pages, so a second try would succeed without them.
    """
    if sys.platform == "darwin":
        import fcntl

        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        except OSError as error:
            if error.errno not in (errno.ENOTSUP, errno.EINVAL, errno.ENOTTY):
                raise  # fsync of macOS stops at the device's cache; other file systems than its own have nothing better
        else:
            return
    os.fsync(descriptor)


def sync_folder(descriptor: int | None) -> None:
    """Return when the entries of an open folder are on the device; without a descriptor (Windows), do nothing.

    Windows writes renames through its journal and has no such call; some network file systems refuse it and have
    nothing in its place.
    """
    if descriptor is None:
        return
    try:
        sync_file(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
