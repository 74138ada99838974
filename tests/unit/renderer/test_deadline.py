"""How long callers wait."""

from __future__ import annotations

import queue
import threading

import pytest

from renderer import deadline
from renderer.deadline import Deadline, next_item


@pytest.fixture(autouse=True)
def thin_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "SLICE_S", 0.001)


def test_an_item_ends_the_waiting_in_whichever_slice() -> None:
    items, slices = queue.SimpleQueue[str](), queue.SimpleQueue[None]()

    class Counted(Deadline):  # type: ignore[misc]  # final: for everybody else
        @property
        def left(self) -> float | None:
            slices.put(None)
            return super().left

    def give() -> None:
        for _ in range(3):
            slices.get(timeout=10)
        items.put("here")

    giver = threading.Thread(target=give)
    giver.start()
    assert next_item(items, Counted(None)) == "here"
    giver.join()


@pytest.mark.parametrize("timeout", [0, 0.0005, 0.01])
def test_the_deadline_ends_it(timeout: float) -> None:
    with pytest.raises(queue.Empty):
        next_item(queue.SimpleQueue[None](), Deadline(timeout))


def test_what_is_there_needs_no_waiting() -> None:
    items = queue.SimpleQueue[int]()
    items.put(1)
    assert next_item(items, Deadline(0)) == 1
