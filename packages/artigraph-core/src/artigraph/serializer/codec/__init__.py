"""Plain Python values as bytes, exactly: the loaded value and all its types are the same.

docs/design/encoding.md says which values are plain, how each is written and what was measured.
"""

from artigraph.serializer.codec._class_free import StoredEnum, StoredStruct, decode_class_free, decode_former, stand_ins
from artigraph.serializer.codec._limits import MAX_DEPTH
from artigraph.serializer.codec._read import ChangedClassError, decode, decode_each
from artigraph.serializer.codec._write import encode, encode_member, encode_scalar
from artigraph.serializer.codec.classes import collect_classes

__all__: list[str] = ["MAX_DEPTH", "ChangedClassError", "StoredEnum", "StoredStruct"]
__all__ += ["collect_classes", "decode", "decode_class_free", "decode_each", "decode_former"]
__all__ += ["encode", "encode_member", "encode_scalar", "stand_ins"]
