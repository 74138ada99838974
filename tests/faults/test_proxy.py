"""The fault proxy does what it is told, on bare sockets."""

from __future__ import annotations

import asyncio
import socket
import threading
from asyncio import IncompleteReadError, StreamReader, StreamWriter
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from functools import partial
from typing import NamedTuple

import pytest

from tests.faults.http2 import Corrupter
from tests.faults.proxy import Proxy, Way, proxy_in_thread
from tests.support.processes import PATIENCE


class Line(NamedTuple):
    """Both ends of a connection through a proxy."""

    proxy: Proxy
    near: tuple[StreamReader, StreamWriter]
    far: tuple[StreamReader, StreamWriter]

    def ends(self, way: Way) -> tuple[StreamWriter, StreamReader]:
        """Return where bytes go in, and where they come out."""
        source, sink = (self.near, self.far) if way == "up" else (self.far, self.near)
        return source[1], sink[0]


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    far: asyncio.Queue[tuple[StreamReader, StreamWriter]] = asyncio.Queue()

    def come(reader: StreamReader, writer: StreamWriter) -> None:
        far.put_nowait((reader, writer))

    async with asyncio.timeout(PATIENCE):
        server = await asyncio.start_server(come, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, Proxy(f"127.0.0.1:{port}") as proxy:
            near = await asyncio.open_connection(*proxy.address.split(":"))
            line = Line(proxy, near, await far.get())
            yield line
            for _, writer in (line.near, line.far):
                writer.close()


WAYS = pytest.mark.parametrize("way", ["up", "down"])


@WAYS
async def test_bytes_pass_and_so_does_the_end(line: Line, way: Way) -> None:
    into, out = line.ends(way)
    sent = bytes(range(256)) * 4096
    into.write(sent)
    into.write_eof()
    assert await out.read() == sent
    back, home = line.ends("down" if way == "up" else "up")
    back.write(b"the other way is still there")
    assert await home.readexactly(28)


async def test_a_reset_is_one_at_both_ends(line: Line) -> None:
    assert line.proxy.reset() == 1
    for reader, _ in (line.near, line.far):
        with pytest.raises(ConnectionResetError):
            await reader.read()
    assert line.proxy.connections == []


async def test_a_reset_of_one_half_resets_the_other(line: Line) -> None:
    end = line.far[1].get_extra_info("socket")
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    line.far[1].transport.abort()
    with pytest.raises(ConnectionResetError):
        await line.near[0].read()


@WAYS
async def test_a_black_hole_keeps_all_that_went_in(line: Line, way: Way) -> None:
    into, out = line.ends(way)
    line.proxy.black_hole()
    into.write(b"anybody there?")
    into.write_eof()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await out.read(1)
    line.proxy.black_hole(False)
    assert await out.read() == b"anybody there?"


async def test_a_black_hole_takes_new_connections_too(line: Line) -> None:
    line.proxy.black_hole()
    reader, writer = await asyncio.open_connection(*line.proxy.address.split(":"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await reader.read()
    writer.close()


@WAYS
async def test_half_closed_the_other_way_stays(line: Line, way: Way) -> None:
    line.proxy.half_close(way)
    into, out = line.ends(way)
    into.write(b"too late")
    assert await out.read() == b""
    back, home = line.ends("down" if way == "up" else "up")
    back.write(b"still")
    assert await home.readexactly(5) == b"still"


@WAYS
async def test_cut_after_so_many_bytes(line: Line, way: Way) -> None:
    into, out = line.ends(way)
    strikes: list[int] = []
    line.proxy.on_strike = partial(strikes.append, 1)
    line.proxy.cut_after(5, way)
    into.write(b"1234567890")
    # What a reset overtakes is lost: five at most.
    with pytest.raises((ConnectionResetError, IncompleteReadError)):
        await out.readexactly(6)
    assert strikes == [1]


async def test_slices(line: Line) -> None:
    line.proxy.change(slice_bytes=1)
    into, out = line.ends("up")
    into.write(b"abc" * 100)
    assert await out.readexactly(300) == b"abc" * 100


async def test_latency_and_jitter_keep_the_order(line: Line) -> None:
    line.proxy.change(latency_s=0.01, jitter_s=0.01)
    into, out = line.ends("up")
    loop = asyncio.get_running_loop()
    start = loop.time()
    for n in range(20):
        into.write(b"%02d" % n)
        await asyncio.sleep(0)
    assert await out.readexactly(40) == b"".join(b"%02d" % n for n in range(20))
    assert loop.time() - start >= 0.01, "the least that was asked for"


async def test_bandwidth(line: Line) -> None:
    line.proxy.change(bytes_per_s=100_000, slice_bytes=1_000)
    into, out = line.ends("down")
    loop = asyncio.get_running_loop()
    start = loop.time()
    into.write(bytes(10_000))
    await out.readexactly(10_000)
    assert loop.time() - start >= 0.08, "the least that was asked for"


@WAYS
async def test_one_byte_is_another(line: Line, way: Way) -> None:
    into, out = line.ends(way)
    line.proxy.corrupt(way, count=2)
    into.write(b"abcd")
    assert await out.readexactly(4) == b"ab\x9cd"


async def test_no_new_connection_while_it_accepts_none(line: Line) -> None:
    line.proxy.accepts = False
    with pytest.raises(ConnectionResetError):
        await read_all(line.proxy.address)


async def test_nobody_behind_it_is_a_reset() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with Proxy(f"127.0.0.1:{port}") as proxy:
        with pytest.raises(ConnectionResetError):
            await read_all(proxy.address)


async def read_all(address: str) -> bytes:
    reader, writer = await asyncio.open_connection(*address.split(":"))
    with closing(writer):
        return await reader.read()


@pytest.fixture
def echo() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            end, _ = server.accept()
            with end:
                while data := receive(end):
                    end.sendall(data)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join(PATIENCE)


def receive(end: socket.socket) -> bytes:
    try:
        return end.recv(100)
    except ConnectionResetError:
        return b""


def test_in_a_thread_of_its_own(echo: str) -> None:
    with proxy_in_thread(echo) as proxy:
        host, port = proxy.address.split(":")
        with socket.create_connection((host, int(port)), PATIENCE) as end:
            end.sendall(b"hello")
            assert end.recv(100) == b"hello"
            assert proxy.reset() == 1
            with pytest.raises(ConnectionResetError):
                end.recv(100)


def frame(length: int) -> bytes:
    return length.to_bytes(3, "big") + bytes(6) + b"." * length


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_length_of_the_next_frame(size: int) -> None:
    corrupter, passed = Corrupter(preface=True), b""
    before, after = b"-" * 24 + frame(0) + frame(300), frame(20) + frame(5)
    pieces = [before[n : n + size] for n in range(0, len(before), size)]
    passed += b"".join(map(corrupter.through, pieces))
    assert passed == before
    corrupter.arm()
    pieces = [after[n : n + size] for n in range(0, len(after), size)]
    passed = b"".join(map(corrupter.through, pieces))
    assert passed == b"\xff" + after[1:]
