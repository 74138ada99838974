"""Renderers that come and go, each kind in its own way."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable
from typing import Any, Final

import grpc
from grpc import aio

from electron_ipc.v1 import ipc_pb2 as pb
from renderer import IpcRenderer
from renderer.aio import IpcRenderer as AioRenderer
from tests.hostile.house import STREAM, Intruder, call, event
from tests.support.processes import PATIENCE

_AT_ONCE: Final = 8


def _threads(address: str, cycles: int) -> None:
    for number in range(cycles):
        with IpcRenderer(address) as page:
            assert page.invoke("echo", number).result(20) == [number]


async def _aio(address: str, number: int) -> None:
    async with AioRenderer(address) as page:
        assert await page.invoke("echo", number) == [number]


async def _raw(address: str, **hello: Any) -> tuple[aio.Channel, Intruder]:
    options = [("grpc.use_local_subchannel_pool", 1)]
    channel = aio.insecure_channel(address, options=options)
    page = Intruder(channel)
    await page.hello(**hello)
    return channel, page


async def _says_goodbye(address: str, number: int) -> None:
    channel, page = await _raw(address, acks=True)
    await page.put(call(1, "echo", number), first=1)
    await page.reply(1)
    await page.say(ack=1, goodbye=pb.Goodbye())
    await page.goodbye()
    await channel.close()


async def _is_cancelled(address: str, number: int) -> None:
    channel, page = await _raw(address)
    await page.put(call(1, "echo", number))
    await page.close()
    await channel.close()


async def _is_cut_and_never_seen_again(address: str, number: int) -> None:
    channel, page = await _raw(address, acks=True, resume=True)
    await page.put(event("echo", number), first=1)
    await page.until(page.events)
    await page.close()
    await channel.close()


async def _loses_its_socket(address: str, number: int) -> None:
    channel, page = await _raw(address, acks=True)
    await page.put(event("echo", number), first=1)
    await channel.close()
    await page.close()


def _says_no_hello(address: str, cycles: int) -> None:
    # On threads: grpc.aio's client may hang when it ends calls that have hardly begun.
    options = [("grpc.use_local_subchannel_pool", 1)]
    for _ in range(cycles):
        silence: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        with grpc.insecure_channel(address, options=options) as channel:
            opened: Any = channel.stream_stream(STREAM)
            abandoned = [opened(iter(silence.get, None)) for _ in range(3)]
            (goodbye,) = opened(iter([b"\xff"]))
            assert pb.StreamResponse.FromString(goodbye).HasField("goodbye")
            for link in abandoned:
                link.cancel()
                silence.put(None)  # or its thread would wait for ever


def _on_a_loop(cycle: Callable[[str, int], Any]) -> Callable[[str, int], None]:
    async def run(address: str, cycles: int) -> None:
        numbers = iter(range(cycles))

        async def one_after_the_other() -> None:
            for number in numbers:
                async with asyncio.timeout(PATIENCE):
                    await cycle(address, number)

        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(one_after_the_other())

    return lambda address, cycles: asyncio.run(run(address, cycles))


CYCLES: Final[dict[str, Callable[[str, int], None]]] = {
    "threads": _threads,
    "aio": _on_a_loop(_aio),
    "says goodbye": _on_a_loop(_says_goodbye),
    "is cancelled": _on_a_loop(_is_cancelled),
    "is cut and never seen again": _on_a_loop(_is_cut_and_never_seen_again),
    "loses its socket": _on_a_loop(_loses_its_socket),
    "says no hello": _says_no_hello,
}
"""Each runs so many cycles against an address."""
