"""A TCP proxy that injects network faults on purpose, to test code that connects to a server.

It stands between a client and its server and sees every piece of bytes that passes. It applies a fault to the piece for
which a test waits.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, Self, TypeAlias

__all__ = ["FaultProxy", "ReplyFault", "RequestFault", "Trigger", "anything"]

RequestFault = Literal["drop", "cut", "lose_reply", "late", "stall", "delay"]
"""What happens to a piece that a client sent.

- `drop`: it is not delivered, and both connections are closed.
- `cut`: half of it is delivered, and then both connections are closed.
- `lose_reply`: it is delivered, and both connections are closed when the server replies.
- `late`: the client's connection is closed at once, and the piece is delivered after a delay.
- `stall`: no more bytes pass in either direction, and both connections stay open.
- `delay`: it is delivered after a delay.
"""

ReplyFault = Literal["drop", "cut", "stall", "delay"]
"""What happens to a piece that a server sent; see `RequestFault`."""

Trigger = Callable[[bytes], bool]
"""A function that says whether a piece of bytes, as received from the network, is the one to fault."""

_Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_PIECE = 256 * 1024


def anything(data: bytes) -> bool:  # noqa: ARG001
    """Match every piece."""
    return True


class FaultProxy:
    """Forwards connections to a server, and injects the faults that a test asks for.

        async with FaultProxy("127.0.0.1", 5432) as proxy:
            proxy.on_request("lose_reply", lambda data: b"COMMIT" in data)
            ...  # connect to proxy.host and proxy.port

    It belongs to the event loop on which it is entered. Encrypted bytes pass unchanged. Switch encryption off if a
    trigger must read the content.
    """

    host: str = "127.0.0.1"
    """The host on which it listens."""

    def __init__(self, host: str, port: int) -> None:
        self._upstream = (host, port)
        self._faults = _Faults()
        self._links: set[_Link] = set()
        self._running: set[asyncio.Task[object]] = set()
        self._connections = 0
        self._server: asyncio.Server | None = None
        self.port: int = 0
        """The port on which it listens, once it is entered."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, self.host, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._server is not None:
            self._server.close()
        self._faults.over.set()
        self.hang_up()
        if self._running:
            await asyncio.wait(self._running)

    @property
    def faults(self) -> int:
        """How many faults it has injected so far."""
        return self._faults.count

    @property
    def connections(self) -> int:
        """How many connections were made so far."""
        return self._connections

    def on_request(
        self, fault: RequestFault, trigger: Trigger = anything, *, times: int = 1, seconds: float = 0.05
    ) -> None:
        """Apply a fault to the next `times` client pieces that match. `late` and `delay` wait `seconds` seconds."""
        self._faults.requests.append(_Rule(fault, trigger, times, seconds))

    def on_reply(
        self, fault: ReplyFault, trigger: Trigger = anything, *, times: int = 1, seconds: float = 0.05
    ) -> None:
        """Apply a fault to the next `times` server pieces that match. `delay` waits `seconds` seconds."""
        self._faults.replies.append(_Rule(fault, trigger, times, seconds))

    def clear(self) -> None:
        """Drop every fault that has not been injected yet."""
        self._faults.requests.clear()
        self._faults.replies.clear()

    def hang_up(self) -> None:
        """Break every connection, as a firewall does with idle ones, or a crashing server."""
        for link in self._links:
            link.break_off()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            link = _Link((reader, writer), await asyncio.open_connection(*self._upstream), self._faults)
            self._links.add(link)
            await link.run()
            self._links.discard(link)
        except OSError:  # the server does not answer
            _reset(writer)
        finally:
            self._running.discard(task)


@dataclass
class _Rule:
    fault: RequestFault
    trigger: Trigger
    times: int
    seconds: float


@dataclass
class _Faults:
    """The faults to inject."""

    requests: list[_Rule] = field(default_factory=list[_Rule])
    replies: list[_Rule] = field(default_factory=list[_Rule])
    count: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the proxy is left."""

    def take(self, data: bytes, *, reply: bool) -> _Rule | None:
        """Return the rule that applies to a piece and count the fault, or return None."""
        rules = self.replies if reply else self.requests
        rule = next((rule for rule in rules if rule.trigger(data)), None)
        if rule is not None:
            self.count += 1
            rule.times -= 1
            if not rule.times:
                rules.remove(rule)
        return rule

    async def pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.over.wait(), seconds)


class _Link:
    """A connection of a client and the proxy's connection to the server."""

    def __init__(self, client: _Streams, server: _Streams, faults: _Faults) -> None:
        self._from_client, self._to_client = client
        self._from_server, self._to_server = server
        self._faults = faults
        self._passing = True
        self._loses_reply = False

    async def run(self) -> None:
        """Forward bytes in both directions until both sides have ended."""
        await asyncio.gather(
            self._pass(self._from_client, self._to_server, reply=False),
            self._pass(self._from_server, self._to_client, reply=True),
        )
        for writer in (self._to_client, self._to_server):
            writer.close()

    def break_off(self) -> None:
        """Break both connections."""
        self._passing = False
        _reset(self._to_client)
        _reset(self._to_server)

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, reply: bool) -> None:
        try:
            while data := await source.read(_PIECE):
                if reply and self._loses_reply:
                    self.break_off()
                rule = self._faults.take(data, reply=reply) if self._passing else None
                if rule is not None:
                    await self._go_wrong(rule, data, target)
                if self._passing:
                    target.write(data)
                    await target.drain()
            if self._passing and not target.is_closing():
                target.write_eof()
        except OSError:
            self.break_off()

    async def _go_wrong(self, rule: _Rule, data: bytes, target: asyncio.StreamWriter) -> None:
        match rule.fault:
            case "lose_reply":
                self._loses_reply = True
            case "delay":
                await self._faults.pause(rule.seconds)
            case "stall":
                self._passing = False
            case "late":
                self._passing = False
                _reset(self._to_client)
                await self._faults.pause(rule.seconds)
                self._to_server.write(data)
                self._to_server.close()
            case "cut":
                self._passing = False
                target.write(data[: len(data) // 2])
                target.close()  # sends the buffered bytes first
                _reset(self._to_client if target is self._to_server else self._to_server)
            case "drop":
                self.break_off()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Reset a connection, so that the other side sees it broken, not ended."""
    peer: socket.socket = writer.get_extra_info("socket")
    with suppress(OSError):  # the connection is closed already
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if os.name == "nt" else "ii", 1, 0))
    writer.transport.abort()
