"""Renderers that may not come in, or pose as somebody else."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from grpc import aio

from electron_ipc.v1 import ipc_pb2 as pb
from mainproc.security import Credentials
from renderer.wire.limits import Limits
from tests.hostile.house import Intruder, bearer, call, echoing, hostile_house

RESUMES: Any = {"acks": True, "resume": True}
KNOWN = ("neighbour", "left", "right")
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED


def known(credentials: Credentials) -> str | None:
    return credentials.token if credentials.token in KNOWN else None


HELLO = pb.StreamRequest(hello=pb.Hello()).SerializeToString()
STRANGERS: dict[str, tuple[Any, bytes]] = {
    "nobody": (None, HELLO),
    "no such token": (bearer("guessed"), HELLO),
    "a long token": (bearer("x" * 4_000), HELLO),
    "another scheme": ((("authorization", "Basic left"),), HELLO),
    "two tokens": (bearer("left") + bearer("right"), HELLO),
    "no text": ((("authorization-bin", b"\xff"),), HELLO),
    "no frame": (None, b"\xff\xff"),
    "no hello": (None, b""),
    "wrong in hello": (
        None,
        pb.StreamRequest(
            hello=pb.Hello(authorization="Bearer guessed")
        ).SerializeToString(),
    ),
}


@pytest.mark.parametrize(("headers", "first"), STRANGERS.values(), ids=list(STRANGERS))
async def test_one_that_nobody_knows(headers: Any, first: bytes) -> None:
    async with hostile_house(echoing(), authenticate=known) as house:
        stranger = Intruder(house.channel, headers)
        await stranger.write(first)
        assert await stranger.code() is UNAUTHENTICATED
        assert stranger.frames == []
        with pytest.raises(aio.AioRpcError) as caught:
            await stranger.send_sync(b"", metadata=headers)
        assert caught.value.code() is UNAUTHENTICATED


async def test_one_that_shows_nothing_and_says_nothing() -> None:
    async with hostile_house(authenticate=known) as house:
        house.ipc.limits = Limits(hello_timeout=0.05)  # the neighbour is in already
        stranger = Intruder(house.channel)
        await house.neighbour.is_served()
        assert await stranger.code() is UNAUTHENTICATED


async def test_a_token_of_another_identity() -> None:
    async with hostile_house(echoing(), authenticate=known) as house:
        owner = Intruder(house.channel, bearer("left"))
        welcome = await owner.hello(**RESUMES)
        await owner.put(call(1, "echo"), first=1)
        await owner.reply(1)
        again: Any = {"token": welcome.token, "attempt": 1, "received": 1}
        thief = Intruder(house.channel, bearer("right"))
        stolen = await thief.hello(**RESUMES, **again)
        assert not stolen.resumed
        assert stolen.web_contents_id != welcome.web_contents_id
        request = pb.SendSyncRequest(channel="sync echo", token=welcome.token)
        data = request.SerializeToString()
        with pytest.raises(aio.AioRpcError) as caught:
            await thief.send_sync(data, metadata=bearer("right"))
        assert caught.value.code() is grpc.StatusCode.ABORTED
        await owner.put(call(2, "echo"), first=2)
        await owner.reply(2)
        for page in owner, thief:
            await page.say(goodbye=pb.Goodbye())
            await page.goodbye()
