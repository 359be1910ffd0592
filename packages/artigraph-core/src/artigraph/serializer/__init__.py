"""Serializers, which turn values into bytes and back."""

import pkgutil

__path__ = pkgutil.extend_path(__path__, __name__)

from artigraph.serializer._abilities import (
    SupportsColumns,
    SupportsDiff,
    SupportsMapping,
    SupportsParts,
    SupportsPreview,
    SupportsStreams,
)
from artigraph.serializer.base import Serializer, get_serializer_by_name, get_serializer_by_type
from artigraph.serializer.datetime import datetime_serializer as _datetime
from artigraph.serializer.datetime import timedelta_serializer as _timedelta
from artigraph.serializer.file import file_serializer as _file
from artigraph.serializer.json import json_serializer as _json
from artigraph.serializer.raw import bytes_serializer as _bytes

__all__: list[str] = ["Serializer", "SupportsColumns", "SupportsDiff", "SupportsMapping", "SupportsParts"]
__all__ += ["SupportsPreview", "SupportsStreams"]
__all__ += ["get_serializer_by_name", "get_serializer_by_type"]

_shipped = (_bytes, _datetime, _file, _json, _timedelta)
"""The serializers of core. Importing them registers them, so values without parts can be stored and loaded at once."""
