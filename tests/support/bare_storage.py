"""A storage that keeps nothing, from which tests derive those that do one thing."""

from __future__ import annotations

from artigraph.storage import Storage


class BareStorage(Storage):
    """Has a name, and the four methods of every storage. Each call of one fails the test."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def create(self, data: bytes, *, key: str | None = None) -> str:
        raise NotImplementedError

    async def read(self, location: str) -> bytes:
        raise NotImplementedError

    async def delete(self, location: str) -> None:
        raise NotImplementedError

    async def exists(self, location: str) -> bool:
        raise NotImplementedError
