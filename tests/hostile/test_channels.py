"""Channels with names that nobody would choose."""

from __future__ import annotations

import logging
import tracemalloc
from typing import Any

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import messages
from tests.hostile.house import call, echoing, event, field, intruded

ODD = ["", "\0", "a\0b", "error", "__proto__", "x" * 2**20, "\u202e\n\x1b[31m"]
SURROGATE = b"\xed\xa0\x80"


@pytest.mark.parametrize("channel", ODD, ids=lambda name: ascii(name[:8]))
async def test_a_channel_with_an_odd_name_is_a_channel_like_any_other(
    channel: str,
) -> None:
    ipc = echoing()
    ipc.handle(channel, lambda event: "heard")
    async with intruded(ipc) as intruder:
        await intruder.put(call(1, channel))
        assert messages.read_result(await intruder.reply(1), "") == "heard"


@pytest.mark.parametrize("channel", ODD, ids=lambda name: ascii(name[:8]))
async def test_an_odd_name_that_nobody_listens_on(
    channel: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with intruded(echoing()) as intruder:
        with caplog.at_level(logging.WARNING, "ipc.main"):
            await intruder.put(event(channel), call(1, channel))
            await intruder.put(call(2, channel, sync=True))
            refusals = [await intruder.reply(id) for id in (1, 2)]
        reasons = [refusal.failure.reason for refusal in refusals]
        assert reasons == ["NO_HANDLER", "NO_LISTENER"]
        texts = [refusal.failure.message for refusal in refusals] + caplog.messages
        assert all(len(text) < 1_000 and text.isprintable() for text in texts)


async def test_a_channel_with_a_lone_surrogate() -> None:
    async with intruded(echoing()) as intruder:
        body = field(1, SURROGATE)
        await intruder.write(field(2, field(3, body)))
        await intruder.refused("malformed frame")


async def test_keys_and_texts_with_a_lone_surrogate() -> None:
    tree = b"\x3a\x01" + field(5, SURROGATE)
    async with intruded(echoing()) as intruder:
        await intruder.write(field(2, field(3, field(1, b"echo") + field(2, tree))))
        await intruder.refused("malformed frame")
    async with intruded(echoing(), encodings=[pb.ENCODING_PACKED]) as intruder:
        for id, packed in enumerate((b"\x91\xa3" + SURROGATE, surrogate_key()), 1):
            bad = pb.Message(id=id, call=pb.Call(channel="echo", packed=packed))
            await intruder.put(bad)
            reply = await intruder.reply(id)
            assert reply.failure.reason == "DATA_CLONE"


def surrogate_key() -> bytes:
    return b"\x91\x81\xa3" + SURROGATE + b"\xc0"


async def test_what_main_remembers_of_channels_is_bounded() -> None:
    ipc = echoing()
    async with intruded(ipc) as intruder:
        await intruder.put(event("first"))
        tracemalloc.start()
        try:
            for number in range(64):
                await intruder.put(event(f"{number} {'x' * 2**20}"))
            await intruder.put(call(1, "echo"))
            await intruder.reply(1)
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert ipc.dispatcher.unheard == 65
        assert held < 8 * 2**20


async def test_more_channels_than_main_warns_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard: list[Any] = []
    ipc = echoing()
    ipc.on("last", lambda event: heard.append(event.channel))
    async with intruded(ipc) as intruder:
        with caplog.at_level(logging.WARNING, "ipc.main"):
            for start in range(0, 3_000, 250):
                names = [f"nobody {n}" for n in range(start, start + 250)]
                await intruder.put(*map(event, names))
            await intruder.put(event("last"), call(1, "echo"))
            await intruder.reply(1)
    assert heard == ["last"]
    assert len(caplog.messages) <= 1_010
