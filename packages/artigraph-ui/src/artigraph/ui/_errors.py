"""Errors as pages and as documents: what happened, and what to do about it."""

from __future__ import annotations

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import artigraph.errors as errors
from artigraph.printable import quoted
from artigraph.ui._log import log
from artigraph.ui._render import page_of, wants_json

_STATUSES: tuple[tuple[tuple[type[Exception], ...], int], ...] = (
    ((errors.ConfigurationError, errors.MissingDependencyError, errors.UnknownStorageError), 503),
    ((errors.NotFoundError,), 404),
    ((errors.QueryError, errors.InvalidCursorError, errors.InvalidLabelError, errors.ArgumentError), 400),
    ((errors.AmbiguousReferenceError, errors.NestedNodeError), 400),
    ((errors.DatabaseError, errors.SchemaError, errors.StorageError), 503),
    ((errors.DeserializationError, errors.ModelVersionError, errors.WrongModelTypeError), 409),
)
_NAMES_PLACES = (errors.ConfigurationError, errors.DatabaseError, errors.SchemaError, errors.StorageError)
"""Errors whose message may name a host, an address or a path. It is for the log of the server."""
_OF_OBJECTS = (errors.CorruptObjectError, errors.InvalidLocationError)
"""Errors of a storage whose message names a value and a location alone."""
_HINTS: tuple[tuple[type[Exception], str], ...] = (
    (errors.MissingTablesError, "`artigraph db upgrade` makes the tables. Or start the web view where the store is"),
    (errors.SchemaVersionError, "`artigraph db upgrade` migrates older tables. Newer ones need a newer release"),
    (errors.MalformedRowError, "`artigraph fsck` lists all rows that were altered or damaged"),
    (errors.DatabaseUnavailableError, "Reload this page when the database answers again"),
    (
        errors.UnknownStorageError,
        'Describe the storage in artigraph.toml: [storage."its name"] with url = "file:folder" or "s3://bucket"',
    ),
)
_TITLES = {
    400: "This cannot be shown as asked",
    401: "This needs the token",
    403: "You may not see this",
    404: "There is nothing here",
    405: "This only reads",
    409: "What is stored here cannot be shown",
    414: "The address is too long",
    503: "The store cannot be read now",
}


async def on_error(request: Request, error: Exception) -> Response:
    """Return the page of an error of the library."""
    status = next((status for kinds, status in _STATUSES if isinstance(error, kinds)), 500)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("%s cannot be answered: %s", request.url.path, error)
    names_places = isinstance(error, _NAMES_PLACES) and not isinstance(error, _OF_OBJECTS)
    message = _unreadable(request) if status == HTTPStatus.SERVICE_UNAVAILABLE and names_places else str(error)
    return error_response(request, status, type(error).__name__, message, _hint_of(error))


async def on_http_error(request: Request, error: Exception) -> Response:
    """Return the page of an address that does not exist."""
    assert isinstance(error, HTTPException)  # for type checkers: it handles nothing else
    if error.status_code == HTTPStatus.NOT_FOUND:
        return error_response(request, 404, "PageNotFound", "No page has this address")
    return error_response(request, error.status_code, "HTTPException", error.detail)


async def on_unexpected_error(request: Request, error: Exception) -> Response:
    """Return the page of a mistake of this program. It shows no detail, since the message is for its log."""
    message = "An unexpected error happened. The log of the server has it"
    return error_response(request, 500, type(error).__name__, message)


def error_response(request: Request, status: int, kind: str, message: str, hint: str | None = None) -> Response:
    """Return an error as a page, or as a document if the request asks for one."""
    if wants_json(request):
        return JSONResponse({"error": {"type": kind, "message": message, "hint": hint}}, status)
    title = _TITLES.get(status, "Something went wrong")
    return page_of(request, "error.html", status, title=title, kind=kind, message=message, hint=hint)


def _unreadable(request: Request) -> str:
    name, dialect = (request.scope.get(f"artigraph.{key}") for key in ("store", "dialect"))
    store = "The store" if name is None else f"The store {quoted(name)}"
    where = "" if dialect is None else f" ({dialect})"
    return f"{store}{where}, or a storage of its objects, cannot be read. The log of the server says why"


def _hint_of(error: Exception) -> str | None:
    if isinstance(error, errors.AmbiguousReferenceError):
        return f"Candidates: {', '.join(map(str, error.candidates))}"
    return next((hint for kind, hint in _HINTS if isinstance(error, kind)), None)
