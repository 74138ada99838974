"""Whether anything is still under way."""

from __future__ import annotations

from typing import NamedTuple

from tests.faults.history import Entry


class _Key(NamedTuple):
    page: str
    stream: str
    session: str


class Outstanding:
    """Follows a history: has the last message of each stream come, and each reply?

    The last one is enough: they come in order, and what was lost will not come. After a
    gap, what was sent before it will not come either.
    """

    def __init__(self) -> None:
        self._sent: dict[_Key, list[int]] = {}  # that were not refused
        self._arrived: dict[_Key, int] = {}
        self._calls: set[tuple[_Key, int]] = set()
        self._dead: set[str] = set()  # pages, lives of main, sessions

    def take(self, entry: Entry) -> None:
        """Take note of what happened."""
        if entry.did == "killed":
            self._dead.add(entry.page or entry.session)
        elif entry.did == "ended" and entry.session:
            self._dead.add(entry.session)
        elif entry.did == "gap":
            self._give_up(entry.page)
        if not entry.stream:
            return
        session = entry.session if entry.stream == "down" else ""
        key = _Key(entry.page, entry.stream, session)
        match entry.did:
            case "sent":
                self._sent.setdefault(key, []).append(entry.n)
            case "refused":
                self._sent[key].remove(entry.n)
            case "arrived":
                self._arrived[key] = max(self._arrived.get(key, 0), entry.n)
            case "called":
                self._calls.add((key, entry.n))
            case "completed":
                self._calls.discard((key, entry.n))
            case _:
                pass

    def _give_up(self, page: str) -> None:
        for key, sent in self._sent.items():
            if key.page == page and key.stream != "down":
                self._arrived[key] = sent[-1] if sent else 0

    @property
    def settled(self) -> bool:
        """Nothing is under way between two that live."""
        return not any(self._alive(key) for key, _ in self._calls) and not any(
            sent and sent[-1] > self._arrived.get(key, 0)
            for key, sent in self._sent.items()
            if self._alive(key)
        )

    def _alive(self, key: _Key) -> bool:
        life = key.session.partition(":")[0]
        return not {key.page, key.session, life} & self._dead
