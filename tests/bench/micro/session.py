"""What a session does with a message, step by step, without any transport."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Final, TypeVar

from renderer.wire import messages
from renderer.wire.events import Arrived
from renderer.wire.session import Session
from tests.bench.micro.timing import Cost, Costs
from tests.bench.payloads import TEXT
from tests.support.wires import Pair

_T = TypeVar("_T")

_REPEATS: Final = 300


def costs() -> Costs:
    """Yield what each step costs for each message, alone in a frame or among others."""
    for size in (1, 256):
        yield from _steps(size)


def _steps(size: int) -> Costs:
    pair = Pair()
    pair.open()
    pair.main.take_events()
    rounds = [_round(pair, size) for _ in range(_REPEATS)]
    for step in rounds[0]:
        best = min(seconds[step] for seconds in rounds)
        yield Cost(f"{step}, {size} in a frame", best / size)


def _round(pair: Pair, size: int) -> dict[str, float]:
    """Carry some events from the renderer to main; return how long each step took."""
    renderer, main = pair.renderer, pair.main
    parcel = messages.event("channel", (TEXT,), packed=True)
    clock = _Clock()

    clock.time("put", lambda: [renderer.put(parcel) for _ in range(size)])
    frame = clock.time("next_frame", lambda: renderer.next_frame(0.0))
    assert frame is not None
    clock.time("receive", lambda: main.receive(main.epoch, frame, 0.0))
    events = clock.time("take_events", main.take_events)
    arrived = sum(isinstance(event, Arrived) for event in events)
    assert arrived == size, "they did not all go into one frame"
    clock.time("consume", lambda: _consume(main, size))
    _answer(main, renderer)
    return clock.seconds


def _consume(main: Session, size: int) -> None:
    for _ in range(size):
        main.consume()


class _Clock:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def time(self, step: str, work: Callable[[], _T]) -> _T:
        start = perf_counter()
        result = work()
        self.seconds[step] = perf_counter() - start
        return result


def _answer(main: Session, renderer: Session) -> None:
    """Let the ack arrive, so that the window never fills."""
    while (frame := main.next_frame(_LATER)) is not None:
        renderer.receive(renderer.epoch, frame, _LATER)
    renderer.take_events()


_LATER: Final = 1e6
"""A time at which every ack is due."""
