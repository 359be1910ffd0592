"""Numbers of every kind as keys in one order, that of their exact values.

A key is that of the nearest float towards zero, and of the rest, in decimal digits, if the float is not all.
"""

from __future__ import annotations

import math
import sys
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from struct import Struct

__all__ = ["SEARCH_KEY_LENGTH", "decimal_key", "float_key", "int_key", "is_beyond"]

SEARCH_KEY_LENGTH = 255
"""The most bytes of a key."""

NAN = b"\x10"
NEGATIVE = 0x18
POSITIVE = 0x19
_INFINITE = bytes([POSITIVE]) + b"\xff" * 8
_BEYOND = bytes([POSITIVE, 0xF0])
"""Begins the keys beyond the greatest float, whose first byte is 7F."""
_NEGATIVE_BEYOND = bytes([NEGATIVE, 0x0F])

_TAGGED_FLOAT = Struct(">Bd")
_INVERT = bytes(255 - byte for byte in range(256))
_BIAS_16 = 1 << 15
_BIAS_64 = 1 << 63
_EXACT_INT = 1 << sys.float_info.mant_dig
_MAX = sys.float_info.max
_MAX_INT = int(_MAX)
_MAX_DECIMAL = Decimal(_MAX_INT)
_TINY_EXPONENT = -330
"""Decimals whose first digit stands at a lower power of ten are nearer to zero than any float."""
_LOG_ERROR = 1e-9
_DIGITS = 2 * SEARCH_KEY_LENGTH
_decimal_of = Decimal.from_float
"""The constructor, in a context that asks for it, takes no float."""
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
"""Where a difference is never rounded."""


def float_key(value: float) -> bytes:
    """Return the key of a float."""
    if 0.0 <= value <= _MAX:
        return _TAGGED_FLOAT.pack(POSITIVE, value + 0.0)  # -0.0 is 0.0
    if -_MAX <= value < 0.0:
        return _sign(_TAGGED_FLOAT.pack(POSITIVE, -value), negative=True)
    if math.isnan(value):
        return NAN
    return _sign(_INFINITE, negative=value < 0)


def int_key(value: int) -> bytes:
    """Return the key of an integer."""
    if 0 <= value <= _EXACT_INT:
        return _TAGGED_FLOAT.pack(POSITIVE, value)
    magnitude = abs(value)
    if magnitude > _MAX_INT:
        return _sign(_beyond(_int_exponent(magnitude)), negative=value < 0)
    head = magnitude
    rest = b""
    if magnitude > _EXACT_INT:
        shift = magnitude.bit_length() - sys.float_info.mant_dig
        head = magnitude >> shift << shift
        digits = str(magnitude - head)
        rest = _rest(digits, len(digits)) if magnitude > head else b""
    return _sign(_TAGGED_FLOAT.pack(POSITIVE, head) + rest, negative=value < 0)


def decimal_key(value: Decimal) -> bytes:
    """Return the key of a decimal."""
    if value.is_nan():
        return NAN
    negative = value.is_signed()
    if value.is_infinite():
        return _sign(_INFINITE, negative=negative)
    if not value:
        return float_key(0.0)
    magnitude = value.copy_abs()
    if magnitude > _MAX_DECIMAL:
        return _sign(_beyond(magnitude.adjusted()), negative=negative)
    head = 0.0
    rest = magnitude
    if magnitude.adjusted() >= _TINY_EXPONENT:
        head = float(magnitude)
        if magnitude < _decimal_of(head):
            head = math.nextafter(head, 0.0)
        rest = _EXACT.subtract(magnitude, _decimal_of(head))
    key = _TAGGED_FLOAT.pack(POSITIVE, head)
    if rest:
        mantissa, _, exponent = f"{rest:E}".partition("E")
        key += _rest(mantissa[:_DIGITS].replace(".", ""), int(exponent) + 1)
    return _sign(key, negative=negative)


def is_beyond(key: bytes) -> bool:
    """Say whether a key is that of all numbers, beyond the greatest float, of as many digits."""
    return key[:2] in (_BEYOND, _NEGATIVE_BEYOND)


def _sign(key: bytes, *, negative: bool) -> bytes:
    """Return the key of the number or, its order turned round, of its negative; cut."""
    if negative:
        key = bytes([NEGATIVE]) + key[1:].translate(_INVERT) + b"\xff"
    return key[:SEARCH_KEY_LENGTH]


def _rest(digits: str, exponent: int) -> bytes:
    """Return what follows the float: the exponent, then two digits a byte, of 0.digits times ten to the exponent."""
    if exponent >= -_BIAS_16:
        head = b"\x02" + (exponent + _BIAS_16).to_bytes(2)
    else:
        head = b"\x01" + (exponent + _BIAS_64).to_bytes(8)
    digits = digits.rstrip("0")
    if len(digits) % 2:
        digits += "0"
    return head + bytes([int(digits[index : index + 2]) + 1 for index in range(0, len(digits), 2)])


def _beyond(exponent: int) -> bytes:
    return _BEYOND + exponent.to_bytes(8)


def _int_exponent(value: int) -> int:
    """Return the power of ten that the first digit of an integer stands at, without writing down all digits."""
    estimate = math.log10(value)
    nearest = round(estimate)
    if abs(estimate - nearest) > _LOG_ERROR * estimate:
        return math.floor(estimate)
    return nearest if value >= 10**nearest else nearest - 1
