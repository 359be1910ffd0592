"""Images of Pillow come back exactly."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer import Serializer
from artigraph.serializer.pillow import image_serializer
from artigraph.serializer.preview import ImagePreview
from artigraph.testing.serializer import RecordingFile, SerializerConformance


def noise(mode: str, size: tuple[int, int] = (13, 7)) -> Image.Image:
    """Return an image of random pixels."""
    empty = Image.new(mode, size)
    image = Image.frombytes(mode, size, random.Random(1).randbytes(len(empty.tobytes())))
    if mode == "P":
        image.putpalette(random.Random(2).randbytes(768))
    return image


def with_info() -> Image.Image:
    image = noise("RGB", (3, 2))
    exif = Image.Exif()
    exif[0x010E] = "a description"
    image.info = {
        "dpi": (72, 72.5),
        "exif": exif.tobytes(),
        "icc_profile": b"not a real profile",
        "comment": "\xe4",
        "n": {1: None},
    }
    return image


def palettes() -> list[Image.Image]:
    few = Image.new("P", (4, 4))
    few.putpalette([1, 2, 3, 4, 5, 6])
    few.putpixel((1, 1), 1)
    transparent = noise("P")
    transparent.info["transparency"] = 3
    return [noise("P"), few, transparent, noise("RGB").quantize(5), noise("RGB").convert("P"), noise("L").convert("P")]


def values() -> list[Image.Image]:
    found = [noise(mode) for mode in ("1", "L", "LA", "RGB", "RGBA", "I;16")]
    clear = noise("RGB")
    clear.info["transparency"] = (1, 2, 3)
    return [*found, *palettes(), clear, with_info(), Image.new("RGBA", (1, 1)), noise("L", (300, 200))]


def opened() -> Image.Image:
    file = io.BytesIO()
    noise("RGB").save(file, "PNG")
    return Image.open(file)


def with_changed_exif() -> Image.Image:
    image = noise("L")
    image.getexif()[0x010E] = "changed"
    return image


def with_object() -> Image.Image:
    image = noise("L")
    image.info["object"] = object()
    return image


REFUSED: dict[str, tuple[Any, str]] = {
    **{mode: (Image.new(mode, (2, 2)), "convert") for mode in ("CMYK", "YCbCr", "LAB", "HSV", "I", "F", "PA", "RGBX")},
    "opened": (opened(), r"image.copy\(\).*File"),
    "exif": (with_changed_exif(), r"image.info\['exif'\]"),
    "info": (with_object(), r"image\.info"),
    "empty": (Image.new("L", (0, 3)), "cannot store"),
}


class TestImageSerializer(SerializerConformance):
    refused = tuple(value for value, _ in REFUSED.values())

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        return image_serializer

    @pytest.fixture
    def values(self) -> Any:
        return values()

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert type(back) is Image.Image
        assert (back.mode, back.size, back.info) == (value.mode, value.size, value.info)
        assert list(back.info) == list(value.info)
        assert back.tobytes() == value.tobytes()
        assert back.getpalette() == value.getpalette()
        assert back.copy().convert("RGBA").tobytes() == value.copy().convert("RGBA").tobytes()
        assert dict(back.getexif()) == dict(value.getexif())


@pytest.mark.parametrize("case", REFUSED)
def test_what_png_changes_is_refused_with_what_to_do(case: str) -> None:
    value, text = REFUSED[case]
    with pytest.raises(SerializationError, match=text):
        image_serializer.serialize(value)


def test_an_image_that_was_converted_elsewhere_can_still_be_stored() -> None:
    image = palettes()[2]
    image.convert("RGBA")
    assert image_serializer.equal(image_serializer.deserialize(image_serializer.serialize(image)), palettes()[2])


def test_others_see_the_image(tmp_path: Path) -> None:
    image = with_info()
    (tmp_path / "image.png").write_bytes(image_serializer.serialize(image))
    with Image.open(tmp_path / "image.png") as found:
        assert found.tobytes() == image.tobytes()


def test_a_preview_is_an_image() -> None:
    file = RecordingFile(image_serializer.serialize(noise("RGB", (300, 200))))
    found = image_serializer.preview(file)
    assert isinstance(found, ImagePreview)
    assert (found.format, found.width, found.height) == ("png", 300, 200)


def test_differences() -> None:
    one = noise("RGB")
    other = one.copy()
    other.putpixel((3, 4), (0, 0, 0))
    other.putpixel((5, 5), (0, 0, 0))
    assert image_serializer.describe_change(one, other) == "pixels differ within 3x2 at (3, 4)"
    assert image_serializer.describe_change(one, one.convert("L").resize((2, 2))) == "RGB → L; 13x7 → 2x2"
    other = one.copy()
    other.info["dpi"] = (1, 1)
    assert image_serializer.describe_change(one, other) == "info['dpi'] differs"
    assert not image_serializer.equal(one, other)
    assert image_serializer.describe_change(noise("I;16"), Image.new("I;16", (13, 7))) == "pixels differ"
    first, second = noise("P"), noise("P")
    second.putpalette(bytes(768))
    assert image_serializer.describe_change(first, second) == "another palette"


def test_a_png_of_others_is_an_error() -> None:
    file = io.BytesIO()
    noise("RGB").save(file, "PNG")
    with pytest.raises(DeserializationError, match="another program"):
        image_serializer.deserialize(file.getvalue())


def test_a_changed_table_inside_of_the_exif_data_is_refused() -> None:
    exif = Image.Exif()
    exif[271] = "Make"
    exif.get_ifd(0x8825)[1] = "N"
    image = Image.new("RGB", (4, 4))
    image.info["exif"] = exif.tobytes()
    assert image_serializer.deserialize(image_serializer.serialize(image)).getexif().get_ifd(0x8825) == {1: "N"}
    image.getexif().get_ifd(0x8825)[1] = "S"
    with pytest.raises(SerializationError, match="EXIF"):
        image_serializer.serialize(image)
