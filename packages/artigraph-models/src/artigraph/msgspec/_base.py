"""What the bases of async and of sync code have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, dataclass_transform

import msgspec
from artigraph.model.fields import BaseOfModels


@dataclass_transform(field_specifiers=(msgspec.field,))
class Metaclass(msgspec.StructMeta):
    """Takes from the class line what is Artigraph's, and gives the rest to msgspec."""

    def __new__(
        mcs,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        /,
        **line: Any,
    ) -> Any:
        ours = {key: line.pop(key) for key in ("version", "name", "aliases", "config") if key in line}
        if ours:
            namespace = {**namespace, "_artigraph_line": ours}
        return super().__new__(mcs, name, bases, namespace, **line)


if TYPE_CHECKING:

    @dataclass_transform(field_specifiers=(msgspec.field,))
    class SyncMetaclass(Metaclass, BaseOfModels):
        """The same for the base of sync code."""

else:
    SyncMetaclass = Metaclass
