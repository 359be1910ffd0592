"""The bucket that a URL names. All checks are made before any I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

from artigraph.errors import ConfigurationError

Scheme = Literal["gs", "az", "s3", "r2", "memory"]

SCHEMES = ("gs", "az", "s3", "r2", "memory")
_URL = re.compile(r"([a-z0-9]+)://([^/]*)(?:/(.*))?", re.DOTALL)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_PREFIX = re.compile(r"[A-Za-z0-9._=+@,-]+(?:/[A-Za-z0-9._=+@,-]+)*")
"""The characters that every service and obstore keep as they are."""
_NAME = re.compile(r"[!-~]{1,100}")
_LONGEST_PREFIX = 800  # keys have at most 1,024 bytes, and ours at most 200


@dataclass(frozen=True, slots=True)
class Place:
    """A bucket, and a prefix in it."""

    scheme: Scheme
    bucket: str
    """The bucket, or the container of Azure."""
    prefix: str
    """The prefix without slashes around it."""
    account: str | None = None
    """The account of R2, which is a part of its endpoint."""

    @property
    def url(self) -> str:
        """The URL in its only spelling."""
        account = f"{self.account}/" if self.account else ""
        return f"{self.scheme}://{account}{self.bucket}{f'/{self.prefix}' if self.prefix else ''}"

    @property
    def name(self) -> str:
        """The permanent name of a storage that was given none."""
        return self.url.replace("://", ":", 1)


def place_of(url: str) -> Place:
    """Return the place that a URL names.

    Raises:
        ConfigurationError: the URL has another scheme, no bucket, or a character that not every service keeps.
    """
    found = _URL.fullmatch(url)
    if found is None or found[1] not in SCHEMES:
        msg = (
            f"{_shown(url)!r} names no bucket: write 'gs://bucket/prefix', 'az://container/prefix', "
            "'s3://bucket/prefix' or 'r2://account/bucket/prefix'"
        )
        raise ConfigurationError(msg)
    scheme, bucket, rest = cast("Scheme", found[1]), found[2], (found[3] or "").strip("/")
    account = None
    if scheme == "r2":
        account, (bucket, _, rest) = bucket, rest.partition("/")
        _check_bucket(url, account)
        rest = rest.strip("/")
    _check_bucket(url, bucket)
    if rest and (
        len(rest) > _LONGEST_PREFIX or not _PREFIX.fullmatch(rest) or not {".", ".."}.isdisjoint(rest.split("/"))
    ):
        msg = (
            f"{_shown(url)!r} has a prefix that not every service keeps as it is: use ASCII letters, digits, and any "
            f"of '._=+@,-' between slashes, and at most {_LONGEST_PREFIX} of them"
        )
        raise ConfigurationError(msg)
    return Place(scheme, bucket, rest, account)


def checked_name(name: str | None, place: Place) -> str:
    """Return the name that was given, or make one from the place.

    Raises:
        ConfigurationError: no name can be made from it.
    """
    if name is not None:
        return name
    if not _NAME.fullmatch(place.name):
        msg = (
            f"No name can be made of {place.url!r}: a storage's name is stored with the data for ever and is 1-100 "
            "printable ASCII characters without spaces. Give one: ObjectStorage(..., name='my-bucket')."
        )
        raise ConfigurationError(msg)
    return place.name


def _check_bucket(url: str, bucket: str) -> None:
    if not _BUCKET.fullmatch(bucket):
        msg = (
            f"{_shown(url)!r} names no bucket: its name is missing, or has other characters than ASCII letters, digits "
            "and '._-'. Credentials are no part of the URL; pass them as arguments."
        )
        raise ConfigurationError(msg)


def _shown(url: str) -> str:
    """Return a URL without what may be a secret in it."""
    bare = re.sub(r"\?.*", "?...", url, flags=re.DOTALL)
    return re.sub(r":.*@", "://...@", bare, flags=re.DOTALL)[:200]
