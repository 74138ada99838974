import threading
from collections.abc import Callable

import pytest

from renderer.wire.errors import DuplicateHandler
from renderer.wire.listeners import Kind, Subscription
from renderer.wire.registrar import Registrar


class Face(Registrar):
    def __init__(self) -> None:
        super().__init__(threading.RLock())
        self.added: list[tuple[Kind, str]] = []

    def _added(self, kind: Kind, channel: str, fn: Callable[..., object]) -> None:
        self.added.append((kind, channel))

    def on(self, channel: str, fn: object = None) -> object:
        return self._register("listener", channel, fn, once=False, thread=False)  # type: ignore[arg-type]  # also what cannot be called

    def handle(self, channel: str, fn: object = None) -> object:
        return self._register("handler", channel, fn, once=False, thread=False)  # type: ignore[arg-type]  # also what cannot be called


def first() -> None: ...


def second() -> None: ...


@pytest.fixture
def face() -> Face:
    return Face()


def test_a_function_gives_a_subscription(face: Face) -> None:
    subscription = face.on("a", first)
    assert isinstance(subscription, Subscription)
    assert face.listener_count("a") == 1
    subscription()
    assert face.event_names() == []


def test_no_function_gives_a_decorator(face: Face) -> None:
    decorate = face.on("a")
    assert callable(decorate)
    assert face.added == []
    assert decorate(first) is first
    assert face.added == [("listener", "a")]


def test_off_takes_the_latest(face: Face) -> None:
    for fn in (first, second, first):
        face.on("a", fn)
    face.off("a", first)
    assert [r.fn for r in face.table.take("a")] == [first, second]
    face.remove_listener("a", second)
    assert [r.fn for r in face.table.take("a")] == [first]


def test_all_listeners_of_one_channel_or_of_all(face: Face) -> None:
    for channel in ("a", "b", "c"):
        face.on(channel, first)
    face.remove_all_listeners("b")
    assert face.event_names() == ["a", "c"]
    face.remove_all_listeners()
    assert face.event_names() == []


def test_one_handler(face: Face) -> None:
    face.handle("a", first)
    with pytest.raises(DuplicateHandler):
        face.handle("a", second)
    assert face.added == [("handler", "a")]
    face.remove_handler("a")
    face.handle("a", second)


def test_nothing_is_noted_by_itself() -> None:
    plain = Registrar(threading.RLock())
    plain._register("listener", "a", first, once=True, thread=True)  # noqa: SLF001
    (taken,) = plain.table.take("a")
    assert (taken.once, taken.thread) == (True, True)
    assert plain.listener_count("a") == 0


def test_a_decorator_without_a_channel_is_refused(face: Face) -> None:
    with pytest.raises(TypeError, match=r"write @ipc.on\('CHANNEL'\)"):
        face.on(first)  # type: ignore[arg-type]  # as `@ipc.on` above a function does
    with pytest.raises(TypeError, match="a channel is a str; given was a int"):
        face.handle(5, first)  # type: ignore[arg-type]
    assert face.added == []
