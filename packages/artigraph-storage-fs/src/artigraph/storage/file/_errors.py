"""Translation of the operating system's errors into Artigraph's."""

from __future__ import annotations

import errno
import os
from collections.abc import Generator
from contextlib import contextmanager

from artigraph.errors import ArtigraphError, ObjectNotFoundError, StorageError, StorageFullError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_REMEDIES = {
    errno.EACCES: "Give this user access to the folder, or choose another directory.",
    errno.EPERM: "Give this user access to the folder, or choose another directory.",
    errno.EROFS: "The file system is mounted read-only: mount it for writing, or choose another directory.",
    errno.EMFILE: "Too many files are open: raise the limit (ulimit -n), or save less at once.",
    errno.ENFILE: "Too many files are open: raise the system's limit, or save less at once.",
    errno.ENAMETOOLONG: "Choose a directory with a shorter path.",
    errno.ENOTDIR: "A file is where a folder has to be: move it away, or choose another directory.",
    errno.EXDEV: "The directory spans several file systems: choose one that does not.",
    errno.EIO: "The device failed: check it, and the system's log.",
}


@contextmanager
def reported(storage: object, action: str, path: str) -> Generator[None, None, None]:
    """Raise errors of the operating system as errors of the storage, with the path and a remedy."""
    try:
        yield
    except ArtigraphError:
        raise  # first, because StorageError is an OSError as well
    except FileNotFoundError as error:
        msg = f"{storage!r} has no object at {path}"
        raise ObjectNotFoundError(msg) from error
    except OSError as error:
        what = f"{storage!r} cannot {action} {path}: {error.strerror or error}."
        if error.errno in _FULL:
            msg = f"{what} Nothing of it was kept. Make space, or raise the quota, and try again."
            raise StorageFullError(msg) from error
        remedy = _REMEDIES.get(error.errno or 0, "")
        if os.name == "nt" and error.errno == errno.EACCES:
            remedy = f"{remedy} Another program may have the file open."
        msg = f"{what} {remedy}".rstrip()
        raise StorageError(msg) from error
