"""Previews: what a stored value looks like, found by reading only a small part of it.

A preview consists of plain Python values, so any program can show it. No class of the user is imported and no code of
users runs, so a preview is safe to make of anybody's data.
"""

from artigraph.printable import bytes_text, count_text, one_line
from artigraph.serializer.preview._cells import Cell, Cells
from artigraph.serializer.preview._content import LimitedFile, preview_content, preview_plain
from artigraph.serializer.preview._types import (
    ArrayPreview,
    ArrayStatistics,
    BytesPreview,
    Histogram,
    ImagePreview,
    Preview,
    TableColumn,
    TablePreview,
    TextPreview,
)

__all__: list[str] = ["ArrayPreview", "ArrayStatistics", "BytesPreview", "Cell", "Cells", "Histogram", "ImagePreview"]
__all__ += ["LimitedFile", "Preview", "TableColumn", "TablePreview", "TextPreview"]
__all__ += ["bytes_text", "count_text", "one_line", "preview_content", "preview_plain"]
