"""Sync messages outside a stream that should not be."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from grpc import aio

from electron_ipc.v1 import ipc_pb2 as pb
from tests.hostile.house import Intruder, call, echoing, event, field, intruded
from tests.hostile.test_values import DEEP, deep_tree

CODE = grpc.StatusCode


async def status(intruder: Intruder, request: bytes | pb.SendSyncRequest) -> CODE:
    data = request if isinstance(request, bytes) else request.SerializeToString()
    try:
        await intruder.send_sync(data, timeout=20)
    except aio.AioRpcError as error:
        code: CODE = error.code()
        return code
    return CODE.OK


@pytest.mark.parametrize(
    "request_",
    [
        b"\xff\xff",
        b"\x0a\x05ab",
        field(1, b"\xed\xa0\x80"),
        field(1, b"sync echo") + field(2, deep_tree(DEEP)),
    ],
    ids=["no-tag", "cut-short", "surrogate", "deep"],
)
async def test_a_request_that_is_none(request_: bytes) -> None:
    async with intruded(echoing()) as intruder:
        assert await status(intruder, request_) is CODE.INVALID_ARGUMENT


@pytest.mark.parametrize("size", [1, 31, 32, 33, 1_024, 2**20])
async def test_a_token_that_was_guessed(size: int) -> None:
    async with intruded(echoing()) as intruder:
        guess = pb.SendSyncRequest(channel="sync echo", token=b"x" * size, id=1)
        assert await status(intruder, guess) is CODE.ABORTED


async def test_the_token_of_a_session_that_is_over() -> None:
    async with intruded(echoing()) as intruder:
        token = intruder.frames[0].welcome.token
        asked = pb.SendSyncRequest(channel="sync echo", token=token, id=1)
        assert await status(intruder, asked) is CODE.OK
        await intruder.say(goodbye=pb.Goodbye())
        await intruder.goodbye()
        assert await status(intruder, asked) is CODE.ABORTED


async def test_a_value_that_cannot_be_read() -> None:
    async with intruded(echoing()) as intruder:
        request = pb.SendSyncRequest(channel="sync echo", args=[pb.Value()])
        response = await intruder.send_sync(request.SerializeToString())
        assert response.failure.reason == "DATA_CLONE"


async def test_packed_values_without_a_session() -> None:
    async with intruded(echoing()) as intruder:
        request = pb.SendSyncRequest(channel="sync echo", packed=b"\x90")
        assert await status(intruder, request) is CODE.INVALID_ARGUMENT


async def test_messages_beside_it_with_numbers_that_jump() -> None:
    async with intruded(echoing(), acks=True) as intruder:
        token = intruder.frames[0].welcome.token
        asked = pb.SendSyncRequest(
            channel="sync echo", token=token, first=2, messages=[event("echo", 2)]
        )
        assert await status(intruder, asked) is CODE.INVALID_ARGUMENT
        await intruder.put(event("echo", 1), first=1)
        await intruder.until(intruder.events)
        assert intruder.events() == [("echo", [1])]


async def test_messages_beside_it_that_break_the_contract() -> None:
    async with intruded(echoing(), acks=True) as intruder:
        token = intruder.frames[0].welcome.token
        good, bad = event("echo", 1), event("echo", 2)
        bad.lane = 7
        asked = pb.SendSyncRequest(
            channel="sync echo", token=token, first=1, messages=[good, bad]
        )
        assert await status(intruder, asked) is CODE.INVALID_ARGUMENT
        await intruder.refused("lane 7 was not agreed on")


async def test_one_that_waits_for_a_number_that_never_comes() -> None:
    async with intruded(echoing(), acks=True) as intruder:
        token = intruder.frames[0].welcome.token
        asked = pb.SendSyncRequest(channel="sync echo", token=token, after=2**63 - 1)
        with pytest.raises(aio.AioRpcError) as caught:
            await intruder.send_sync(asked.SerializeToString(), timeout=0.3)
        assert caught.value.code() is CODE.DEADLINE_EXCEEDED
        await intruder.put(event("echo", 1), call(1, "echo"), first=1)
        await intruder.reply(1)


async def test_an_id_that_main_may_have_forgotten() -> None:
    async with intruded(echoing(), acks=True) as intruder:
        token = intruder.frames[0].welcome.token

        def asked(id: int) -> pb.SendSyncRequest:
            return pb.SendSyncRequest(channel="sync echo", token=token, id=id)

        for id in range(1, 200):
            assert await status(intruder, asked(id)) is CODE.OK
        assert await status(intruder, asked(1)) is CODE.FAILED_PRECONDITION
        assert await status(intruder, asked(199)) is CODE.OK  # the same response


async def test_more_of_them_than_may_wait() -> None:
    async with intruded(echoing(), acks=True) as intruder:
        token = intruder.frames[0].welcome.token
        args: list[Any] = [pb.Value(bytes_value=bytes(3 * 2**20))]
        asked = pb.SendSyncRequest(
            channel="sync echo", token=token, after=9, args=args
        ).SerializeToString()
        waiting = [asyncio.ensure_future(status(intruder, asked)) for _ in range(30)]
        codes = set[CODE]()
        for done in asyncio.as_completed(waiting):
            codes.add(await done)
            if CODE.RESOURCE_EXHAUSTED in codes:
                break
        assert codes == {CODE.RESOURCE_EXHAUSTED}
        events = [event("echo") for _ in range(9)]
        await intruder.put(*events, first=1)
        assert CODE.OK in {await each for each in waiting}
