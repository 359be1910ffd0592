"""The document of an error, and hints in words of the command line.

The document imports nothing of the library, so a usage error stays fast.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class ErrorItem:
    """Why a command failed."""

    type: str
    """The name of the class of the error."""
    message: str
    """What happened, where, and what to do about it in Python."""
    hint: str | None
    """What to do about it on the command line, if the message does not say so."""


@dataclass(frozen=True, slots=True)
class ErrorDocument:
    """What a command prints on stderr instead of a document, if it fails."""

    schema: ClassVar[str] = "artigraph.error/1"
    """The name and version of its JSON Schema. Only other documents also contain theirs."""

    error: ErrorItem

    def to_dict(self) -> dict[str, Any]:
        """Return the document as JSON values."""
        return asdict(self)


def hint_of(error: Exception) -> str | None:
    """Return what a user of the command line can do about an error, or None if its message says it."""
    import artigraph.errors as errors

    if isinstance(error, errors.AmbiguousReferenceError):
        return f"Candidates: {', '.join(map(str, error.candidates))}"
    if isinstance(error, errors.ArtifactInUseError):
        return "--cascade also deletes the runs that used it, and the aliases. `artigraph prune --keep-used` keeps it"
    if isinstance(error, errors.MissingTablesError):
        return "`artigraph db upgrade` makes the tables. ARTIGRAPH_URL, or artigraph.toml, names another database"
    if isinstance(error, errors.UnknownStorageError):
        return 'Describe the storage in artigraph.toml: [storage."its name"] with url = "file:folder" or "s3://bucket"'
    return None
