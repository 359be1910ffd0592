"""The exit codes of all commands."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the exit code of the process says."""

    OK = 0
    """The command did what it was asked for."""
    FAILED = 1
    """The database, a storage or the command failed."""
    USAGE = 2
    """The call or the configuration is wrong, or a reference is ambiguous."""
    NOT_FOUND = 3
    """A node, a version or a value does not exist."""
    FOUND = 4
    """`fsck` or `doctor` found a problem, or `diff --exit-code` a difference."""
    REFUSED = 5
    """Nothing was changed: something is in use, the tables are of another release, or `--yes` is missing."""
    INTERRUPTED = 130
    """The user interrupted the command."""


def code_of(error: BaseException) -> ExitCode:
    """Return the exit code for an error. The first class that matches decides."""
    import artigraph.errors as errors

    table: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], ExitCode], ...] = (
        (KeyboardInterrupt, ExitCode.INTERRUPTED),
        ((errors.AmbiguousReferenceError, errors.ArgumentError, errors.ConfigurationError), ExitCode.USAGE),
        ((errors.InvalidLabelError, errors.InvalidNodeIdError, errors.QueryError), ExitCode.USAGE),
        (errors.NodeNotFoundError, ExitCode.NOT_FOUND),
        ((errors.ArtifactInUseError, errors.DanglingObjectsError, errors.NestedNodeError), ExitCode.REFUSED),
        (errors.SchemaVersionError, ExitCode.REFUSED),
    )
    return next((code for kinds, code in table if isinstance(error, kinds)), ExitCode.FAILED)
