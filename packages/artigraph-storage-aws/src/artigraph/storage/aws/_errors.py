"""Translation of the errors of S3 and its client into Artigraph's."""

from __future__ import annotations

from typing import Any

import aiohttp
from botocore import exceptions as boto

import artigraph.errors as errors

BAD_REQUEST, FORBIDDEN, NOT_FOUND, CONFLICT, PRECONDITION_FAILED = 400, 403, 404, 409, 412
OUT_OF_RANGE, TOO_MANY, SERVER_ERROR, NOT_IMPLEMENTED, NO_SPACE = 416, 429, 500, 501, 507

AGAIN = {
    "BadDigest",  # bytes changed in transit
    "ConditionalRequestConflict",  # S3's answer to concurrent conditional puts
    "IncompleteBody",
    "OperationAborted",
    "RequestTimeout",
    "XAmzContentChecksumMismatch",
    "XAmzContentSHA256Mismatch",
}
"""Codes of transient errors, beyond those that botocore retries itself."""

_FULL = {"InsufficientCapacity", "InsufficientStorage", "NotEnoughSpace", "QuotaExceeded", "XMinioStorageFull"}
_CREDENTIALS = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidTokenError",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
}
_ELSEWHERE = {"AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect", "301", "307"}
_UNREACHABLE = (
    boto.ConnectionError,
    boto.HTTPClientError,
    boto.ResponseStreamingError,
    aiohttp.ClientError,
    ConnectionError,
    TimeoutError,
)
_NO_CREDENTIALS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.TokenRetrievalError,
    boto.SSOError,
    boto.ProfileNotFound,
)


class DamagedTransferError(Exception):
    """The received bytes are not the ones that were sent. Only the retry loop sees this error."""


def code_of(error: BaseException) -> str:
    """Return the code of an error response, or an empty string."""
    return str(_answer(error).get("Error", {}).get("Code", ""))


def status_of(error: BaseException) -> int:
    """Return the HTTP status of an error response, or 0."""
    return int(_metadata(error).get("HTTPStatusCode", 0))


def worth_another_try(error: BaseException) -> bool:
    """Say whether the same call can succeed on a retry that botocore does not make.

    These are broken bodies and conflicts. There are also failures that botocore does retry, until many calls at once
    have used up the quota of retries that they share. With connections, botocore's errors do not tell the two apart.
    """
    if isinstance(error, boto.ClientError):
        return code_of(error) in AGAIN or "RetryQuotaReached" in _metadata(error)
    return isinstance(
        error,
        (
            DamagedTransferError,
            boto.ConnectionClosedError,
            boto.FlexibleChecksumError,
            boto.IncompleteReadError,
            boto.ResponseStreamingError,
            boto.ReadTimeoutError,
            aiohttp.ClientError,
        ),
    )


def translated(error: Exception, storage: object, action: str, where: str, bucket: str) -> errors.StorageError:
    """Return Artigraph's error for an error of the client. It says what was tried, why it failed and what to do."""
    kind, why = _explained(error, bucket)
    return kind(f"{storage!r} cannot {action} {where}: {why}")


def _explained(error: Exception, bucket: str) -> tuple[type[errors.StorageError], str]:  # noqa: C901, PLR0911 (one return for each kind of failure)
    code, status = code_of(error), status_of(error)
    said = f"{error}".rstrip(".")
    if code == "NoSuchBucket":
        return errors.StorageError, (
            f"there is no bucket {bucket!r}. Make it (aws s3 mb s3://{bucket}), or correct the name, the endpoint or "
            "the account."
        )
    if code == "NoSuchKey" or status == NOT_FOUND:
        return errors.ObjectNotFoundError, "there is no such object."
    if isinstance(error, _NO_CREDENTIALS) or code in _CREDENTIALS:
        return errors.StorageError, (
            f"{said}. Log in again (aws sso login), set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or pass "
            "access_key_id= and secret_access_key=."
        )
    if code in _ELSEWHERE or (status == BAD_REQUEST and code == str(BAD_REQUEST)):
        return errors.StorageError, f"{said}. The bucket may be in another region: pass region=."
    if code in _FULL or status == NO_SPACE:
        return errors.StorageFullError, f"{said}. Nothing was kept. Make space, or raise the quota, and try again."
    if status == FORBIDDEN:
        return errors.StorageError, (
            f"{said}. If the bucket exists, allow s3:GetObject, s3:PutObject and s3:DeleteObject on its objects, and "
            "s3:ListBucket on itself: without that one S3 gives this answer for an object that is not there, too."
        )
    if code == "InvalidObjectState":
        return errors.StorageError, f"{said}. It was moved to an archive: restore it (aws s3api restore-object)."
    if isinstance(error, _UNREACHABLE) or status in (TOO_MANY, CONFLICT) or status >= SERVER_ERROR:
        return (
            errors.StorageUnavailableError,
            f"{said}. It was tried several times; check the endpoint and the network, and try again.",
        )
    if isinstance(error, boto.FlexibleChecksumError):
        return (
            errors.CorruptObjectError,
            f"what the server sends is not what it was given: {said}. Several tries gave no other.",
        )
    if isinstance(error, (DamagedTransferError, boto.IncompleteReadError)) or code in AGAIN:
        return errors.StorageUnavailableError, f"{said}. It was tried several times; check the network, and try again."
    return errors.StorageError, f"{said}."


def _metadata(error: BaseException) -> dict[str, Any]:
    metadata: dict[str, Any] = _answer(error).get("ResponseMetadata", {})
    return metadata


def _answer(error: BaseException) -> dict[str, Any]:
    answer: Any = getattr(error, "response", None)  # botocore has no types
    return answer if isinstance(error, boto.ClientError) else {}
