"""A TCP proxy that does to connections what networks do, when it is told to.

It stands between a renderer and a main process:

    async with Proxy(main.address) as proxy:          # on an event loop, or
    with proxy_in_thread(main.address) as proxy:      # in a thread of its own
        page = IpcRenderer(proxy.address)
        proxy.reset()

What it is told may be said from any thread. It holds for every connection there is,
and for the ones to come where that makes sense; `proxy.connections` are to be had one
by one, too.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import inf
from typing import Any, Final, Literal, Self, TypedDict, TypeVar, Unpack

from tests.faults.http2 import Corrupter

T = TypeVar("T")
Way = Literal["up", "down"]
"""To main, or to the renderer."""

_CHUNK: Final = 64 * 1024
_QUEUED: Final = 256
"""Chunks on their way in one direction, for latency to hold back."""
_PATIENCE: Final = 30.0
_NO_LINGER: Final = struct.pack("ii", 1, 0)


class Changes(TypedDict, total=False):
    """What can be said of the weather."""

    latency_s: float
    jitter_s: float
    bytes_per_s: float
    slice_bytes: int


@dataclass(frozen=True, slots=True)
class Weather:
    """What becomes of bytes that pass, in each direction.

    Attributes:
        latency_s: seconds that each takes.
        jitter_s: up to so much more, at random; the order stays.
        bytes_per_s: no more than this.
        slice_bytes: so many at once.
    """

    latency_s: float = 0.0
    jitter_s: float = 0.0
    bytes_per_s: float = inf
    slice_bytes: int = _CHUNK


FAIR: Final = Weather()


class Connection:
    """A connection of the renderer's, and the one to main that belongs to it."""

    def __init__(self, proxy: Proxy, renderer: socket.socket) -> None:
        self.weather = proxy.weather
        self.passed = {"up": 0, "down": 0}
        """Bytes that went through."""
        self._proxy = proxy
        self._ends = {"down": renderer}  # by the way that ends there
        self._left: dict[str, float] = {"up": inf, "down": inf}
        self._corrupters = {"up": Corrupter(preface=True), "down": Corrupter()}
        self._open = asyncio.Event()
        self.black_hole(proxy.is_black_hole)
        self._task = asyncio.create_task(self._run())

    def reset(self) -> None:
        """End both halves with a RST: what is on its way is lost."""
        self._close(_NO_LINGER)

    def black_hole(self, on: bool = True) -> None:
        """Keep it open, and read and forward nothing, not even its end."""
        if on:
            self._open.clear()
        else:
            self._open.set()

    def half_close(self, way: Way) -> None:
        """Say that no more will come this way; the other stays as it is."""
        self._left[way] = 0
        if end := self._ends.get(way):
            _shut(end)

    def cut_after(self, count: int, way: Way) -> None:
        """Reset it when so many bytes more have passed this way."""
        self._left[way] = count

    def corrupt(self, way: Way, *, count: int | None = None) -> None:
        """Change one byte: of the next HTTP/2 frame's length, or after so many."""
        self._corrupters[way].arm(count)

    async def closed(self) -> None:
        """Close it as a process that ends does, and wait for that."""
        self._close()
        await asyncio.wait([self._task])

    def _close(self, linger: bytes | None = None) -> None:
        for end in self._ends.values():
            if linger:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._task.cancel()

    async def _run(self) -> None:
        try:
            await self._open.wait()
            self._ends["up"] = await self._proxy.dial()
            async with asyncio.TaskGroup() as group:
                for way in ("up", "down"):
                    queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_QUEUED)
                    group.create_task(self._read(way, queue))
                    group.create_task(self._write(way, queue))
        except* OSError:
            self._close(_NO_LINGER)  # what one half has suffered the other does, too
        finally:
            for end in self._ends.values():
                end.close()
            self._proxy.forget(self)

    async def _read(self, way: str, queue: asyncio.Queue[tuple[float, bytes]]) -> None:
        loop = asyncio.get_running_loop()
        source = self._ends["down" if way == "up" else "up"]
        data = b"-"
        while data:
            await self._open.wait()
            data = await loop.sock_recv(source, _CHUNK)
            weather = self.weather
            delay = weather.latency_s + weather.jitter_s * self._proxy.draw()
            await queue.put((loop.time() + delay, data))

    async def _write(self, way: str, queue: asyncio.Queue[tuple[float, bytes]]) -> None:
        loop, sink = asyncio.get_running_loop(), self._ends[way]
        while True:
            due, data = await queue.get()
            if (delay := due - loop.time()) > 0:
                await asyncio.sleep(delay)
            if not data:
                await self._open.wait()
                _shut(sink)
                return
            passing = self._corrupters[way].through(data)
            if passing != data:
                self._proxy.on_strike()
            await self._pass(way, sink, passing)

    async def _pass(self, way: str, sink: socket.socket, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        while data:
            await self._open.wait()
            if self._left[way] <= 0:  # half-closed: nothing more goes this way
                return
            size = int(min(len(data), self.weather.slice_bytes, self._left[way]))
            piece, data = data[:size], data[size:]
            await loop.sock_sendall(sink, piece)
            self.passed[way] += size
            self._left[way] -= size
            if self._left[way] <= 0:
                self._proxy.on_strike()
                raise ConnectionResetError("so it was asked")
            # With no delay, too: each slice becomes a packet of its own.
            await asyncio.sleep(size / self.weather.bytes_per_s)


class Proxy:
    """Listens on a port of its own. See the module's docstring."""

    def __init__(self, target: str, *, seed: int = 0) -> None:
        """Name the main process; nothing is opened yet.

        Args:
            target: HOST:PORT of main; may be changed when it has moved.
            seed: what jitter is drawn from.
        """
        self.target = target
        self.address = ""
        self.weather = FAIR
        self.is_black_hole = False
        self.accepts = True
        """Otherwise a new connection is reset at once."""
        self.on_strike: Callable[[], object] = lambda: None
        """Called on its loop when what was to come after some bytes has come."""
        self.accepted = 0
        self.connections: list[Connection] = []
        self._connected = asyncio.Event()
        self.draw = random.Random(seed).random

    async def __aenter__(self) -> Self:
        """Begin to listen."""
        self._loop = asyncio.get_running_loop()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.setblocking(False)
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._accepting = asyncio.create_task(self._accept())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close everything."""
        self._accepting.cancel()
        await asyncio.wait([self._accepting])
        self._listening.close()
        for connection in self.connections[:]:
            await connection.closed()

    def reset(self) -> int:
        """Reset all connections; return how many there were."""
        return self._each(lambda connection: connection.reset())

    def black_hole(self, on: bool = True) -> int:
        """Swallow all connections, new ones too; or go on with what they have."""

        def swallow() -> None:
            self.is_black_hole = on

        self.tell(swallow)
        return self._each(lambda connection: connection.black_hole(on))

    def half_close(self, way: Way) -> int:
        """Half-close all connections."""
        return self._each(lambda connection: connection.half_close(way))

    def cut_after(self, count: int, way: Way) -> int:
        """Reset every connection when so many bytes more have passed this way."""
        return self._each(lambda connection: connection.cut_after(count, way))

    def corrupt(self, way: Way, *, count: int | None = None) -> int:
        """Change a byte on all connections: see `Connection.corrupt`."""
        return self._each(lambda connection: connection.corrupt(way, count=count))

    def change(self, **changes: Unpack[Changes]) -> None:
        """Let the weather be fair but for this, for all connections and new ones."""
        self.weather = weather = replace(FAIR, **changes)

        def blow(connection: Connection) -> None:
            connection.weather = weather

        self._each(blow)

    async def connected(self) -> None:
        """Wait until there is a connection; on its own event loop."""
        await self._connected.wait()

    def forget(self, connection: Connection) -> None:
        """Note that a connection has ended."""
        self.connections.remove(connection)
        if not self.connections:
            self._connected.clear()

    async def dial(self) -> socket.socket:
        """Connect to main."""
        host, _, port = self.target.rpartition(":")
        end = _quick(socket.socket())
        try:
            await self._loop.sock_connect(end, (host, int(port)))
        except BaseException:
            end.close()
            raise
        return end

    async def _accept(self) -> None:
        while True:
            renderer, _ = await self._loop.sock_accept(self._listening)
            self.accepted += 1
            if self.accepts:
                self.connections.append(Connection(self, _quick(renderer)))
                self._connected.set()
            else:
                renderer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
                renderer.close()

    def _each(self, act: Callable[[Connection], object]) -> int:
        def act_on_all() -> int:
            for connection in self.connections:
                act(connection)
            return len(self.connections)

        return self.tell(act_on_all)

    def tell(self, act: Callable[[], T]) -> T:
        """Do something on the proxy's own event loop, and wait for it."""
        try:
            if asyncio.get_running_loop() is self._loop:
                return act()
        except RuntimeError:
            pass  # a thread without a loop

        async def on_loop() -> T:
            return act()

        told = asyncio.run_coroutine_threadsafe(on_loop(), self._loop)
        return told.result(_PATIENCE)


@contextmanager
def proxy_in_thread(target: str, **options: Any) -> Iterator[Proxy]:
    """Run a proxy in a thread of its own while the block runs."""
    proxy, up, over = Proxy(target, **options), threading.Event(), asyncio.Event()

    async def run() -> None:
        async with proxy:
            up.set()
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=[run()], name="fault proxy")
    thread.start()
    assert up.wait(_PATIENCE), "the proxy does not start"
    try:
        yield proxy
    finally:
        proxy.tell(over.set)
        thread.join(_PATIENCE)


def _quick(end: socket.socket) -> socket.socket:
    end.setblocking(False)
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return end


def _shut(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # closed, or never open


def cut_somehow(proxy: Proxy, nth: int, draw: random.Random) -> None:
    """Reset all connections: now, or when some more has passed, in turn."""
    match nth % 3:
        case 0:
            proxy.reset()
        case 1:
            proxy.cut_after(draw.randrange(5_000), "up")
        case _:
            proxy.cut_after(draw.randrange(5_000), "down")
