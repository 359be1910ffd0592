"""The sizes of the parts that S3 takes."""

from __future__ import annotations

PIECE = 8 * 1024 * 1024
"""The bytes of a part. S3 requires at least 5 MiB."""

_ALIKE, _GROW_EVERY, _LARGEST = 4000, 500, 4 * 1024**3


def size_of_piece(number: int) -> int:
    """Return the bytes of a part, counted from 1.

    S3 takes at most 10,000 parts of at most 5 GiB. The first 4,000 have the same size (31 GiB together), because some
    servers require that. The size then doubles for each 500 parts, so that 10,000 parts can hold the largest object.
    """
    return min(PIECE << max(0, (number - 1 - _ALIKE) // _GROW_EVERY + 1), _LARGEST)
