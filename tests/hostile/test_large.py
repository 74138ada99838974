"""Frames and messages that are larger, or more, than anybody takes."""

from __future__ import annotations

import tracemalloc

import grpc
import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import messages
from renderer.wire.limits import Limits
from tests.hostile.house import (
    Intruder,
    call,
    echoing,
    event,
    field,
    intruded,
    packed_call,
)

KIB = 1024
LANES = ["chunks", "lanes"]


def chunk(
    transfer: int, data: bytes = bytes(KIB), *, lane: int = 0, **fields: bool
) -> pb.Message:
    return pb.Message(lane=lane, chunk=pb.Chunk(transfer=transfer, data=data, **fields))


async def test_a_frame_over_the_limit() -> None:
    async with intruded(echoing()) as intruder:
        await intruder.put(event("echo", bytes(4 * 2**20)))
        assert await intruder.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert intruder.frames[-1].HasField("welcome")  # no Goodbye: that is a cut


async def test_a_thousand_opened_transfers() -> None:
    async with intruded(echoing(), acks=True, features=LANES) as intruder:
        opened = [chunk(n, lane=n) for n in range(1, 1_001)]
        await intruder.put(*opened, first=1)
        await intruder.refused("more than 4 open transfers")


async def test_transfers_one_after_the_other_and_none_brought_to_an_end() -> None:
    async with intruded(echoing(), acks=True, features=LANES) as intruder:
        number = 1
        for transfer in range(1, 1_001):
            half = [
                chunk(transfer, bytes(4 * KIB)),
                chunk(transfer, b"", abort=True),
            ]
            await intruder.put(*half, first=number)
            number += 2
        await intruder.put(call(1, "echo", "still there"), first=number)
        assert messages.read_result(await intruder.reply(1), "") == ["still there"]


async def test_more_bytes_in_transfers_than_main_holds() -> None:
    limits = Limits(max_message_bytes=64 * KIB)
    async with intruded(echoing(limits), acks=True, features=LANES) as intruder:
        parts = [chunk(1, bytes(20 * KIB)) for _ in range(4)]
        await intruder.put(*parts, first=1)
        await intruder.refused("large messages exceed 65,536 bytes")


@pytest.mark.parametrize(
    ("chunks", "text"),
    [
        ([chunk(0)], "a transfer cannot have the number 0"),
        ([chunk(1, b"x")], "a chunk of 1 bytes that is not the last"),
        ([chunk(1), chunk(2)], "a chunk of transfer 2 within transfer 1"),
        ([chunk(1), chunk(1, reply=True)], "within transfer 1"),
        ([chunk(1), chunk(1, lane=1)], "a transfer cannot have the number 1"),
        ([chunk(1), event("echo")], "a event stands between chunks"),
        ([chunk(1, b"\xff", last=True)], "malformed large message"),
        ([chunk(1, b"", last=True)], "a large message cannot be a None"),
        (
            [chunk(1, field(7, b"\x08\x02\x18\x01"), last=True)],
            "a large message cannot be a chunk",
        ),
        ([chunk(1, event("x").SerializeToString(), last=True, reply=True)], "differs"),
    ],
    ids=range(10),
)
async def test_chunks_that_do_not_fit(chunks: list[pb.Message], text: str) -> None:
    async with intruded(echoing(), acks=True, features=LANES) as intruder:
        await intruder.put(*chunks, first=1)
        await intruder.refused(text)


async def test_chunks_that_were_not_agreed_on() -> None:
    async with intruded(echoing(), acks=True) as intruder:
        await intruder.put(chunk(1), first=1)
        await intruder.refused("chunks were not agreed on")


async def test_a_large_message_that_is_too_deep() -> None:
    tree = pb.Value(null_value=True)
    for _ in range(70):
        tree = pb.Value(container=pb.CONTAINER_LIST, items=[tree])
    message = pb.Message(id=1, call=pb.Call(channel="echo", args=[tree]))
    data = message.SerializeToString()
    async with intruded(echoing(), acks=True, features=LANES) as intruder:
        await intruder.put(chunk(1, data, last=True), first=1)
        failure = (await intruder.reply(1)).failure
        assert failure.reason == "DATA_CLONE"


async def test_a_large_message_with_nothing_but_empty_maps() -> None:
    size = 8 * 2**20
    maps = b"\x91\xdd" + size.to_bytes(4, "big") + b"\x80" * size
    data = packed_call(1, "echo", maps).SerializeToString()
    whole = memoryview(data)
    parts = [bytes(whole[at : at + 2**20]) for at in range(0, len(data), 2**20)]
    async with intruded(echoing(), acks=True, features=LANES) as intruder:
        tracemalloc.start()
        try:
            for number, part in enumerate(parts, 1):
                last = number == len(parts)
                await intruder.put(chunk(1, part, last=last), first=number)
            failure = (await intruder.reply(1)).failure
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert failure.reason == "DATA_CLONE"
        assert peak < 20 * size  # and not 75 times as much


async def test_more_than_the_window_and_nothing_is_lost() -> None:
    ipc, heard = echoing(Limits(window_messages=100)), list[int]()
    ipc.on("count", lambda event, n: heard.append(n))
    async with intruded(ipc, acks=True) as intruder:
        for start in range(0, 5_000, 500):
            batch = [event("count", n) for n in range(start, start + 500)]
            await intruder.put(*batch, first=start + 1)
        await intruder.put(call(1, "echo"), first=5_001)
        await intruder.reply(1)
    assert heard == list(range(5_000))


async def test_one_who_reads_nothing_of_what_it_asks_for() -> None:
    """Main holds what its limits say, and no more."""
    limits = Limits(window_messages=50)
    big = "x" * 10_000
    async with intruded(echoing(limits), acks=True) as greedy:
        tracemalloc.start()
        try:
            await ask_until_over(greedy, big)
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert held < 64 * 2**20


async def ask_until_over(greedy: Intruder, text: str) -> None:
    for first in 1, 151:
        calls = [call(id, "echo", text) for id in range(first, first + 150)]
        await greedy.put(*calls, first=first)
    goodbye = await greedy.goodbye()
    assert goodbye.reason == pb.GOODBYE_REASON_OVERLOADED
