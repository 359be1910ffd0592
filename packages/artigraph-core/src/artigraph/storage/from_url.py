"""Making a storage from a URL or from settings, by the distributions that are installed."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import artigraph.errors as errors
from artigraph.printable import quoted
from artigraph.storage.base import Storage

__all__ = ["call", "class_of_type", "known_types", "storage_from_url"]

_TYPES = "artigraph.storage_type"
"""The group of entry points that name the class of each type of storage."""
_SCHEMES = "artigraph.storage_scheme"
"""The group of entry points that name, for each scheme of a URL, a class with the class method `from_url`."""
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_LOGIN = re.compile(r"^/*[^/]*@|:.*@", re.DOTALL)
"""A user before a host, or a password, which may contain slashes. A prefix may have an @, but no colon."""
_PACKAGES = {
    "file": "artigraph-storage-fs",
    "s3": "artigraph[aws]",
    "gs": "artigraph[gcs]",
    "az": "artigraph[azure]",
    "r2": "artigraph[obstore]",
}
"""What to install for a scheme."""
_PACKAGES_OF_TYPES = {"aws": "artigraph[aws]", "file": "artigraph-storage-fs", "obstore": "artigraph[obstore]"}
_FIRST = ("artigraph-storage-aws", "artigraph-storage-obstore")
"""The distributions that are asked first, in this order, if several offer a scheme."""


def storage_from_url(
    url: str,
    *,
    type: str | None = None,  # noqa: A002 (as in artigraph.toml)
    name: str | None = None,
    **options: Any,
) -> Storage:
    """Make a storage from a URL. It is not registered yet.

    - `file:data` and `file:///srv/data` are a `FileSystem`, of `artigraph-storage-fs`.
    - `s3://bucket/prefix` is an `S3Storage` if `artigraph[aws]` is installed, otherwise an `ObjectStorage`.
    - `gs://bucket/prefix`, `az://container/prefix` and `r2://account/bucket/prefix` are an `ObjectStorage`, of
      `artigraph[gcs]`, `artigraph[azure]` and `artigraph[obstore]`.

    `S3Storage` and `ObjectStorage` give a bucket of S3 the same name and its objects the same locations. So stored data
    do not depend on which of them is installed.

    Args:
        url: the place. Credentials are no part of it.
        type: the type of the storage, if the default is not wanted: `file`, `aws` or `obstore`.
        name: the permanent name, which is stored with the data. By default it follows from the URL.
        options: other arguments of the storage's class, such as credentials.

    Raises:
        ConfigurationError: the URL or an option is invalid, or no distribution knows the scheme.
        MissingDependencyError: the distribution for the scheme, or a library that it needs, is not installed.
        UnknownStorageError: no installed distribution offers a storage of this type.
    """
    found = _SCHEME.match(url)
    if found is None:
        msg = f"A storage's URL begins with a scheme, such as 's3://' or 'file:'; {_shown(url)} has none"
        raise errors.ConfigurationError(msg)
    scheme = found[1].lower()
    if "?" in url or (scheme != "file" and _LOGIN.search(url[len(scheme) + 1 :])):
        msg = f"The URL of a storage holds no credentials and no '?': pass those of {_shown(url)} as arguments"
        raise errors.ConfigurationError(msg)
    kind = _class_of_scheme(scheme) if type is None else class_of_type(type, f"{scheme}:")
    if not hasattr(kind, "from_url"):
        msg = f"The storage type {quoted(str(type))} cannot be made from a URL: its class has no from_url"
        raise errors.ConfigurationError(msg)
    return call(kind.from_url, {"url": url, "name": name, **options}, f"The storage {_shown(url)}")


def class_of_type(name: str, owner: str) -> Any:
    """Return the class of a type of storage. `owner` is the storage that should be of it, for the error.

    Raises:
        UnknownStorageError: no installed distribution offers it.
        MissingDependencyError: a library that it needs is not installed.
    """
    for entry_point in entry_points(group=_TYPES, name=name):
        return _load(entry_point, f"The storage type {quoted(name)}")
    package = _PACKAGES_OF_TYPES.get(name)
    hint = f"pip install '{package}'" if package else f"Known types: {known_types()}"
    msg = f"There is no storage type {quoted(name)}, which {quoted(owner)} should be of. {hint}"
    raise errors.UnknownStorageError(msg)


def _class_of_scheme(scheme: str) -> Any:
    offers = list(entry_points(group=_SCHEMES, name=scheme))
    if offers:
        return _load(min(offers, key=_rank), f"The storage for '{scheme}:'")
    package = _PACKAGES.get(scheme)
    if package is None:
        msg = f"No installed distribution has storages for '{scheme}:'. Known schemes: {', '.join(sorted(_PACKAGES))}"
        raise errors.ConfigurationError(msg)
    msg = f"Storages for '{scheme}:' are in a distribution that is not installed: pip install '{package}'"
    raise errors.MissingDependencyError(msg)


def _rank(offer: EntryPoint) -> tuple[int, str]:
    owner = offer.dist.name if offer.dist is not None else ""
    return (_FIRST.index(owner) if owner in _FIRST else len(_FIRST)), owner


def _load(entry_point: EntryPoint, what: str) -> Any:
    try:
        return entry_point.load()
    except ImportError as error:
        owner = entry_point.dist.name if entry_point.dist is not None else entry_point.module
        msg = f"{what} cannot be imported: {error}. Install what it needs: pip install '{owner}'"
        raise errors.MissingDependencyError(msg) from error


def call(kind: Any, arguments: Mapping[str, Any], where: str) -> Storage:
    """Make a storage by calling its class. Errors name the arguments that are unknown or missing, never a value.

    Raises:
        ConfigurationError: the class does not take these arguments.
    """
    parameters = inspect.signature(kind).parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    named = [key for key, parameter in parameters.items() if parameter.kind is not parameter.VAR_KEYWORD]
    unknown = [] if takes_any else [key for key in arguments if key not in named]
    missing = [key for key in named if parameters[key].default is inspect.Parameter.empty and key not in arguments]
    if unknown:
        known = ", ".join(key for key in named if key not in {"name", "url"})
        msg = f"{where} takes no {', '.join(map(quoted, unknown))}. It takes {known}"
        raise errors.ConfigurationError(msg)
    if missing:
        msg = f"{where} needs {', '.join(map(quoted, missing))}"
        raise errors.ConfigurationError(msg)
    try:
        made: Storage = kind(**arguments)
    except TypeError as error:
        msg = f"{where} has an argument of another type than its class takes"  # the cause may show a secret
        raise errors.ConfigurationError(msg) from error
    return made


def known_types() -> str:
    """Return the types of storage that are installed, for error messages."""
    return ", ".join(sorted({entry_point.name for entry_point in entry_points(group=_TYPES)})) or "none are installed"


def _shown(url: str) -> str:
    """Return a URL without what may be a secret in it, in quotation marks."""
    before, at, rest = url.rpartition("@")
    scheme = _SCHEME.match(before)
    bare = f"{'' if scheme is None else scheme[0] + '//'}...@{rest}" if at else url
    return quoted(bare.partition("?")[0][:200])
