"""Renderers that cannot count."""

from __future__ import annotations

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from tests.hostile.house import echoing, event, intruded

MOST = 2**64 - 1


@pytest.mark.parametrize("ack", [1, 2**63 - 1, 2**63, MOST])
async def test_an_ack_beyond_what_was_sent(ack: int) -> None:
    async with intruded(acks=True) as intruder:
        await intruder.say(ack=ack)
        await intruder.refused(f"ack {ack}")


async def test_an_ack_that_goes_backwards() -> None:
    async with intruded(echoing(), acks=True) as intruder:
        await intruder.put(event("echo", 1), event("echo", 2), first=1)
        await intruder.until(lambda: len(intruder.events()) == 2)
        await intruder.say(ack=2)
        await intruder.say(ack=1)
        await intruder.refused("ack fell from 2 to 1")


@pytest.mark.parametrize("first", [0, 3, 2**63, MOST])
async def test_numbers_that_jump(first: int) -> None:
    async with intruded(echoing(), acks=True) as intruder:
        await intruder.put(event("echo", 1), first=1)
        await intruder.put(event("echo", 2), first=first)
        await intruder.refused(f"message {first} came where 2 was expected")


async def test_numbers_that_come_again() -> None:
    async with intruded(echoing(), acks=True) as intruder:
        for _ in range(3):
            await intruder.put(event("echo", 1), event("echo", 2), first=1)
        await intruder.put(event("echo", 3), first=3)
        await intruder.until(lambda: len(intruder.events()) >= 3)
        assert [args for _, args in intruder.events()] == [[1], [2], [3]]


async def test_numbers_left_out_by_one_who_resumes() -> None:
    async with intruded(echoing(), acks=True, resume=True) as intruder:
        await intruder.put(event("echo"))
        await intruder.refused("must carry first")


async def test_more_given_up_than_there_are_numbers() -> None:
    async with intruded(acks=True) as intruder:
        gone = pb.Message(dropped=pb.Dropped(channel="x", count=MOST))
        await intruder.put(gone, first=1)
        await intruder.refused("exceeds 63 bits")


async def test_a_lane_that_was_not_agreed_on() -> None:
    async with intruded(acks=True) as intruder:
        message = event("echo")
        message.lane = 7
        await intruder.put(message, first=1)
        await intruder.refused("lane 7 was not agreed on")


async def test_two_million_empty_messages_in_a_frame() -> None:
    async with intruded(acks=True) as intruder:
        await intruder.write(b"\x08\x01" + b"\x12\x00" * (2**21 - 100))
        await intruder.refused("messages in one frame")


async def test_pings_without_end() -> None:
    async with intruded() as intruder:
        for number in range(2_000):
            await intruder.say(ping=number, want_ack=True)
        await intruder.until(lambda: intruder.frames[-1].pong == 1_999)
        assert len(intruder.frames) <= 2_001
