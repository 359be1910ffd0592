"""Where something is in a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from artigraph.model.show import short_repr

__all__ = ["TOP", "Path"]

_ENDS = 90
"""Characters of each end of a long path that are shown."""


class Path:
    """The steps from a model down to a value in it; each knows the one above it alone, so depth costs nothing."""

    __slots__ = ("above", "step", "write")

    def __init__(self, above: Path | None, step: object, write: Callable[[object], str]) -> None:
        self.above: Path | None = above
        self.step: object = step
        self.write: Callable[[object], str] = write

    def field(self, name: object) -> Path:
        """Return the path of a field."""
        return Path(self, name, _as_field)

    def item(self, key: object) -> Path:
        """Return the path of an item, by its key or index."""
        return Path(self, key, _as_item)

    def __str__(self) -> str:
        return "".join(reversed(list(self._steps()))).removeprefix(".")

    def shortened(self) -> str:
        """Return the path as it is shown, whatever its depth."""
        text = str(self)
        return text if len(text) <= 2 * _ENDS else f"{text[:_ENDS]} ... {text[-_ENDS:]}"

    def _steps(self) -> Iterator[str]:
        path: Path | None = self
        while path is not None:
            yield path.write(path.step)
            path = path.above


def _as_field(step: object) -> str:
    return f".{step}"


def _as_item(step: object) -> str:
    return f"[{short_repr(step)}]"


TOP = Path(None, None, lambda _: "")
"""The path of a model itself."""
