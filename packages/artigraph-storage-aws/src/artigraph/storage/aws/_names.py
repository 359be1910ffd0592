"""Checks of bucket, prefix, endpoint and name, before any I/O."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from artigraph.errors import ConfigurationError

_NAME = re.compile(r"[!-~]{1,100}")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}|arn:[A-Za-z0-9:/-]{1,250}")
"""Bucket names, and ARNs of access points. S3 itself checks the finer rules."""
_LONGEST_PREFIX = 800  # S3's keys have at most 1,024 bytes, and ours at most 200


def checked_bucket(bucket: str) -> str:
    """Return a bucket's name as it was given.

    Raises:
        ConfigurationError: it cannot be a bucket's name.
    """
    if not _BUCKET.fullmatch(bucket):
        msg = f"{bucket!r} cannot be a bucket: give its name alone, without s3:// and without a path"
        raise ConfigurationError(msg)
    return bucket


def checked_prefix(prefix: str) -> str:
    """Return a prefix without slashes around it.

    Raises:
        ConfigurationError: it is too long, or has an empty part, `.` or `..`, or a character that is not printable.
    """
    bare = prefix.strip("/")
    if bare and (
        not bare.isprintable()
        or len(bare.encode("utf-8", "replace")) > _LONGEST_PREFIX
        or not {"", ".", ".."}.isdisjoint(bare.split("/"))
    ):
        msg = f"{prefix!r} cannot be a prefix: it is a path such as 'team/data', of at most {_LONGEST_PREFIX} bytes"
        raise ConfigurationError(msg)
    return bare


def checked_endpoint(url: str | None) -> str | None:
    """Return an endpoint's URL as it was given.

    Raises:
        ConfigurationError: it is not an http or https URL, or it contains credentials, which errors and logs would
            show.
    """
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        fine = False
    if not fine:
        msg = (
            "endpoint_url has to be like 'https://s3.example.com' or 'http://127.0.0.1:9000', without credentials: "
            "pass those as access_key_id= and secret_access_key="
        )
        raise ConfigurationError(msg)
    return url


def checked_name(name: str | None, bucket: str, prefix: str) -> str:
    """Return the name that was given, or make one from bucket and prefix.

    Raises:
        ConfigurationError: no name can be made from them.
    """
    if name is not None:
        return name
    made = f"s3:{bucket}/{prefix}" if prefix else f"s3:{bucket}"
    if not _NAME.fullmatch(made):
        msg = (
            f"No name can be made of bucket {bucket!r} and prefix {prefix!r}: a storage's name is stored with the data "
            "for ever and is 1-100 printable ASCII characters without spaces. Give one: S3Storage(..., name='my-s3')."
        )
        raise ConfigurationError(msg)
    return made
