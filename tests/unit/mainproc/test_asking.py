"""Main asks a renderer: `contents.invoke`."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import pytest

from mainproc import (
    ConnectionClosed,
    DataCloneError,
    IpcTimeout,
    Overloaded,
    RemoteError,
    Reply,
    WebContents,
)
from renderer.wire.limits import Limits
from tests.unit.mainproc.page import Page, connected, main_with


async def test_the_answer_is_what_is_awaited() -> None:
    async with connected(main_with()) as page:
        reply = page.contents.invoke("add", 2, 3)
        assert isinstance(reply, Reply)
        call = await page.is_asked()
        assert page.heard == [("add", [2, 3])]
        assert call.is_invoke
        assert call.timeout == 30
        page.answer(call, 5)
        assert await reply == 5
        assert reply.result() == 5, "done: nothing is held up"


async def test_what_its_handler_raised() -> None:
    async with connected(main_with()) as page:
        reply = page.contents.invoke("x")
        page.fail(await page.is_asked(), ValueError("boom"))
        with pytest.raises(RemoteError) as caught:
            await reply
        assert str(caught.value) == "Error invoking remote method 'x': ValueError: boom"


async def test_waiting_on_mains_own_loop_is_refused() -> None:
    async with connected(main_with()) as page:
        reply = page.contents.invoke("x")
        with pytest.raises(RuntimeError, match="use await"):
            reply.result()
        with pytest.raises(RuntimeError, match="use await"):
            reply.exception()
        page.answer(await page.is_asked(), None)
        assert await reply is None


async def test_waiting_on_another_thread() -> None:
    async with connected(main_with()) as page:
        asking = asyncio.create_task(
            asyncio.to_thread(lambda: page.contents.invoke("x", timeout=None).result())
        )
        call = await page.is_asked()
        assert call.timeout is None
        page.answer(call, "yes")
        assert await asking == "yes"


async def test_a_handler_may_ask_who_asks() -> None:
    ipc = main_with()

    @ipc.handle("outer")
    async def _(event: Any) -> Any:
        return [await event.sender.invoke("inner")]

    async with connected(ipc) as page:
        outer = page.call("outer")
        page.flush()
        page.answer(await page.is_asked(), "inner")
        assert await outer == ["inner"]


async def test_callbacks_run_on_mains_loop() -> None:
    async with connected(main_with()) as page:
        reply, ran = page.contents.invoke("x"), list[threading.Thread]()
        reply.add_done_callback(lambda _: ran.append(threading.current_thread()))
        page.answer(await page.is_asked(), None)
        await page.until(lambda: ran)
        assert ran == [threading.current_thread()]


async def test_its_time_is_over() -> None:
    async with connected(main_with(), title="left") as page:
        reply = page.contents.invoke("x", timeout=0.01)
        with pytest.raises(IpcTimeout) as caught:
            await reply
        id = page.contents.id
        whose = f"no reply to 'x' from renderer {id} 'left'"
        assert str(caught.value) == f"{whose} within 0.01 s"
        call = await page.is_asked()
        await page.until(lambda: page.cancelled == [call.message.id])
        page.answer(call, "late")  # is ignored
        again = page.contents.invoke("x")
        page.answer(await page.is_asked(2), "in time")
        assert await again == "in time"


@pytest.mark.parametrize("how", ["cancel", "task", "thread"])
async def test_cancelling_tells_the_renderer(how: str) -> None:
    async with connected(main_with()) as page:
        reply = page.contents.invoke("x")
        call = await page.is_asked()
        if how == "cancel":
            assert reply.cancel()
            assert reply.cancel(), "once more does no harm"
        elif how == "thread":
            assert await asyncio.to_thread(reply.cancel)
        else:
            waiting = asyncio.ensure_future(_wait(reply))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        assert reply.cancelled()
        await page.until(lambda: page.cancelled == [call.message.id])


async def _wait(reply: Reply[Any]) -> Any:
    return await reply


async def test_after_the_answer_it_cannot_be_cancelled() -> None:
    async with connected(main_with()) as page:
        reply = page.contents.invoke("x")
        page.answer(await page.is_asked(), 1)
        assert await reply == 1
        assert not reply.cancel()
        assert page.cancelled == []


async def test_nothing_is_sent_that_cannot_be() -> None:
    async with connected(main_with()) as page:
        with pytest.raises(DataCloneError, match=r"args\[0\]"):
            page.contents.invoke("x", object())
        with pytest.raises(TypeError, match="a channel is a str"):
            page.contents.invoke(None)  # type: ignore[arg-type]
        assert page.contents.send("end")
        await page.hears("end")
        assert page.asked == []


@pytest.mark.parametrize("end", ["cut", "goodbye", "close", "destroy"])
async def test_the_renderer_goes_first(end: str) -> None:
    async with connected(main_with()) as page:
        reply = page.contents.invoke("x")
        await page.is_asked()
        if end == "cut":
            await page.cut()
        elif end == "goodbye":
            page.say_goodbye()
        elif end == "close":
            page.contents.close("enough")
        else:
            page.connection.destroy("its process ended")
        with pytest.raises(ConnectionClosed) as caught:
            await asyncio.wait_for(_wait(reply), 5)
        why = {
            "cut": "its connection ended without a goodbye",
            "goodbye": "it said goodbye",
            "close": "enough",
            "destroy": "its process ended",
        }
        assert str(caught.value) == f"{page.contents} is gone: {why[end]}"
        assert caught.value.outcome == "unknown"
        with pytest.raises(ConnectionClosed, match="it was not asked") as refused:
            page.contents.invoke("x")
        assert refused.value.outcome == "not-sent"


async def test_one_without_session() -> None:
    one_shot = WebContents(title="", url="", default=None)
    assert not one_shot.is_connected()
    with pytest.raises(ConnectionClosed):
        one_shot.invoke("x")


async def test_a_window_that_is_full() -> None:
    limits = Limits(window_messages=4)
    async with connected(main_with(), limits=limits, slow=True) as page:
        for _ in range(4):
            assert page.contents.send("x")
        with pytest.raises(Overloaded) as caught:
            page.contents.invoke("x")
        assert f"wait for renderer {page.contents.id}" in str(caught.value)
        assert "await contents.drain()" in str(caught.value)


async def test_a_failure_that_nobody_looked_at_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with connected(main_with()) as page:
        reply = page.contents.invoke("x")
        page.fail(await page.is_asked(), ValueError("boom"))
        await page.until(reply.done)
        with caplog.at_level(logging.ERROR):
            del reply
        assert "nobody looked at the failed invoke of 'x'" in caplog.text


async def test_questions_and_events_keep_their_order() -> None:
    async with connected(main_with()) as page:
        replies = list[Reply[Any]]()
        for i in range(50):
            page.contents.send("event", i)
            replies.append(page.contents.invoke("question", i))
        await page.is_asked(50)
        assert page.heard == [
            (channel, [i]) for i in range(50) for channel in ("event", "question")
        ]
        for reply in replies:
            reply.cancel()


async def test_what_is_left_open_at_the_end_is_no_leak() -> None:
    page = Page(main_with())
    await page.until(lambda: page.session.welcome.token)
    reply = page.contents.invoke("x")
    await page.cut()
    assert isinstance(reply.exception(), ConnectionClosed)


async def test_a_question_of_a_finalizer() -> None:
    """The collector may run it where this thread holds the session's lock."""
    async with connected(main_with()) as page:
        with page.connection._outlet.lock:  # noqa: SLF001
            reply = page.contents.invoke("x", timeout=0.01)
        await page.is_asked()
        with pytest.raises(IpcTimeout, match="no reply to 'x' from renderer"):
            await reply

        with page.connection._outlet.lock:  # noqa: SLF001
            reply = page.contents.invoke("x")
        page.contents.close()
        with pytest.raises(ConnectionClosed, match="it was not asked"):
            await reply


async def test_an_answer_leaves_no_timer_behind() -> None:
    async with connected(main_with()) as page:
        before = timers()
        answered = page.contents.invoke("x", timeout=3600)
        given_up = page.contents.invoke("y", timeout=3600)
        assert len(timers() - before) == 2
        page.answer(await page.is_asked(), None)
        await answered
        given_up.cancel()
        assert not timers() - before


def timers() -> set[asyncio.TimerHandle]:
    """Return what this loop is to do in an hour."""
    loop: Any = asyncio.get_running_loop()
    soon = loop.time() + 1800
    return {t for t in loop._scheduled if t.when() > soon and not t.cancelled()}  # noqa: SLF001
