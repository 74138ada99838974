"""Main sends to a renderer that reads nothing, or is away, and holds no more than its
window; another renderer is served meanwhile."""

from __future__ import annotations

import queue
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from electron_ipc.v1 import ipc_pb2 as pb, ipc_pb2_grpc
from renderer import IpcRenderer
from renderer.wire import messages
from tests.soak.mains import soaked_main
from tests.soak.scale import SOAKING, report, scaled

PATIENCE = 600.0 if SOAKING else 50.0
COUNT = scaled(100_000, 1_000_000)
WINDOW = scaled(4_096, 65_536)
WINDOW_BYTES = 1_024 * WINDOW
OVERHEAD = 512
"""Bytes that a message takes in memory beside its own."""
SLACK = 16 * 1_024 * 1_024
"""Bytes that have nothing to do with it."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0 if SOAKING else 180)]


class Stalled:
    """A renderer that says Hello, and reads only when it is told to."""

    def __init__(self, address: str, **hello: Any) -> None:
        self._channel = grpc.insecure_channel(
            address, options=[("grpc.use_local_subchannel_pool", 1)]
        )
        self._frames: queue.SimpleQueue[pb.StreamRequest | None] = queue.SimpleQueue()
        stub: Any = ipc_pb2_grpc.IpcServiceStub(self._channel)
        self.link: Any = stub.Stream(iter(self._frames.get, None))
        self.say(
            hello=pb.Hello(
                title="stalled",
                window_messages=WINDOW,
                window_bytes=WINDOW_BYTES,
                max_frame_bytes=4 * 1_024 * 1_024,
                acks=True,
                resume=True,
                **hello,
            )
        )
        self.welcome = next(self.link).welcome
        self.say()  # it is confirmed

    def say(self, **fields: Any) -> None:
        self._frames.put(pb.StreamRequest(**fields))

    def read(
        self, until: int, received: int = 0
    ) -> tuple[list[tuple[str, int]], Counter[str]]:
        """Read all up to a number; return the events, and what was given up of each."""
        events, gone = list[tuple[str, int]](), Counter[str]()
        while received < until:
            frame = next(self.link)
            if not frame.messages:
                continue
            assert frame.first == received + 1, "a number is missing"
            for message in frame.messages:
                if message.HasField("dropped"):
                    gone[message.dropped.channel] += message.dropped.count
                    received += message.dropped.count
                else:
                    args = messages.read_args(message.event)
                    events.append((message.event.channel, args[0]))
                    received += 1
            self.say(ack=received)
        return events, gone

    def leave(self) -> None:
        self.link.cancel()
        self._frames.put(None)
        self._channel.close()


@contextmanager
def served_meanwhile(address: str) -> Iterator[Callable[[Any], int]]:
    """Give what makes round trips until something is done, and counts them."""
    with IpcRenderer(address) as neighbour:

        def serve(until: Any) -> int:
            trips = 0
            deadline = time.monotonic() + PATIENCE
            while not until.done():
                assert time.monotonic() < deadline
                assert neighbour.invoke("echo", trips).result(PATIENCE) == [trips]
                trips += 1
            return trips

        yield serve


def press(
    keeper: IpcRenderer, serve: Callable[[Any], int], *channels: str
) -> tuple[dict[str, int], int]:
    """Have main send; return what became of it, and the bytes that main has grown."""
    before = resident(keeper)
    pressing = keeper.invoke("press", "stalled", channels, COUNT)
    assert serve(pressing) > COUNT // 10_000
    became: dict[str, int] = pressing.result(PATIENCE)
    return became, resident(keeper) - before


def resident(keeper: IpcRenderer) -> int:
    kib: int = keeper.invoke("vitals").result(PATIENCE)["resident KiB"]
    return 1_024 * kib


@pytest.mark.parametrize("away", [False, True], ids=["reads nothing", "is away"])
def test_the_oldest_give_way(away: bool) -> None:
    began = time.monotonic()
    with (
        soaked_main("tests.soak.pressed") as main,
        IpcRenderer(main.address) as keeper,
        served_meanwhile(main.address) as serve,
    ):
        page = Stalled(main.address)
        if away:
            keeper.invoke("press", "stalled", ["pay"], 1).result(PATIENCE)
            page.read(1)
            page.leave()
            while keeper.invoke("is_connected", "stalled").result(PATIENCE):
                pass
        became, grown = press(keeper, serve, "news/a", "news/b")
        assert became["accepted"] == COUNT, became
        assert became["refused"] == 0
        assert grown < WINDOW_BYTES + WINDOW * OVERHEAD + SLACK
        if away:
            token = page.welcome.token
            page = Stalled(main.address, token=token, attempt=1, received=1)
            assert page.welcome.resumed
        events, gone = page.read(COUNT + away, received=int(away))
        # All are there or told of, the newest are, and in order.
        assert len(events) + gone.total() == COUNT
        assert gone.total() == became["dropped"] > COUNT - 2 * WINDOW
        for channel in ("news/a", "news/b"):
            numbers = [number for name, number in events if name == channel]
            assert numbers == sorted(numbers)
            assert gone[channel] + len(numbers) == COUNT // 2
        assert {number for _, number in events[-100:]} == set(range(COUNT - 100, COUNT))
        page.leave()
    what = "is away" if away else "reads nothing"
    took = time.monotonic() - began
    report(f"main sends, one {what}", COUNT, took, f"main {grown // 1_024:+,} KiB")


def test_nothing_gives_way_unless_it_may() -> None:
    with (
        soaked_main("tests.soak.pressed") as main,
        IpcRenderer(main.address) as keeper,
        served_meanwhile(main.address) as serve,
    ):
        page = Stalled(main.address)
        became, grown = press(keeper, serve, "pay")
        assert became == {
            "accepted": WINDOW,
            "refused": COUNT - WINDOW,
            "dropped": 0,
        }
        assert grown < WINDOW_BYTES + WINDOW * OVERHEAD + SLACK
        events, gone = page.read(WINDOW)
        assert [number for _, number in events] == list(range(WINDOW))
        assert not gone
        page.leave()


def test_who_reads_nothing_is_sent_away() -> None:
    with (
        soaked_main("tests.soak.pressed") as main,
        IpcRenderer(main.address) as keeper,
        served_meanwhile(main.address) as serve,
    ):
        page = Stalled(main.address)
        became, _ = press(keeper, serve, "live")
        assert became == {"accepted": WINDOW, "refused": 0, "dropped": 0}
        assert not keeper.invoke("is_there", "stalled").result(PATIENCE)
        *_, last = page.link
        assert last.goodbye.reason == pb.GOODBYE_REASON_OVERLOADED
        assert "did not keep up" in last.goodbye.message
        page.leave()
