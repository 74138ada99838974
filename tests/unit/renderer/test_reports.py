"""What a renderer tells its developer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from renderer import IpcRenderer
from renderer.reports import Reports, note_arguments
from renderer.wire.listeners import ListenerTable
from tests.support.memory import Heard, MemoryMain, MemoryRenderer

if TYPE_CHECKING:
    import pytest


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_a_listener_that_expects_an_event_gets_a_hint_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ipc = IpcRenderer()
    ipc.on("fine", lambda arg, event: None)
    ipc.on("builtin", print)
    ipc.on("type", dict.fromkeys)
    assert messages(caplog) == []
    ipc.handle("bad", lambda event, arg: None)
    ipc.on("bad", lambda event: None)
    (hint,) = messages(caplog)
    assert hint.startswith("the handler for 'bad' calls its first parameter 'event'")


def test_the_table_of_the_warned_is_bounded(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderer.reports._CHANNELS_REMEMBERED", 2)
    reports = Reports(ListenerTable())
    for channel in ("a", "a", "b", "c"):
        reports.not_heard(channel)
    assert reports.unheard == 4
    assert len(messages(caplog)) == 2


def raised_by(fn: Any, *args: object) -> Exception:
    try:
        fn(*args)
    except Exception as error:
        note_arguments(error, fn, "x", args)
        # As in the dispatcher, the frame above is the only one of ours.
        return error
    raise AssertionError


def test_a_wrong_number_of_arguments_is_explained() -> None:
    error = raised_by(lambda: None, 1)
    assert error.__notes__ == [
        "renderer listeners get the arguments only; 'x' was sent 1 argument"
    ]
    assert "was sent 0 arguments" in raised_by(lambda a: a).__notes__[0]


def test_other_errors_are_left_alone() -> None:
    def inner() -> None:
        raise TypeError("inside")

    for error in (raised_by(inner), raised_by(int, []), raised_by(next, iter(()))):
        assert not hasattr(error, "__notes__")


def test_a_function_without_signature_is_left_alone() -> None:
    error = raised_by(type, 1, 2)
    assert isinstance(error, TypeError)
    assert not hasattr(error, "__notes__")


def test_what_is_tapped_is_not_unheard(
    main: MemoryMain, ipc: MemoryRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    """The tap has each event before its listeners, and what main asks is none."""
    taken, heard = list[str](), Heard()
    ipc._reports.tap = lambda event: taken.append(event.body.channel)  # noqa: SLF001
    ipc.on("b", lambda: heard.put(list(taken)))
    ipc.handle("asked", lambda: 1)
    ipc.connect()
    main.call(1, "asked")
    main.send("a")
    main.send("b")
    assert heard.next() == ["a", "b"]
    assert "no listener" not in caplog.text
