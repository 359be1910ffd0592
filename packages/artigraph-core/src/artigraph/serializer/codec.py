"""Plain Python values as bytes, exactly: the same value with the same types comes back.

Which values are plain, how each is written and what was measured is in docs/design/encoding.md.
"""

from artigraph.serializer._codec_classes import collect_classes
from artigraph.serializer._codec_limits import MAX_DEPTH
from artigraph.serializer._codec_read import decode
from artigraph.serializer._codec_write import encode, encode_scalar

__all__ = ["MAX_DEPTH", "collect_classes", "decode", "encode", "encode_scalar"]
