"""Listeners that are registered while what they listen for happens."""

from __future__ import annotations

import threading
from collections.abc import Callable

from mainproc.emitter import Emitter

A_MOMENT = 0.05


def test_who_registers_while_it_happens_is_told_once() -> None:
    emitter, told = Emitter(["end"]), list[str]()
    has_ended, was_emitted = threading.Event(), threading.Event()

    def emit() -> None:
        emitter.emit("end", "emitted", first=has_ended.set)
        was_emitted.set()

    emitting = threading.Thread(target=emit)

    def added(listener: Callable[..., object]) -> None:
        emitting.start()
        was_emitted.wait(A_MOMENT)  # it must not be, or not to this listener
        if has_ended.is_set():
            listener("found so")

    emitter.on("end", told.append, added)
    emitting.join()
    assert told == ["emitted"]

    def found(listener: Callable[..., object]) -> None:
        assert has_ended.is_set()
        listener("found so")

    emitter.on("end", told.append, found)
    assert told == ["emitted", "found so"]
