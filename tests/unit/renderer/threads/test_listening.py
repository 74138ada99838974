"""What a renderer does with what main sends."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer import (
    DataCloneError,
    IpcError,
    NoHandler,
    PayloadTooLarge,
    RemoteError,
)
from renderer.wire import events, messages
from renderer.wire.limits import DEFAULT_LIMITS
from renderer.wire.parcel import Parcel
from tests.support.memory import Heard, MemoryMain, MemoryRenderer
from tests.support.processes import PATIENCE

# ---- listeners -----------------------------------------------------------------------


def test_listeners_get_the_arguments_in_order(
    main: MemoryMain, ipc: MemoryRenderer
) -> None:
    heard = Heard()

    @ipc.on("x")
    def first(*args: object) -> None:
        heard.put(("first", args))

    assert callable(first)
    ipc.on("x", lambda *args: heard.put(("second", args)))
    ipc.connect()
    main.send("x", 1, "a")
    main.send("x")
    assert [heard.next() for _ in range(4)] == [
        ("first", (1, "a")),
        ("second", (1, "a")),
        ("first", ()),
        ("second", ()),
    ]


def test_listeners_come_and_go(main: MemoryMain, ipc: MemoryRenderer) -> None:
    heard = Heard()
    ipc.once("x", heard.listener)
    subscription = ipc.on("y", heard.listener)
    ipc.add_listener("z", heard.listener)
    assert ipc.event_names() == ["x", "y", "z"]
    ipc.connect()
    main.send("x", 1)
    assert heard.next() == 1
    assert (ipc.listener_count("x"), ipc.listener_count("y")) == (0, 1)
    subscription()
    ipc.off("z", heard.listener)
    assert ipc.event_names() == []
    with ipc.on("y", heard.listener):
        ipc.remove_all_listeners("y")
    ipc.on("y", heard.listener)
    ipc.remove_all_listeners()
    assert ipc.event_names() == []


def test_one_bad_listener_spares_the_others(
    main: MemoryMain, ipc: MemoryRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()

    def bad(_: object) -> None:
        raise ValueError("boom")

    ipc.on("x", bad)
    ipc.on("x", heard.listener)
    ipc.connect()
    main.send("x", 1)
    assert heard.next() == 1
    (record,) = caplog.records
    assert (record.name, record.getMessage()) == (
        "ipc.renderer",
        "listener for 'x' raised",
    )
    assert record.exc_info
    assert str(record.exc_info[1]) == "boom"


def test_errors_of_listeners_go_to_the_hook(
    main: MemoryMain, ipc: MemoryRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    errors = Heard()

    @ipc.on_error
    def hook(error: Exception, channel: str) -> None:
        errors.put((str(error), channel))
        raise KeyError("the hook itself")

    def leaves(_: object) -> None:
        raise SystemExit(3)

    ipc.on("x", lambda: None)
    ipc.on("y", leaves)
    ipc.connect()
    main.send("x", 1, 2)
    main.send("y", 1)
    text, channel = errors.next()
    assert "takes 0 positional arguments but 2 were given" in text
    assert channel == "x"
    assert errors.next() == ("SystemExit in a listener", "y")
    ipc.flush(PATIENCE)
    ipc.close()
    assert "the hook given to ipc.on_error raised" in caplog.text


def test_an_event_that_cannot_be_read_is_reported(
    main: MemoryMain, ipc: MemoryRenderer
) -> None:
    errors, heard = Heard(), Heard()
    ipc.on_error(lambda error, channel: errors.put((str(error), channel)))
    ipc.on("x", heard.listener)
    ipc.connect()
    bad = pb.Message(event=pb.Event(channel="x", args=[pb.Value()]))
    main.session.put(Parcel(bad.SerializeToString(), counted=True, reply=False))
    main.send("x", 1)
    assert errors.next()[1] == "x"
    assert heard.next() == 1


def test_events_that_nobody_hears_are_told_once(
    main: MemoryMain, ipc: MemoryRenderer, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()
    ipc.on("progress", heard.listener)
    ipc.connect()
    for _ in range(3):
        main.send("progres", 1)
    main.send("progress", 2)
    assert heard.next() == 2
    (record,) = caplog.records
    assert record.getMessage() == (
        "no listener for 'progres'; did you mean 'progress'?; "
        "an event from main was dropped"
    )


def test_async_listeners_are_for_the_other_face(ipc: MemoryRenderer) -> None:
    from functools import partial

    async def listener(*_: object) -> None: ...

    class Callable:
        async def __call__(self) -> None: ...

    for fn in (listener, partial(partial(listener, 1), 2), Callable()):
        with pytest.raises(TypeError, match=r"for 'x' is `async def`.*renderer.aio"):
            ipc.on("x", fn)
        with pytest.raises(TypeError, match="the handler for 'x' is `async def`"):
            ipc.handle("x")(fn)
    assert ipc.event_names() == []
    ipc.on("x", Callable)  # calling a class is another matter


def test_a_listener_may_wait_for_main(
    main: MemoryMain, ipc: MemoryRenderer, helpers: ThreadPoolExecutor
) -> None:
    heard = Heard()

    def listener() -> None:
        heard.put(ipc.send_sync("sync"))
        heard.put(ipc.invoke("invoke").result())
        ipc.send("done")
        ipc.flush()
        heard.put("flushed")

    ipc.on("x", listener)
    ipc.connect()
    main.send("x")
    main.answer(main.hear_call(), 1)
    main.answer(main.hear_call(), 2)
    assert main.hear() == ("done", [])
    assert [heard.next() for _ in range(3)] == [1, 2, "flushed"]


def test_threaded_listeners_run_in_order_and_hold_nobody_up(
    main: MemoryMain, ipc: MemoryRenderer
) -> None:
    gate, heard, quick = threading.Event(), Heard(), Heard()

    @ipc.on("x", thread=True)
    def slow(number: int) -> None:
        gate.wait(PATIENCE)
        heard.put((number, threading.current_thread().name))

    ipc.on("y", quick.listener)
    ipc.connect()
    for number in range(3):
        main.send("x", number)
    main.send("y", "meanwhile")
    assert quick.next() == "meanwhile"
    gate.set()
    name = "electron-ipc listener 1"
    assert [heard.next() for _ in range(3)] == [(n, name) for n in range(3)]


# ---- handlers ------------------------------------------------------------------------


def reply_to(main: MemoryMain, id: int, channel: str, *args: object, **how: Any) -> Any:
    before = len(main.noted_of(events.Replied))
    main.call(id, channel, *args, **how)
    event = main.wait_for(events.Replied, before + 1)[-1]
    assert event.id == id
    return messages.read_result(event.reply, channel)


def test_handlers_answer_main(main: MemoryMain, ipc: MemoryRenderer) -> None:
    ipc.handle("add", lambda a, b: a + b)
    ipc.connect()
    assert reply_to(main, 1, "add", 1, 2) == 3
    ipc.remove_handler("add")
    with pytest.raises(NoHandler, match="No handler registered for 'add'"):
        reply_to(main, 2, "add", 1, 2)
    ipc.on("add", print)
    with pytest.raises(NoHandler, match="it has a listener: use send"):
        reply_to(main, 3, "add", 1, 2)
    ipc.handle_once("once", lambda: "first")
    assert reply_to(main, 4, "once") == "first"
    with pytest.raises(NoHandler):
        reply_to(main, 5, "once")


def test_what_a_handler_raises_goes_to_main(
    main: MemoryMain, ipc: MemoryRenderer
) -> None:
    errors = Heard()
    ipc.on_error(lambda error, channel: errors.put(channel))

    def bad() -> None:
        raise ValueError("boom")

    async def coroutine() -> None: ...

    ipc.handle("bad", bad)
    ipc.handle("uncloneable", lambda: print)
    ipc.handle("coroutine", lambda: coroutine())
    ipc.handle("large", lambda: bytes(65 * 1024 * 1024))
    ipc.connect()
    with pytest.raises(RemoteError, match="ValueError: boom"):
        reply_to(main, 1, "bad")
    with pytest.raises(RemoteError, match="DataCloneError: result: function"):
        reply_to(main, 2, "uncloneable")
    with pytest.raises(RemoteError, match="TypeError: the handler returned"):
        reply_to(main, 3, "coroutine")
    with pytest.raises(PayloadTooLarge, match=r"the reply has 68,.* its caller takes"):
        reply_to(main, 4, "large")
    with pytest.raises(RemoteError, match="TypeError") as raised:
        reply_to(main, 5, "bad", "an argument")
    assert raised.value.type == "TypeError"
    assert [errors.next() for _ in range(4)] == [
        "bad",
        "uncloneable",
        "coroutine",
        "bad",
    ]


def test_what_a_handler_cannot_get_is_refused(
    main: MemoryMain, ipc: MemoryRenderer
) -> None:
    ipc.handle("x", print)
    ipc.connect()
    with pytest.raises(IpcError, match="a renderer takes invokes only") as refused:
        reply_to(main, 1, "x", sync=True)
    assert refused.value.reason == "UNIMPLEMENTED"
    bad = pb.Message(id=2, call=pb.Call(channel="x", args=[pb.Value()]))
    main.session.put(Parcel(bad.SerializeToString(), counted=True, reply=False))
    main.flow()
    replied = main.wait_for(events.Replied, 2)[-1]
    with pytest.raises(DataCloneError):
        messages.read_result(replied.reply, "x")


def test_a_call_that_was_cancelled_or_is_late_never_begins(
    main: MemoryMain, ipc: MemoryRenderer
) -> None:
    gate, begun, called = threading.Event(), threading.Event(), Heard()

    @ipc.on("hold")
    def hold() -> None:
        begun.set()
        gate.wait(PATIENCE)

    ipc.handle("x", lambda: called.put("x"))
    ipc.handle("y", lambda: called.put("y"))
    ipc.connect()
    main.send("hold")
    begun.wait(PATIENCE)
    main.call(1, "x")
    main.call(2, "x", timeout=0.0)
    main.call(3, "y")
    main.cancel(1)
    main.cancel(1)
    main.cancel(77)
    (cancelled,) = main.wait_for(events.Replied)
    assert (cancelled.id, cancelled.reply.failure.reason) == (1, "CANCELLED")
    gate.set()
    late, done = main.wait_for(events.Replied, 3)[1:]
    assert (late.id, late.reply.failure.reason) == (2, "TIMEOUT")
    assert (done.id, called.next()) == (3, "y")
    assert called.empty()


def test_threaded_handlers_run_at_the_same_time(
    main: MemoryMain, ipc: MemoryRenderer
) -> None:
    together = threading.Barrier(5)

    @ipc.handle("x", thread=True)
    def handler(number: int) -> int:
        together.wait(PATIENCE)
        return number

    ipc.connect()
    for number in range(5):
        main.call(number + 1, "x", number)
    replied = main.wait_for(events.Replied, 5)
    assert {(e.id, messages.read_result(e.reply, "x")) for e in replied} == {
        (n + 1, n) for n in range(5)
    }


def test_replies_come_on_the_lane_of_their_call(
    main: MemoryMain, ipc: MemoryRenderer
) -> None:
    ipc.handle("result", lambda: 1)
    ipc.handle("raises", lambda: 1 / 0)
    ipc.handle("too large", lambda: bytes(DEFAULT_LIMITS.max_message_bytes))
    ipc.handle("thread", lambda: 1, thread=True)
    ipc.connect()
    for lane, channel in enumerate(["none", "result", "raises", "too large", "thread"]):
        main.call(lane + 1, channel, lane=lane)
    main.wait_for(events.Replied, 5)
    assert main.lanes_of_replies() == {1: 0, 2: 1, 3: 2, 4: 3, 5: 4}
