"""Previews of tensors and state dicts: the header, and the leading elements of a tensor."""

from __future__ import annotations

from typing import Any, BinaryIO

from artigraph.serializer import preview
from artigraph.serializer._support import safetensors as st
from artigraph.serializer._support import safetensors_preview as stp
from artigraph.serializer.torch._compare import as_array
from artigraph.serializer.torch._tensors import DTYPES, tensor_of


def preview_tensor(file: BinaryIO, *, rows: int, max_bytes: int) -> preview.ArrayPreview:
    """Return the preview of a file with one tensor."""
    return stp.preview_tensor(
        file, rows=rows, max_bytes=max_bytes, noun="tensor", dtype_of=_dtype_of, elements_of=_elements_of
    )


def preview_tensors(file: BinaryIO, *, rows: int, columns: int, max_bytes: int) -> preview.TablePreview:
    """Return a table of the tensors in a file."""
    return stp.preview_tensors(file, rows=rows, columns=columns, max_bytes=max_bytes, noun="tensor", dtype_of=_dtype_of)


def _dtype_of(entry: st.Entry, _: dict[str, Any]) -> str:
    return str(DTYPES[entry.dtype])


def _elements_of(memory: memoryview, entry: st.Entry, _: dict[str, Any]) -> Any:
    return as_array(tensor_of(memory, entry, {}))
