"""Sync messages beside the stream of a session: what is tried again, and how."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer import ConnectionClosed, IpcTimeout, Overloaded
from renderer.carrier import LinkBroken
from renderer.wire.errors import IpcError, Outcome
from renderer.wire.link import Fate
from tests.support.away import WatchedRenderer, away, gone
from tests.support.memory_aio import KeepingMain
from tests.support.processes import PATIENCE

PONG = pb.SendSyncResponse(value=pb.Value(string_value="pong"))


@pytest.fixture
def ipc(ipc: WatchedRenderer) -> WatchedRenderer:
    return ipc.connect()


def ask(ipc: WatchedRenderer, timeout: float | None = PATIENCE) -> object:
    return ipc._send_sync_unary("x", "ping", timeout=timeout)  # noqa: SLF001 - no door


def test_it_has_its_place_among_the_messages(
    main: KeepingMain, ipc: WatchedRenderer
) -> None:
    ipc.send("y")
    main.responses = [PONG]
    assert ask(ipc) == "pong"
    (request,) = main.unary
    assert (request.token, request.after) == (b"secret 1", 1)
    assert request.id
    assert not request.messages


def test_what_broke_is_sent_again_with_the_same_id(
    main: KeepingMain, ipc: WatchedRenderer
) -> None:
    main.responses = [gone(), LinkBroken("no way", "not-sent", Fate.RESUME), PONG]
    assert ask(ipc) == "pong"
    first, *others = main.unary
    assert others == [first, first]


def test_without_a_link_it_brings_along_what_main_lacks(
    main: KeepingMain, ipc: WatchedRenderer
) -> None:
    ipc.send("consumed")
    ipc.flush()
    with away(main, ipc):
        ipc.send("y", 1)
        ipc.send("y", 2)
        main.responses = [PONG]
        assert ask(ipc) == "pong"
        (request,) = main.unary
        assert (request.first, request.after) == (2, 3)
        assert [m.event.channel for m in request.messages] == ["y", "y"]
    # Main did not take them there: they come once, by the link.
    assert [main.hear()[1] for _ in range(3)] == [[], [1], [2]]
    ipc.flush()
    assert main.heard_nothing()


def test_what_is_too_much_waits_for_a_link(
    main: KeepingMain, ipc: WatchedRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderer.threads.beside._ROOM", 10)
    with away(main, ipc):
        ipc.send("y", "x" * 10)
        main.responses = [PONG]
        assert ask(ipc) == "pong"
        assert not main.unary[0].messages
        assert main.unary[0].after == 1


@pytest.mark.parametrize(
    ("responses", "outcome"),
    [
        ([LinkBroken("ABORTED", "not-sent", Fate.NEW_SESSION)], "not-sent"),
        ([gone(), LinkBroken("ABORTED", "not-sent", Fate.NEW_SESSION)], "unknown"),
        ([LinkBroken("forgotten", "unknown", Fate.NEW_SESSION)], "unknown"),
        ([LinkBroken("what?", "not-sent", Fate.GIVE_UP)], "not-sent"),
    ],
)
def test_what_is_not_tried_again(
    main: KeepingMain,
    ipc: WatchedRenderer,
    responses: list[IpcError | pb.SendSyncResponse],
    outcome: Outcome,
) -> None:
    main.responses = responses
    with pytest.raises(ConnectionClosed, match="the sync message to 'x' fai") as closed:
        ask(ipc)
    assert closed.value.outcome == outcome


@pytest.mark.parametrize("error", [Overloaded("full"), IpcTimeout("late")])
def test_what_main_says_itself_is_final(
    main: KeepingMain, ipc: WatchedRenderer, error: IpcError
) -> None:
    main.responses = [error]
    with pytest.raises(type(error)):
        ask(ipc)
    assert len(main.unary) == 1


def test_a_session_that_is_lost_meanwhile(
    main: KeepingMain, ipc: WatchedRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(request: bytes, timeout: float | None) -> bytes:
        main.restart()
        assert [ipc.news.next(), ipc.news.next()] == ["reconnecting", "reconnected"]
        raise gone()

    monkeypatch.setattr(main, "send_sync", lost)
    with pytest.raises(ConnectionClosed, match="a new one began") as closed:
        ask(ipc)
    assert closed.value.outcome == "unknown"


def test_a_session_that_ends_meanwhile(
    main: KeepingMain, ipc: WatchedRenderer, helpers: ThreadPoolExecutor
) -> None:
    main.responses = [gone()] * 100_000
    asking = helpers.submit(ask, ipc, None)
    while not main.unary:
        pass
    ipc.close()
    error = asking.exception(PATIENCE)
    assert isinstance(error, ConnectionClosed)
    assert (str(error), error.outcome) == (
        "the connection to main at memory was closed",
        "unknown",
    )
