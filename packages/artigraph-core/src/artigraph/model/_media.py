"""Pictures and other media as artifacts or values."""

from __future__ import annotations

import io
import re
from base64 import b64encode
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from artigraph.errors import ArgumentError, SerializationError, class_name
from artigraph.model._base import ArtifactModel
from artigraph.model.repr import html_of
from artigraph.serializer.file import File
from artigraph.serializer.preview import ImagePreview, preview_content

_NAME = r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}"
_PARAMETER = r"[A-Za-z0-9!#$&^_.+-]+=(?:[A-Za-z0-9!#$&^_.+:-]+|\"[ !#-\[\]-~]*\")"
_FORM = re.compile(rf"{_NAME}/{_NAME}(?: ?; ?{_PARAMETER})*")
"""The form of a media type (RFC 6838 and RFC 9110)."""
_LONGEST = 255
_FIGURES = {"png": "image/png", "svg": "image/svg+xml", "pdf": "application/pdf"}
_UNDATED = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
"""The metadata without which two pictures of one figure have equal bytes."""
_LARGEST_SHOWN = 20 * 2**20
"""The largest picture in bytes that a notebook shows."""


@dataclass(frozen=True)
class Media(ArtifactModel, name="artigraph.Media", frozen=True):
    """Content with its media type: a picture, a document, a sound.

        plot = Media.from_figure(figure, "png")        # a figure of matplotlib
        page = Media(File("report.pdf"), "application/pdf")
        await plot.save("loss")                        # as an artifact, or as a field of your own model

    The content is stored as it is. The web view and notebooks show PNG, JPEG, GIF and WebP pictures. They never show an
    SVG as a picture, because it can contain scripts. Only the form of the media type is checked, not the content.

    Raises:
        SerializationError: the content is neither a `File` nor bytes, or the media type is malformed.
    """

    content: File | bytes
    """The content. Bytes need no storage if they are few; see "Store large values"."""
    media_type: str
    """The media type in lower case, `image/png` say, with optional parameters."""

    _artigraph_takes_storage: ClassVar[frozenset[str]] = frozenset({"content"})

    def __post_init__(self) -> None:
        content: object = self.content
        if type(content) is not bytes and type(content) is not File:
            msg = f"The content of a Media is a File or bytes, not a {class_name(type(content))}"
            raise SerializationError(msg)
        media_type: object = self.media_type
        if type(media_type) is not str or len(media_type) > _LONGEST or not _FORM.fullmatch(media_type):
            msg = f"{media_type!r:.300} is no media type. Write type/subtype in lower case: 'image/png', 'text/csv'"
            raise SerializationError(msg)

    @classmethod
    def from_figure(cls, figure: object, format: Literal["png", "svg", "pdf"] = "png", **options: Any) -> Media:  # noqa: A002
        """Return the picture of a figure that has matplotlib's `savefig`.

        Args:
            figure: the figure. It is not closed.
            format: the format of the picture.
            options: further arguments of `savefig`, such as `dpi=150`. Without `metadata`, the picture records no time,
                so equal figures have equal pictures and are stored once.

        Raises:
            ArgumentError: the figure has no `savefig`.
            SerializationError: the format is unknown, or `savefig` wrote nothing.
        """
        save: Any = getattr(figure, "savefig", None)
        if not callable(save):
            msg = f"from_figure takes a figure with a method savefig, not a {class_name(type(figure))}"
            raise ArgumentError(msg)
        if format not in _FIGURES:
            msg = f"{format!r:.100} is no format of figures; use one of {', '.join(map(repr, _FIGURES))}"
            raise SerializationError(msg)
        if format in _UNDATED:
            options.setdefault("metadata", dict(_UNDATED[format]))
        buffer = io.BytesIO()
        save(buffer, format=format, **options)
        content = buffer.getvalue()
        if not content:
            msg = f"savefig of this {class_name(type(figure))} wrote nothing"
            raise SerializationError(msg)
        return cls(content, _FIGURES[format])

    def _repr_html_(self) -> str:
        # IPython takes no markup at all for None, and shows the picture of `_repr_mimebundle_` instead.
        return None if self._picture() else html_of(self)  # type: ignore[return-value]  # pyright: ignore[reportReturnType]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """Return the picture for a notebook, if it is of a format that cannot contain scripts."""
        del include, exclude
        return self._picture()

    def _picture(self) -> dict[str, str]:
        """Return a picture in Base64 by its media type. Empty for other content, and for a file that was loaded."""
        content = self.content
        if not self.media_type.startswith("image/"):
            return {}
        try:
            if isinstance(content, File):
                if content.path is None or content.size > _LARGEST_SHOWN:  # a view loads nothing
                    return {}
                with content.open() as file:
                    content = file.read(_LARGEST_SHOWN + 1)
        except OSError:
            return {}
        found = preview_content(io.BytesIO(content), rows=0, max_bytes=2**20)
        if not isinstance(found, ImagePreview) or len(content) > _LARGEST_SHOWN:
            return {}
        return {f"image/{found.format}": b64encode(content).decode()}
