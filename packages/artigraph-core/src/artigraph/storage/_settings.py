"""Checks of a storage's settings, before any I/O."""

from __future__ import annotations

from artigraph.errors import ConfigurationError

_LONGEST = 366 * 24 * 3600
"""The most seconds of a limit. Clients of services count them in integers of their own."""


def check_seconds(**limits: object) -> None:
    """Check that limits are positive numbers of seconds, of at most a year: `check_seconds(deadline=deadline)`.

    Raises:
        ConfigurationError: a limit is no number, NaN, zero or negative, or too long. The message has its name.
    """
    for name, value in limits.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= _LONGEST:
            msg = f"{name} is a positive number of seconds, at most {_LONGEST:,} (a year), not {value!r:.100}"
            raise ConfigurationError(msg)


def check_whole(least: int, most: int, **numbers: object) -> None:
    """Check that settings are whole numbers of a range: `check_whole(1, 1000, max_connections=max_connections)`.

    Raises:
        ConfigurationError: a setting is no int, or is outside of the range. The message has its name.
    """
    for name, value in numbers.items():
        if type(value) is not int or not least <= value <= most:
            msg = f"{name} is a whole number from {least:,} to {most:,}, not {value!r:.100}"
            raise ConfigurationError(msg)
