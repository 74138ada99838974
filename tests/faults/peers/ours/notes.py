"""What both faces of a renderer write down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from renderer.ipc_renderer import Channels
from tests.faults.history import Recorder

OPTIONS: Final[dict[str, Any]] = {"reconnect": True, "dead_after": 2.0}
"""The shortest time there is: black holes are what takes most of it."""
SYNC_TIMEOUT_S: Final = 100.0


class Notes:
    """Listens to all there is, and writes it down."""

    def __init__(self, recorder: Recorder, page: str, ipc: Channels) -> None:
        self._note = partial(recorder.note, page=page)
        ipc.on("event", self._arrived)
        ipc.handle("call", self._arrived)
        ipc.on_gap(self._gap)
        ipc.on_disconnect(partial(self._note, "ended"))

    @contextmanager
    def sending(
        self, stream: str, n: int, is_call: bool
    ) -> Iterator[Callable[[Any], None] | None]:
        """Note a message before it is sent, and what comes of that.

        Returns:
            What a call calls with its outcome; None for an event.
        """
        note = partial(self._note, stream=stream, n=n)
        note("sent")
        if is_call:
            note("called")
        try:
            yield partial(_completed, note, n) if is_call else None
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            if getattr(error, "outcome", "not-sent") == "not-sent":
                note("refused", text=text)
            if is_call:
                note("completed", text=text)

    def _arrived(self, session: str, n: int) -> int:
        self._note("arrived", session=session, stream="down", n=n)
        return n

    def _gap(self, count: int, missing: int | None) -> None:
        self._note("gap", count=count, missing=missing)


def _completed(note: Callable[..., None], n: int, outcome: Any) -> None:
    right = outcome == n
    note("completed", text="ok" if right else f"{type(outcome).__name__}: {outcome}")
