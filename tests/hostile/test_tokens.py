"""Tokens that are not one's own, and sessions that are claimed too often."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from mainproc import IpcMain
from renderer.wire import messages
from renderer.wire.limits import Limits
from tests.hostile.house import House, Intruder, call, echoing, event, hostile_house
from tests.support.processes import PATIENCE

RESUMES: Any = {"acks": True, "resume": True}
REPLACED = pb.GOODBYE_REASON_REPLACED
SOON = Limits(resume_grace=0.2)


class Owner:
    """A renderer that may come back, and what somebody needs who poses as it."""

    def __init__(self, house: House, page: Intruder) -> None:
        self.house = house
        self.page = page
        self.token = page.frames[0].welcome.token
        self.id = page.frames[0].welcome.web_contents_id
        self.attempts = 0

    async def claim(self, **changed: Any) -> Intruder:
        """Return a link that claims the session; nothing has been answered yet."""
        self.attempts += 1
        said = {"token": self.token, "attempt": self.attempts, "received": 1}
        intruder = Intruder(self.house.channel)
        await intruder.say(hello=pb.Hello(**said | RESUMES | changed))
        await answered(intruder)
        return intruder

    async def comes_back(self, **changed: Any) -> Intruder:
        """Return a link that has got the session."""
        page = await self.claim(**changed)
        welcome = page.frames[0].welcome
        assert welcome.resumed
        assert welcome.web_contents_id == self.id
        return page

    async def leaves(self, page: Intruder) -> None:
        await page.say(goodbye=pb.Goodbye())
        await page.goodbye()


@asynccontextmanager
async def owned(ipc: IpcMain | None = None) -> AsyncGenerator[Owner]:
    """Let a renderer begin a session that it may come back to."""
    async with hostile_house(ipc or echoing()) as house:
        page = Intruder(house.channel)
        await page.hello(**RESUMES)
        await page.put(call(1, "echo"), first=1)
        await page.reply(1)
        await page.say(ack=1)
        yield Owner(house, page)


async def answered(intruder: Intruder) -> None:
    await intruder.until(lambda: intruder.frames)


async def turned_away(intruder: Intruder, owner: Owner) -> None:
    """See a claim answered with a session that is nobody's yet."""
    welcome = intruder.frames[0].welcome
    assert not welcome.resumed
    assert welcome.token not in (b"", owner.token)
    assert welcome.web_contents_id != owner.id
    await owner.leaves(intruder)


@pytest.mark.parametrize("token", [b"x", b"x" * 32, b"x" * 1_024], ids=len)
async def test_a_token_that_was_guessed(token: bytes) -> None:
    async with owned() as owner:
        await turned_away(await owner.claim(token=token), owner)
        await owner.leaves(owner.page)


async def test_a_token_that_was_almost_guessed() -> None:
    async with owned() as owner:
        for token in (
            owner.token[:-1],
            owner.token + b"\0",
            owner.token[:-1] + bytes([owner.token[-1] ^ 1]),
        ):
            await turned_away(await owner.claim(token=token), owner)
        await owner.leaves(owner.page)


async def test_a_token_that_has_expired() -> None:
    async with owned(echoing(SOON)) as owner:
        gone = asyncio.Event()
        (contents,) = [c for c in owner.house.ipc.web_contents if c.id == owner.id]
        contents.on("destroyed", lambda reason: gone.set())
        await owner.page.close()
        async with asyncio.timeout(PATIENCE):
            await gone.wait()
        await turned_away(await owner.claim(), owner)


async def test_a_token_of_a_session_without_resume() -> None:
    async with owned() as owner:
        async with owner.house.intruder(acks=True) as other:
            token = other.frames[0].welcome.token
            await turned_away(await owner.claim(token=token), owner)
        await owner.leaves(owner.page)


async def test_a_token_of_a_session_that_said_goodbye() -> None:
    async with owned() as owner:
        await owner.leaves(owner.page)
        again = await owner.claim()
        assert not again.frames[0].HasField("welcome") or (
            not again.frames[0].welcome.resumed
        )
        await again.close()


async def test_a_token_used_from_two_connections_at_once() -> None:
    async with owned() as owner:
        late = await owner.comes_back(attempt=5)
        assert (await owner.page.goodbye()).reason == REPLACED
        await late.say()  # it is confirmed
        early = await owner.claim(attempt=4)
        goodbye = await early.goodbye()
        assert (goodbye.reason, goodbye.may_resume) == (REPLACED, False)
        assert not early.frames[0].HasField("welcome")
        same = await owner.claim(attempt=5)
        assert (await same.goodbye()).reason == REPLACED
        await late.put(call(2, "echo", "mine"), first=2)
        assert messages.read_result(await late.reply(2), "") == ["mine"]
        await owner.leaves(late)


async def test_what_is_written_on_a_link_that_was_replaced() -> None:
    heard: list[str] = []
    ipc = echoing()
    ipc.on("who", lambda event, who: heard.append(who))
    async with owned(ipc) as owner:
        late = await owner.comes_back()
        await owner.page.put(event("who", "the old one"), first=2)
        await late.put(event("who", "the new one"), call(3, "echo"), first=2)
        await late.reply(3)
        assert heard == ["the new one"]
        await owner.leaves(late)


async def test_a_session_that_is_claimed_without_end() -> None:
    async with owned() as owner:
        page = owner.page
        for _ in range(200):
            page, before = await owner.comes_back(), page
            assert (await before.goodbye()).reason == REPLACED
        await page.put(call(2, "echo"), first=2)
        await page.reply(2)
        await owner.leaves(page)


@pytest.mark.parametrize("received", [0, 2, 2**63, 2**64 - 1])
async def test_a_claim_that_has_received_what_cannot_be(received: int) -> None:
    async with owned() as owner:
        liar = await owner.claim(received=received)
        await liar.refused("received")
        honest = await owner.comes_back()
        await owner.leaves(honest)


async def test_a_second_hello_on_a_link_that_came_back() -> None:
    async with owned() as owner:
        page = await owner.comes_back()
        await page.say(hello=pb.Hello(token=owner.token, attempt=9, received=1))
        await page.refused("must carry hello")


async def test_a_poison_message_that_ends_three_resumes() -> None:
    def over(page: Intruder) -> bool:
        return page.frames[-1].HasField("goodbye")

    async def poisoned(page: Intruder) -> None:
        def heard() -> bool:
            confirmed = any(frame.HasField("pong") for frame in page.frames)
            return over(page) or (confirmed and bool(page.events()))

        await page.until(heard)

    async with owned() as owner:
        page, links = owner.page, 1
        await page.put(event("echo", "poison"), first=2, ping=1)
        while not over(page):
            await poisoned(page)
            await page.close()  # it kills whoever reads it
            page, links = await owner.claim(), links + 1
            await page.say(ack=1, ping=1)
        goodbye = await page.goodbye()
        assert goodbye.reason == pb.GOODBYE_REASON_NO_PROGRESS
        assert not goodbye.may_resume
        assert "message 2 did not arrive" in goodbye.message
        assert links <= 5


async def test_links_that_are_cut_before_they_are_confirmed() -> None:
    async with owned() as owner:
        for _ in range(20):
            await (await owner.comes_back()).close()
        page = await owner.comes_back()
        await page.put(call(2, "echo"), first=2)
        await page.reply(2)
        await owner.leaves(page)


async def test_more_sessions_than_main_takes() -> None:
    limits = Limits(max_sessions=4, resume_grace=0.5)
    async with owned(echoing(limits)) as owner:
        crowd = [Intruder(owner.house.channel) for _ in range(12)]
        for each in crowd:
            await each.say(hello=pb.Hello(**RESUMES))
        await asyncio.gather(*map(answered, crowd))
        refused = [each for each in crowd if not each.frames[0].HasField("welcome")]
        assert len(refused) == 10
        for each in refused:
            goodbye = await each.goodbye()
            assert goodbye.reason == pb.GOODBYE_REASON_OVERLOADED
        page = await owner.comes_back()  # who is in already takes no place of a new one
        for each in crowd:
            await each.close()
        await owner.leaves(page)
