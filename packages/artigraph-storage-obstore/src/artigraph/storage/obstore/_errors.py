"""Translation of obstore's errors into Artigraph's."""

from __future__ import annotations

import re
from collections.abc import Sequence

import artigraph.errors as errors
from artigraph.storage.obstore._place import Place
from obstore import exceptions as obs

TAKEN = (obs.AlreadyExistsError, obs.PreconditionError)
"""The key was not free."""

_STATUS = re.compile(r"status code: (\d{3})")
_QUERY = re.compile(r"(https?://[^\s?]*)\?\S*")
_USER = re.compile(r"(\w://)[^\s/?#\"']*@")
"""A user and a password before a host: of an endpoint from the environment, or of a proxy."""
_NO_BUCKET = re.compile(
    r"NoSuchBucket|ContainerNotFound|ContainerBeingDeleted|specified (?:bucket|container) does not exist"
)
_FULL = re.compile(
    r"InsufficientCapacity|InsufficientStorage|NotEnoughSpace|QuotaExceeded|XMinioStorageFull|StorageFull"
)
_TRANSIENT = {408, 409, 425, 429}
_SERVER_ERROR, _NO_SPACE, _NOT_IMPLEMENTED, _OUT_OF_RANGE = 500, 507, 501, 416
_LONGEST = 400


class DamagedTransferError(Exception):
    """The received bytes are not all that were sent, or an object vanished meanwhile. Only the retry loop sees this."""


def is_missing(error: BaseException) -> bool:
    """Say whether an error reports that an object does not exist."""
    return isinstance(error, FileNotFoundError) and not _NO_BUCKET.search(str(error))


def is_beyond_the_end(error: BaseException) -> bool:
    """Say whether an error may report that a range begins after the end of its object."""
    return isinstance(error, obs.GenericError) and _status_of(error) in {0, _OUT_OF_RANGE}


def is_unsupported(error: BaseException) -> bool:
    """Say whether the service does not know a request."""
    return isinstance(error, obs.NotSupportedError) or _status_of(error) == _NOT_IMPLEMENTED


def no_bucket(error: BaseException) -> bool:
    """Say whether the bucket does not exist."""
    return bool(_NO_BUCKET.search(str(error))) or isinstance(error, FileNotFoundError) or _status_of(error) == 404  # noqa: PLR2004


def worth_another_try(error: BaseException) -> bool:
    """Say whether the same call can succeed on a retry."""
    if isinstance(error, DamagedTransferError):
        return True
    if not isinstance(error, (obs.GenericError, obs.JoinError)) or _NO_BUCKET.search(str(error)):
        return False
    status = _status_of(error)
    return (
        status == 0 or status in _TRANSIENT or (status >= _SERVER_ERROR and status not in {_NO_SPACE, _NOT_IMPLEMENTED})
    )


def translated(
    error: BaseException, storage: object, action: str, where: str, place: Place, secrets: Sequence[str]
) -> errors.StorageError:
    """Return Artigraph's error for an error of obstore, without any secret.

    The `__cause__` is a copy of the original error without secrets, since its text may hold a signed URL.
    """
    kind, why = _explained(error, place, secrets)
    made = kind(f"{storage!r} cannot {action} {where}: {why}")
    made.__cause__ = bare(error, secrets)
    return made


def bare(error: BaseException, secrets: Sequence[str]) -> BaseException:
    """Return a copy of an error whose text holds no secret."""
    said = _said(error, secrets)
    if isinstance(error, (obs.BaseError, OSError, DamagedTransferError)):
        return type(error)(said)
    return RuntimeError(f"{type(error).__name__}: {said}")


def _explained(error: BaseException, place: Place, secrets: Sequence[str]) -> tuple[type[errors.StorageError], str]:
    said, status = _said(error, secrets), _status_of(error)
    if _NO_BUCKET.search(str(error)):
        return errors.StorageError, (
            f"there is no bucket or container {place.bucket!r}. Make it, or correct the name, the endpoint or the "
            "account."
        )
    if isinstance(error, FileNotFoundError):
        return errors.ObjectNotFoundError, "there is no such object."
    if isinstance(error, (obs.PermissionDeniedError, obs.UnauthenticatedError)):
        return errors.StorageError, (
            f"{said}. Log in again, or allow this account to read, write, delete and list objects of the bucket."
        )
    if _FULL.search(str(error)) or status == _NO_SPACE:
        return errors.StorageFullError, f"{said}. Nothing was kept. Make space, or raise the quota, and try again."
    if worth_another_try(error):
        return (
            errors.StorageUnavailableError,
            f"{said}. It was tried several times; check the endpoint and the network, and try again.",
        )
    return errors.StorageError, f"{said}."


def _said(error: BaseException, secrets: Sequence[str]) -> str:
    text = str(error).partition("\n\nDebug source")[0]
    return without_secrets(" ".join(text.split()), secrets)[:_LONGEST].rstrip(". ")


def without_secrets(text: str, secrets: Sequence[str]) -> str:
    """Return a text without secrets, without users before hosts, and without the queries of URLs."""
    for secret in secrets:
        text = text.replace(secret, "...")
    return _QUERY.sub(r"\1?...", _USER.sub(r"\1...@", text))


def _status_of(error: BaseException) -> int:
    """Return the HTTP status that an error reports, or 0. obstore tells it only in its text."""
    found = _STATUS.search(str(error))
    return int(found[1]) if found else 0
