"""The proxy goes wrong in each of its ways, and in no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import get_args

import pytest
import pytest_asyncio

from artigraph.testing.proxy import FaultProxy, ReplyFault, RequestFault

PIECE = 100


class Echo:
    """Answers each line with itself, and remembers what it got."""

    def __init__(self) -> None:
        self.got = b""
        self.ended = asyncio.Event()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(PIECE * 10):
                self.got += data
                writer.write(data)
        except ConnectionError:
            pass
        writer.close()
        self.ended.set()


@pytest_asyncio.fixture
async def echo() -> Echo:
    return Echo()


@pytest_asyncio.fixture
async def proxy(echo: Echo) -> AsyncGenerator[FaultProxy]:
    server = await asyncio.start_server(echo.answer, "127.0.0.1", 0)
    async with FaultProxy(*server.sockets[0].getsockname()) as proxy:
        yield proxy
    server.close()
    await server.wait_closed()


async def ask(proxy: FaultProxy, *pieces: bytes) -> bytes:
    """Send pieces, each after the answer to the one before, and return all answers until we are hung up on."""
    reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
    answers = b""
    try:
        for piece in pieces:
            writer.write(piece)
            answer = await reader.read(PIECE * 10)
            answers += answer
            if not answer:
                break
            answers += await reader.readexactly(len(piece) - len(answer))
    except (ConnectionError, asyncio.IncompleteReadError) as error:
        answers += getattr(error, "partial", b"")
    finally:
        writer.close()
    return answers


async def test_without_faults_everything_passes(proxy: FaultProxy, echo: Echo) -> None:
    large = bytes(range(256)) * 20_000
    reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
    writer.write(large)
    assert await reader.readexactly(len(large)) == large
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()
    assert echo.got == large
    assert (proxy.faults, proxy.connections) == (0, 1)


@pytest.mark.parametrize(
    ("fault", "arrives"),
    [("drop", b""), ("cut", b"b" * (PIECE // 2)), ("lose_reply", b"b" * PIECE), ("late", b"b" * PIECE)],
)
async def test_a_request_goes_wrong(proxy: FaultProxy, echo: Echo, fault: RequestFault, arrives: bytes) -> None:
    proxy.on_request(fault, lambda data: data.startswith(b"b"), seconds=0.01)
    assert await ask(proxy, b"a" * PIECE, b"b" * PIECE, b"c" * PIECE) == b"a" * PIECE
    await echo.ended.wait()
    assert echo.got == b"a" * PIECE + arrives
    assert await ask(proxy, b"b" * PIECE) == b"b" * PIECE
    assert (proxy.faults, proxy.connections) == (1, 2)


@pytest.mark.parametrize(("fault", "arrives"), [("drop", b""), ("cut", b"b" * (PIECE // 2))])
async def test_a_reply_goes_wrong(proxy: FaultProxy, echo: Echo, fault: ReplyFault, arrives: bytes) -> None:
    proxy.on_reply(fault, lambda data: data.startswith(b"b"))
    assert await ask(proxy, b"a" * PIECE, b"b" * PIECE, b"c" * PIECE) == b"a" * PIECE + arrives
    assert echo.got == b"a" * PIECE + b"b" * PIECE
    assert await ask(proxy, b"b" * PIECE) == b"b" * PIECE


async def test_what_is_delayed_comes_in_the_end(proxy: FaultProxy) -> None:
    proxy.on_request("delay", seconds=0.01)
    proxy.on_reply("delay", seconds=0.01)
    assert await ask(proxy, b"a" * PIECE, b"b" * PIECE) == b"a" * PIECE + b"b" * PIECE
    assert proxy.faults == 2


@pytest.mark.parametrize("reply", [False, True])
async def test_after_a_stall_nothing_passes_until_it_is_left(proxy: FaultProxy, echo: Echo, reply: bool) -> None:
    if reply:
        proxy.on_reply("stall")
    else:
        proxy.on_request("stall")
    asked = asyncio.create_task(ask(proxy, b"a" * PIECE))
    while not proxy.faults:  # noqa: ASYNC110 (nobody tells)
        await asyncio.sleep(0)
    assert await ask(proxy, b"b" * PIECE) == b"b" * PIECE  # another connection
    assert not asked.done()
    proxy.hang_up()
    assert await asked == b""
    assert echo.got == (b"a" * PIECE if reply else b"") + b"b" * PIECE


async def test_faults_come_as_often_as_they_were_ordered_and_can_be_called_off(proxy: FaultProxy) -> None:
    proxy.on_request("drop", times=2)
    assert [await ask(proxy, b"a") for _ in range(3)] == [b"", b"", b"a"]
    proxy.on_request("drop")
    proxy.on_reply("drop")
    proxy.clear()
    assert await ask(proxy, b"a") == b"a"
    assert proxy.faults == 2


async def test_it_can_be_left_while_it_goes_wrong(echo: Echo) -> None:
    server = await asyncio.start_server(echo.answer, "127.0.0.1", 0)
    async with FaultProxy(*server.sockets[0].getsockname()) as proxy:
        proxy.on_request("delay", seconds=1000)
        asked = asyncio.create_task(ask(proxy, b"a"))
        while not proxy.faults:  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0)
    assert await asked == b""
    server.close()


async def test_a_server_that_is_not_there(unused_tcp_port: int) -> None:
    async with FaultProxy("127.0.0.1", unused_tcp_port) as proxy:
        assert await ask(proxy, b"a") == b""


def test_replies_go_wrong_in_ways_of_requests() -> None:
    assert set(get_args(ReplyFault)) < set(get_args(RequestFault))
