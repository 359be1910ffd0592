"""Making obstore's clients, and keeping the options that are secrets apart from the configuration."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import obstore.store
from artigraph.errors import ConfigurationError, StorageError
from artigraph.storage.obstore._errors import without_secrets
from artigraph.storage.obstore._place import Place
from obstore.exceptions import BaseError

RETRIES = 8
"""How often a request of an upload or a listing is tried again."""

_CLIENT = {
    "allow_http",
    "allow_invalid_certificates",
    "default_headers",
    "http1_only",
    "http2_only",
    "pool_idle_timeout",
    "pool_max_idle_per_host",
    "proxy_ca_certificate",
    "proxy_excludes",
    "proxy_url",
    "randomize_addresses",
    "root_certificate",
    "user_agent",
}
"""Options of the HTTP client. All others are the service's own."""
_TAKEN = {"bucket", "bucket_name", "container_name", "config", "client_options", "prefix", "retry_config"}
"""Arguments of obstore that the URL or other arguments decide."""
_PUBLIC = {
    "account_name",
    "allow_http",
    "allow_invalid_certificates",
    "authority_host",
    "base_url",
    "conditional_put",
    "copy_if_not_exists",
    "endpoint",
    "endpoint_url",
    "region",
    "request_payer",
    "s3_express",
    "skip_signature",
    "use_emulator",
    "use_fabric_endpoint",
    "virtual_hosted_style_request",
}
"""Options that tell one storage from another. Any other may be a secret, and is never shown."""
_HARMLESS = {
    "http1_only",
    "http2_only",
    "pool_idle_timeout",
    "pool_max_idle_per_host",
    "proxy_excludes",
    "randomize_addresses",
    "user_agent",
}
"""Other options that are no secrets."""
_ENDPOINTS = ("endpoint", "endpoint_url", "base_url")
_ADDRESS = re.compile(r"endpoint(?:_url)?$|base_url$|authority_host$", re.IGNORECASE)
"""The names of options that are addresses. obstore also takes them with a prefix, as `aws_endpoint`."""
_KEEPS_CONDITIONS = (".amazonaws.com", ".amazonaws.com.cn", ".r2.cloudflarestorage.com")

_first_process: int | None = None
"""The process that used obstore first. Its threads do not exist in a forked child."""


@dataclass(frozen=True, slots=True, repr=False)
class Clients:
    """Two clients of one bucket. Both belong to no event loop."""

    one_try: Any
    """Makes each request once. The storage decides whether to try again."""
    patient: Any
    """Repeats the requests of an upload or a listing itself. Those cannot begin again."""


def public_part(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are configuration and no secrets."""
    return {name: value for name, value in sorted(options.items()) if name in _PUBLIC}


def staying(place: Place, options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the options that must not leave this process, and "objects" for those in its memory."""
    objects = ("objects",) if place.scheme == "memory" else ()
    return objects + tuple(name for name in sorted(options) if name not in _PUBLIC | _HARMLESS)


def advice_for(storage: str, place: Place, left_out: Sequence[str]) -> str:
    """Return the message about a storage that came from another process without these options."""
    if place.scheme == "memory":
        return (
            f"{storage} came to this process in a pickle, and its objects are in the memory of another process. Use a "
            "storage that both processes reach."
        )
    return (
        f"{storage} came to this process in a pickle, which does not contain its options {', '.join(left_out)}. Call "
        f"ObjectStorage({place.url!r}, ...).register() with the same arguments in this process. Or make the storage "
        "without them, so that each process takes them from its environment."
    )


def secrets_in(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the texts that no error may show."""
    values = (value for name, value in options.items() if name not in _PUBLIC)
    return tuple(value for value in values if isinstance(value, str) and len(value) > 3)  # noqa: PLR2004 (a shorter one is no secret)


def heeds_conditions(place: Place, options: Mapping[str, Any]) -> bool | None:
    """Say whether the service honors "only if the key is free". None if that must be tried."""
    if place.scheme != "s3":
        return True
    given = [str(options[name]) for name in _ENDPOINTS if options.get(name)]
    given += [
        os.environ[name] for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT") if os.environ.get(name)
    ]
    return True if all(url.rstrip("/").endswith(_KEEPS_CONDITIONS) for url in given) else None


def connect(
    place: Place,
    options: Mapping[str, Any],
    *,
    deadline: float,
    connect_timeout: float,
    read_timeout: float,
    spare: float,
) -> Clients:
    """Make the clients. No connection is opened.

    Args:
        place: the bucket.
        options: the caller's options.
        deadline: the seconds after which a request is not tried again.
        connect_timeout: the seconds that opening a connection may take.
        read_timeout: the seconds of silence after which a response is given up.
        spare: the seconds that sending a part may take in addition, before its response is due.

    Raises:
        ConfigurationError: obstore does not take an option or its value, or an address contains credentials.
    """
    refused = sorted(_TAKEN.intersection(options))
    if refused:
        msg = f"The bucket of {place.url} follows from the URL: leave out {', '.join(f'{name}=' for name in refused)}"
        raise ConfigurationError(msg)
    _check_addresses(options)
    if place.scheme == "memory":
        store = obstore.store.MemoryStore()
        return Clients(store, store)
    one_try = _made(place, options, connect_timeout, read_timeout, max_retries=0, retry_timeout=deadline)
    patient = _made(place, options, connect_timeout, read_timeout + spare, max_retries=RETRIES, retry_timeout=deadline)
    return Clients(one_try, patient)


def _check_addresses(options: Mapping[str, Any]) -> None:
    """Check that the addresses of services contain no credentials, which errors and logs would show.

    Raises:
        ConfigurationError: one does, or it is no http or https URL.
    """
    for name, value in options.items():
        if not _ADDRESS.search(name) or not isinstance(value, str):
            continue
        if not _is_plain_address(value):
            msg = (
                f"{name} has to be like 'https://storage.example.com' or 'http://127.0.0.1:9000', without credentials "
                "and a query: pass credentials as arguments of their own, such as secret_access_key= or account_key="
            )
            raise ConfigurationError(msg)


def _is_plain_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(host) and "@" not in parts.netloc and not {"?", "#"} & {*text}


def _made(
    place: Place,
    options: Mapping[str, Any],
    connect_timeout: float,
    read_timeout: float,
    *,
    max_retries: int,
    retry_timeout: float,
) -> Any:
    client: dict[str, Any] = {name: value for name, value in options.items() if name in _CLIENT}
    config: dict[str, Any] = {name: value for name, value in options.items() if name not in _CLIENT}
    if any(str(config.get(name, "")).startswith("http://") for name in _ENDPOINTS):
        client.setdefault("allow_http", True)
    # The whole of a response may take as long as the deadline of its call allows, which grows with the object.
    client |= {"connect_timeout": _text(connect_timeout), "read_timeout": _text(read_timeout), "timeout": "7days"}
    retry = {
        "max_retries": max_retries,
        "retry_timeout": timedelta(seconds=retry_timeout),
        "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=5), "base": 2},
    }
    given: dict[str, Any] = {"prefix": place.prefix or None, "client_options": client, "retry_config": retry}
    kind: Any
    match place.scheme:
        case "gs":
            kind = obstore.store.GCSStore
        case "az":
            kind = obstore.store.AzureStore
        case "r2":
            kind = obstore.store.S3Store
            config.setdefault("endpoint", f"https://{place.account}.r2.cloudflarestorage.com")
            config.setdefault("region", "auto")
            config.setdefault("copy_if_not_exists", "header: cf-copy-destination-if-none-match: *")
        case _:
            kind = obstore.store.S3Store
            config.setdefault("copy_if_not_exists", "multipart")
    try:
        return kind(place.bucket, **given, **config)
    except (BaseError, TypeError, ValueError) as error:
        said = without_secrets(f"{error}".partition("\n")[0].rstrip("."), secrets_in(options))
    msg = f"{place.url} cannot be used: {said}. Correct the arguments of the storage, or the environment variables."
    raise ConfigurationError(msg)


def refuse_in_forked_child(place: Place) -> None:
    """Raise a StorageError in a forked child of a process that has used obstore, where a call would never end."""
    global _first_process  # noqa: PLW0603 (it is about the process)
    process = os.getpid()
    if _first_process is None:
        _first_process = process
    elif _first_process != process:
        msg = (
            f"{place.url} cannot be used in a forked process: the threads of obstore are not copied by a fork. Start "
            "processes by 'spawn' or 'forkserver', or use the storage only in the children."
        )
        raise StorageError(msg)


def _text(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"
