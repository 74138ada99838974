"""Renderers that make calls, or answer them, as nobody may."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from mainproc import RemoteProtocolError
from renderer.wire import messages
from renderer.wire.limits import Limits
from tests.hostile.house import call, echoing, event, intruded
from tests.support.processes import PATIENCE

BAD_IDS = [2**63, 2**64 - 1]


async def test_the_id_of_a_call_that_still_runs() -> None:
    ipc = echoing()

    @ipc.handle("for ever")
    async def _(event: Any) -> None:
        await asyncio.Future()

    async with intruded(ipc) as intruder:
        await intruder.put(call(7, "for ever"), call(7, "for ever"))
        await intruder.refused("the call 7 is running already")


async def test_the_id_of_a_call_that_is_over() -> None:
    async with intruded(echoing()) as intruder:
        await intruder.put(call(7, "echo", 1))
        await intruder.reply(7)
        await intruder.put(call(7, "echo", 2))
        await intruder.until(lambda: len(intruder.replies(7)) == 2)
        results = [messages.read_result(r, "") for r in intruder.replies(7)]
        assert results == [[1], [2]]


async def test_a_call_without_id() -> None:
    async with intruded(echoing()) as intruder:
        await intruder.put(call(1, "echo"))
        message = call(1, "echo")
        message.id = 0
        await intruder.put(message)
        await intruder.refused("a call without id")


@pytest.mark.parametrize("id", BAD_IDS)
@pytest.mark.parametrize("kind", ["call", "reply", "cancel"])
async def test_an_id_that_is_too_large(id: int, kind: str) -> None:
    async with intruded(echoing()) as intruder:
        message = pb.Message(id=id)
        getattr(message, kind).SetInParent()
        await intruder.put(message)
        await intruder.refused(f"the id {id} exceeds 63 bits")


async def test_the_largest_id() -> None:
    async with intruded(echoing()) as intruder:
        await intruder.put(call(2**63 - 1, "echo", 1))
        assert messages.read_result(await intruder.reply(2**63 - 1), "") == [1]


async def test_replies_to_calls_never_made() -> None:
    async with intruded(echoing()) as intruder:
        lies = [
            pb.Message(id=id, reply=reply)
            for id in (0, 1, 2, 2**63 - 1)
            for reply in (
                pb.Reply(),
                pb.Reply(value=pb.Value()),
                pb.Reply(packed=b"\xc1"),
                pb.Reply(failure=pb.Failure(reason="\0", traceback="x" * 9_000)),
            )
        ]
        await intruder.put(*lies)
        await intruder.put(call(1, "echo", "still there"))
        assert messages.read_result(await intruder.reply(1), "") == ["still there"]


async def test_a_second_reply_to_a_call() -> None:
    ipc = echoing()

    @ipc.on("ask me")
    async def _(event: Any) -> None:
        event.reply("you said", await event.sender.invoke("question"))

    async with intruded(ipc) as intruder:
        await intruder.put(event("ask me"))
        await intruder.until(lambda: intruder.heard)
        (question,) = intruder.heard
        answers = [
            pb.Message(id=question.id, reply=pb.Reply(value=pb.Value(int_value=n)))
            for n in range(3)
        ]
        await intruder.put(*answers)
        await intruder.until(intruder.events)
        await intruder.put(call(1, "echo"))
        await intruder.reply(1)
        assert intruder.events() == [("you said", [0])]


async def test_a_reply_with_nothing_in_it() -> None:
    ipc = echoing()
    failed = asyncio.get_running_loop().create_future()

    @ipc.on("ask me")
    async def _(event: Any) -> None:
        try:
            await event.sender.invoke("question")
        except RemoteProtocolError as error:
            failed.set_result(error)

    async with intruded(ipc) as intruder:
        await intruder.put(event("ask me"))
        await intruder.until(lambda: intruder.heard)
        await intruder.put(pb.Message(id=intruder.heard[0].id, reply=pb.Reply()))
        async with asyncio.timeout(PATIENCE):
            assert "nothing" in str(await failed)
        await intruder.put(call(1, "echo"))
        await intruder.reply(1)


async def test_cancels_of_calls_never_made() -> None:
    async with intruded(echoing()) as intruder:
        cancels = [pb.Message(id=id, cancel=pb.Cancel()) for id in range(1, 4_000)]
        await intruder.put(*cancels)
        await intruder.put(call(1, "echo", 1))
        assert messages.read_result(await intruder.reply(1), "") == [1]


async def test_messages_and_calls_of_an_unknown_kind() -> None:
    async with intruded(echoing()) as intruder:
        kind = pb.CallKind.ValueType(77)
        await intruder.put(
            pb.Message(),
            pb.Message(id=1),
            pb.Message(id=2, call=pb.Call(channel="echo", kind=kind)),
        )
        for id in 1, 2:
            reply = await intruder.reply(id)
            assert reply.failure.reason == "UNIMPLEMENTED"


async def test_one_that_asks_and_never_acks_the_answers() -> None:
    async with intruded(echoing(Limits(window_messages=20)), acks=True) as intruder:
        for first in range(1, 200, 20):
            ids = range(first, first + 20)
            await intruder.put(*[call(id, "echo") for id in ids], first=first)
        goodbye = await intruder.goodbye()
        assert goodbye.reason == pb.GOODBYE_REASON_OVERLOADED
