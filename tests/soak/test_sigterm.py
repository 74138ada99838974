"""Main is told to end under load: every message of its renderers is accounted for."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import threading
import time
from typing import Any

import pytest

from renderer import ConnectionClosed, IpcError, IpcRenderer
from renderer.aio import IpcRenderer as AioRenderer
from tests.soak.mains import soaked_main
from tests.soak.scale import SOAKING, report, scaled

ROUNDS = scaled(2, 50)
BEFORE = 500
"""Messages of each sender that main has dispatched before it is told to end."""
GRACE = 20.0
"""That of `soaked`."""
SLACK_S = 30.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0 if SOAKING else 180)]


class Sender(threading.Thread):
    """Sends numbers until nothing can be sent any more."""

    def __init__(self, address: str, name: str) -> None:
        super().__init__(name=name)
        self.page = IpcRenderer(address, title=name, reconnect=False)
        self.page.connect()
        self.sent = 0
        self.calls: list[Any] = []
        self.well_under_way = threading.Event()

    def _is_under_way(self, _: object) -> None:
        self.well_under_way.set()

    def run(self) -> None:
        with contextlib.suppress(IpcError):
            while True:
                self.page.send("count", self.name, self.sent + 1)
                self.sent += 1
                if not self.sent % 100:
                    self.calls.append(self.page.invoke("echo", self.sent))
                if self.sent == BEFORE:
                    self.calls[-1].add_done_callback(self._is_under_way)


async def send_on_a_loop(
    address: str, name: str, under_way: asyncio.Event
) -> tuple[int, list[Any]]:
    """Do the same as `Sender` on a loop; return what was sent, and the calls."""
    sent, calls = 0, list[Any]()
    page = AioRenderer(address, title=name, reconnect=False)
    await page.connect()
    with contextlib.suppress(IpcError):
        while True:
            page.send("count", name, sent + 1)
            sent += 1
            if not sent % 100:
                calls.append(page.invoke("echo", sent))
                await page.drain()
            if sent == BEFORE:
                calls[-1].add_done_callback(lambda _: under_way.set())
    await page.aclose()
    return sent, calls


def unconfirmed(records: list[logging.LogRecord]) -> list[int]:
    """Return how many messages each renderer said that main had not confirmed."""
    texts = [record.getMessage() for record in records]
    found = [re.search(r"has not confirmed ([\d,]+) message", text) for text in texts]
    return [int(one[1].replace(",", "")) for one in found if one]


def settled(sent: int, dispatched: int, calls: list[Any], lost: list[int]) -> None:
    """See every message of a sender accounted for."""
    failed = 0
    for number, call in enumerate(calls, 1):
        error = call.exception()
        assert error is None or isinstance(error, ConnectionClosed)
        if error is None:
            assert call.result() == [number * 100]
        else:
            failed += 1
    assert BEFORE <= dispatched <= sent
    assert sum(lost) >= sent - dispatched
    assert sum(lost) <= sent - dispatched + failed


def check_end(main: Any, began: float) -> dict[str, int]:
    """See main end in time and in order; return what it has dispatched."""
    out, err = main.process.communicate(timeout=60)
    assert main.process.returncode == 0, err
    assert "Traceback" not in err, err
    assert time.monotonic() - began < GRACE + SLACK_S
    said = json.loads(out.splitlines()[-1])
    assert said["odd"] == []
    counted: dict[str, int] = said["counted"]
    return counted


def test_threads(caplog: pytest.LogCaptureFixture) -> None:
    began = time.monotonic()
    total = 0
    for _ in range(ROUNDS):
        caplog.clear()
        with soaked_main() as main:
            sender = Sender(main.address, "threads")
            sender.start()
            assert sender.well_under_way.wait(60)
            ending = time.monotonic()
            main.process.terminate()
            counted = check_end(main, ending)
            sender.join(60)
            sender.page.close()
        lost = unconfirmed(caplog.records)
        settled(sender.sent, counted["threads"], sender.calls, lost)
        total += sender.sent
    report("SIGTERM under load, threads", total, time.monotonic() - began)


def test_aio(caplog: pytest.LogCaptureFixture) -> None:
    async def one() -> tuple[int, list[Any], dict[str, int]]:
        with soaked_main() as main:
            under_way = asyncio.Event()
            sending = asyncio.ensure_future(
                send_on_a_loop(main.address, "aio", under_way)
            )
            async with asyncio.timeout(60):
                await under_way.wait()
            ending = time.monotonic()
            main.process.terminate()
            async with asyncio.timeout(60):
                sent, calls = await sending
            return sent, calls, await asyncio.to_thread(check_end, main, ending)

    began = time.monotonic()
    total = 0
    for _ in range(ROUNDS):
        caplog.clear()
        sent, calls, counted = asyncio.run(one())
        settled(sent, counted["aio"], calls, unconfirmed(caplog.records))
        total += sent
    report("SIGTERM under load, aio", total, time.monotonic() - began)
