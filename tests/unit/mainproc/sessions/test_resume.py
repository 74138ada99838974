"""A renderer whose link is cut: kept, taken up again, or given up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from mainproc.security.identity import Identity
from mainproc.sessions import Sessions
from renderer.wire import events, messages
from renderer.wire.errors import Overloaded, RemoteProtocolError
from renderer.wire.state import State
from tests.support.leap import leap
from tests.support.processes import PATIENCE
from tests.unit.mainproc.page import Page, kept, main_with

ANN, BOB = Identity("token", "ann"), Identity("token", "bob")


def told_by(contents: Any) -> list[Any]:
    told: list[Any] = []
    contents.on("disconnected", lambda: told.append("disconnected"))
    contents.on("resumed", lambda: told.append("resumed"))
    contents.on("destroyed", lambda why: told.append(("destroyed", why)))
    return told


def hello(page: Page, **fields: Any) -> bytes:
    """Return a Hello that says it resumes the page's session."""
    said = pb.Hello(token=page.session.welcome.token, acks=True, resume=True)
    said.MergeFrom(pb.Hello(**fields))
    return pb.StreamRequest(hello=said).SerializeToString()


async def answer_to(page: Page, sessions: Sessions, first: bytes, **who: Any) -> Any:
    """Return main's first frame on a link that begins with this one."""
    link = type(page.link)(page, -1)
    page.deaf = False
    link.arriving.put_nowait(first)
    serving = asyncio.ensure_future(sessions.serve(link, "memory", **who))
    await page.until(lambda: link.frames)
    serving.cancel()
    await asyncio.wait([serving])
    return pb.StreamResponse.FromString(link.frames[0])


async def test_what_is_sent_during_a_cut_arrives_once_and_in_order() -> None:
    ipc, ran = main_with(), list[int]()
    ipc.on("x", lambda event, n: ran.append(n))
    async with kept(ipc) as page:
        contents, told = page.contents, told_by(page.contents)
        for n in range(10):
            page.put("x", n)
            contents.send("y", n)
        page.flush()
        await page.lose_link()
        assert not contents.is_connected()
        assert not contents.is_destroyed()
        assert ipc.web_contents == (contents,)
        for n in range(10, 20):
            page.put("x", n)
            assert contents.send("y", n)
        page.come_back()
        await page.hears("y", 20)
        await page.consumed()
        assert contents.is_connected()
        assert page.events("y") == [[n] for n in range(20)]
        assert ran == list(range(20))
        assert page.contents is contents
        assert told == ["disconnected", "resumed"]
        assert not page.gaps


async def test_calls_of_both_sides_outlive_a_cut() -> None:
    ipc, may_end = main_with(), asyncio.Event()

    @ipc.handle("slow")
    async def _(event: Any) -> str:
        await may_end.wait()
        return "done"

    async with kept(ipc) as page:
        asked = page.contents.invoke("question")
        call = await page.is_asked()
        reply = page.call("slow")
        await page.consumed()
        await page.lose_link()
        may_end.set()  # its reply has nowhere to go yet
        while page.connection._work.calls:  # noqa: ASYNC110, SLF001
            await asyncio.sleep(0)
        page.come_back()
        page.answer(call, 42)
        assert await asyncio.wait_for(reply, 10) == "done"
        assert await asyncio.wait_for(asked, 10) == 42


async def test_the_timeout_of_a_call_goes_on_during_a_cut() -> None:
    ipc, begun, cancelled = main_with(), asyncio.Event(), asyncio.Event()

    @ipc.handle("slow")
    async def _(event: Any) -> None:
        begun.set()
        try:
            await asyncio.Future()
        finally:
            cancelled.set()

    async with kept(ipc) as page:
        page.call("slow", timeout=3600.0)
        page.flush()
        await asyncio.wait_for(begun.wait(), 10)
        await page.lose_link()
        leap(3600.0)
        await asyncio.wait_for(cancelled.wait(), 10)


async def test_who_does_not_come_back_in_time_is_destroyed() -> None:
    ipc, gone = main_with(resume_grace=0.05), asyncio.Event()
    async with kept(ipc) as page:
        contents, told = page.contents, told_by(page.contents)
        contents.on("destroyed", lambda why: gone.set())
        asked = contents.invoke("question")
        await page.lose_link()
        await asyncio.wait_for(gone.wait(), 10)
        assert told == [
            "disconnected",
            ("destroyed", "its connection ended without a goodbye"),
        ]
        assert isinstance(asked.exception(), ConnectionError)
        assert ipc.web_contents == ()
        page.put("x")
        page.come_back()
        await page.until(lambda: page.gaps)
        assert page.gaps[0].sent_unconfirmed == 1
        assert page.contents is not contents
        assert list(ipc.web_contents) == [page.contents]


async def test_no_grace_is_no_return() -> None:
    ipc = main_with(resume_grace=0)
    async with kept(ipc) as page:
        contents = page.contents
        await page.lose_link()
        assert contents.is_destroyed()


async def test_a_link_that_seems_alive_is_taken_over() -> None:
    ipc, ran = main_with(), list[int]()
    ipc.on("x", lambda event, n: ran.append(n))
    async with kept(ipc) as page:
        old, serving, told = page.link, page.serving, told_by(page.contents)
        page.come_back()
        page.put("x", 1)
        await page.consumed()
        await asyncio.wait_for(serving, 10)
        last = pb.StreamResponse.FromString(old.frames[-1])
        assert last.goodbye.reason == pb.GOODBYE_REASON_REPLACED
        old.arriving.put_nowait(b"\xff")  # read by nobody
        page.send("x", 2)
        await page.consumed()
        assert ran == [1, 2]
        assert told == ["disconnected", "resumed"]


async def test_a_link_that_takes_nothing_more_is_taken_over() -> None:
    ipc = main_with()
    async with kept(ipc) as page:
        contents, serving = page.contents, page.serving
        page.link.stuck = asyncio.get_running_loop().create_future()
        for n in range(600):  # the first of them wait for the link
            contents.send("y", n)
        await asyncio.sleep(0)  # the turn of the loop in which it begins to write
        page.come_back()
        await page.hears("y", 600)
        assert page.events("y") == [[n] for n in range(600)]
        contents.send("y", 600)
        await page.hears("y", 601)
        await asyncio.wait_for(serving, 10)


async def test_a_lower_attempt_is_told_and_changes_nothing() -> None:
    ipc = main_with()
    sessions = Sessions(ipc)
    async with kept(ipc, sessions) as page:
        page.come_back()
        await page.is_confirmed()
        answer = await answer_to(page, sessions, hello(page, attempt=1))
        assert answer.goodbye.reason == pb.GOODBYE_REASON_REPLACED
        assert not answer.HasField("welcome")
        page.contents.send("y")
        await page.hears("y")


async def test_numbers_that_cannot_be_cost_the_link_only() -> None:
    ipc = main_with()
    sessions = Sessions(ipc)
    async with kept(ipc, sessions) as page:
        first = hello(page, attempt=1, received=7)
        answer = await answer_to(page, sessions, first)
        assert answer.goodbye.reason == pb.GOODBYE_REASON_PROTOCOL
        page.contents.send("y")
        await page.hears("y")


async def test_a_token_of_somebody_else_begins_a_new_session() -> None:
    ipc = main_with()
    sessions = Sessions(ipc)
    async with kept(ipc, sessions, identity=ANN) as page:
        await page.lose_link()
        first = hello(page, attempt=1)
        answer = await answer_to(page, sessions, first, identity=BOB)
        assert not answer.welcome.resumed
        assert answer.welcome.token != page.session.welcome.token
        page.come_back(identity=ANN)
        await page.is_confirmed()
        assert not page.gaps


async def test_a_session_that_main_has_closed_stays_so() -> None:
    ipc = main_with()
    sessions = Sessions(ipc)
    async with kept(ipc, sessions) as page:
        token = page.session.welcome.token
        await page.lose_link()
        page.contents.send("unheard")
        page.contents.send("unheard")
        page.contents.close("enough")
        page.come_back()
        await page.until(lambda: page.heard)
        assert page.heard == [("goodbye", (pb.GOODBYE_REASON_CLOSED, "enough"))]
        (ended,) = page.session.take_events()
        assert isinstance(ended, events.Ended)
        assert ended.missing == 2, "it is told what never came"
        assert sessions._farewells.get(token, None)  # noqa: SLF001


async def test_a_message_that_ends_every_link_ends_the_session() -> None:
    ipc = main_with()
    sessions = Sessions(ipc)

    def is_written() -> bool:
        frames = map(pb.StreamResponse.FromString, page.link.frames)
        return any(frame.messages for frame in frames)

    async with kept(ipc, sessions) as page:
        told = told_by(page.contents)
        page.deaf = True
        page.contents.send("poison")
        for _ in range(2):
            await page.lose_link()
            page.hostile = True  # it confirms the link, and never gets the message
            page.come_back()
            await page.until(is_written)
            page.session.receive(page.session.epoch, page.link.frames[0], 0.0)
            page.flush()
            await page.until(lambda: page.connection.session.state is State.OPEN)
        await page.lose_link()
        page.come_back()
        await page.until(lambda: page.link.frames)
        last = pb.StreamResponse.FromString(page.link.frames[-1])
        assert last.goodbye.reason == pb.GOODBYE_REASON_NO_PROGRESS
        await page.until(lambda: told and told[-1][0] == "destroyed")
        assert "did not arrive on three links" in told[-1][1]
        again = await answer_to(page, sessions, hello(page, attempt=9))
        assert again.goodbye == last.goodbye, "no new session takes its place"


async def test_main_stops_without_waiting_for_who_is_away() -> None:
    ipc = main_with()
    sessions = Sessions(ipc)
    async with kept(ipc, sessions) as page:
        contents, gone = page.contents, asyncio.Event()
        contents.on("destroyed", lambda why: gone.set())
        await page.lose_link()
        await asyncio.wait_for(sessions.stop(5.0), 10)
        await asyncio.wait_for(gone.wait(), 10)
        assert contents.is_destroyed()


async def test_main_stops_without_waiting_for_who_says_nothing() -> None:
    ipc = main_with(hello_timeout=2 * PATIENCE)
    sessions = Sessions(ipc)
    async with kept(ipc, sessions) as page:
        silent = type(page.link)(page, -1)
        serving = asyncio.ensure_future(sessions.serve(silent, "memory"))
        await asyncio.sleep(0)  # the turn of the loop in which it begins to read
        await asyncio.wait_for(sessions.stop(PATIENCE), PATIENCE / 2)
        page.deaf = False
        silent.arriving.put_nowait(hello(page, token=b"of another main"))
        await asyncio.wait_for(serving, PATIENCE)
        answer = pb.StreamResponse.FromString(silent.frames[0])
        assert answer.goodbye.reason == pb.GOODBYE_REASON_SHUTDOWN


async def test_who_comes_back_while_main_stops_gets_its_results() -> None:
    ipc, begun, go_on = main_with(), asyncio.Event(), asyncio.Event()
    sessions = Sessions(ipc)

    @ipc.handle("slow")
    async def _(event: Any) -> str:
        begun.set()
        await go_on.wait()
        return "finished"

    async with kept(ipc, sessions) as page:
        reply = page.call("slow")
        page.flush()
        await begun.wait()
        stopping = asyncio.ensure_future(sessions.stop(PATIENCE))
        await page.lose_link()
        page.come_back()
        await page.is_confirmed()
        go_on.set()
        assert await reply == "finished"
        await page.until(lambda: page.heard[-1][0] == "goodbye")
        assert page.heard[-1][1][0] == pb.GOODBYE_REASON_SHUTDOWN
        await stopping
        assert not page.gaps


async def test_who_comes_back_after_mains_goodbye_hears_all_of_it() -> None:
    ipc = main_with()
    sessions = Sessions(ipc)
    async with kept(ipc, sessions) as page:
        await page.lose_link()
        page.contents.send("unheard")
        await sessions.stop(0)
        page.come_back()
        await page.until(lambda: page.heard)
        assert page.heard == [("goodbye", (pb.GOODBYE_REASON_SHUTDOWN, "main stops"))]
        (ended,) = page.session.take_events()
        assert isinstance(ended, events.Ended)
        assert ended.missing == 1, "it is told what never came"


# ---- sync messages outside the stream ------------------------------------------------


def sync(page: Page, channel: str, *args: object, **fields: Any) -> bytes:
    request = messages.sync_request(channel, args)
    request.token = page.session.welcome.token
    request.MergeFrom(pb.SendSyncRequest(**fields))
    return request.SerializeToString()


async def test_a_sync_message_brings_along_what_a_cut_has_held_up() -> None:
    ipc, ran = main_with(), list[object]()
    sessions = Sessions(ipc)
    ipc.on("x", lambda event, n: ran.append(n))

    @ipc.on("ask")
    def _(event: Any) -> None:
        ran.append("ask")
        event.return_value = len(ran)

    async with kept(ipc, sessions) as page:
        page.put("x", 1)
        await page.consumed()
        await page.lose_link()
        page.put("x", 2)
        page.put("x", 3)
        said = page.session.outbox.unacked(3, 1_000)
        assert said is not None
        beside = [pb.Message.FromString(data) for data in said]
        first = page.session.outbox.acked + 1
        request = sync(page, "ask", after=3, id=9, first=first, messages=beside)
        answer = await sessions.send_sync(request, 10.0)
        assert await sessions.send_sync(request, 10.0) == answer
        assert pb.SendSyncResponse.FromString(answer).value.int_value == 4
        page.put("x", 4)
        page.come_back()
        await page.consumed()
        assert ran == [1, 2, 3, "ask", 4]


async def test_messages_beside_a_call_that_cannot_be() -> None:
    ipc, ran = main_with(window_messages=4), list[object]()
    sessions = Sessions(ipc)
    ipc.on("x", lambda event, n: ran.append(n))
    async with kept(ipc, sessions) as page:
        jump = sync(page, "x", first=7, messages=[pb.Message(event=pb.Event())])
        with pytest.raises(RemoteProtocolError, match="message 7 came where 1"):
            await sessions.send_sync(jump, 10.0)
        nothing = sync(page, "x", messages=[pb.Message(event=pb.Event())])
        with pytest.raises(RemoteProtocolError, match="message 0 came where 1"):
            await sessions.send_sync(nothing, 10.0)
        many = sync(page, "x", first=1, messages=[pb.Message(event=pb.Event())] * 9)
        with pytest.raises(Overloaded, match="beside the call exceed the window"):
            await sessions.send_sync(many, 10.0)
        stranger = messages.sync_request("x", ())
        stranger.messages.append(pb.Message(event=pb.Event()))
        with pytest.raises(RemoteProtocolError, match="need a session"):
            await sessions.send_sync(stranger.SerializeToString(), 10.0)
        page.send("x", 1)
        await page.consumed()
    assert ran == [1]


async def test_a_stream_without_numbers_takes_no_messages_beside_it() -> None:
    ipc, ran = main_with(), list[object]()
    sessions = Sessions(ipc)
    ipc.on("x", lambda event: ran.append(1))
    page = Page(ipc, sessions=sessions)
    page.hostile = True
    await page.until(lambda: page.link.frames)
    welcome = pb.StreamResponse.FromString(page.link.frames[0]).welcome
    event = pb.Message(event=pb.Event(channel="x"))
    bare = pb.StreamRequest(messages=[event]).SerializeToString()
    page.link.arriving.put_nowait(bare)
    await page.until(lambda: ran)
    request = pb.SendSyncRequest(
        channel="x", token=welcome.token, first=1, messages=[event]
    )
    with pytest.raises(RemoteProtocolError, match="tell no numbers"):
        await sessions.send_sync(request.SerializeToString(), 10.0)
    await page.cut()
    ipc.dispatcher.close()


async def test_a_timer_that_comes_too_early_is_set_again() -> None:
    ipc, gone = main_with(resume_grace=0.1), asyncio.Event()
    async with kept(ipc) as page:
        page.contents.on("destroyed", lambda why: gone.set())
        await page.lose_link()
        # uvloop's clock may be a millisecond behind its timers.
        page.connection._absence.limit(0.0)  # noqa: SLF001
        await asyncio.wait_for(gone.wait(), 10)


# ---- what is refused -----------------------------------------------------------------


async def test_a_peer_does_not_write_mains_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mainproc.sessions.registry._REFUSALS_LOGGED", 3)
    ipc = main_with()
    sessions = Sessions(ipc)
    async with kept(ipc, sessions) as page:
        for _ in range(9):
            await answer_to(page, sessions, b"\xff")
    refused = [text for text in caplog.messages if text.startswith("refused")]
    assert len(refused) == 4
    assert refused[-1] == "refused 3 links; more are not logged"
