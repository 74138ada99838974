"""Sync messages beside the stream, or without one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from electron_ipc.v1 import ipc_pb2 as pb
from renderer import (
    ConnectionClosed,
    IpcTimeout,
    NoListener,
)
from renderer.carrier import LinkBroken
from renderer.wire.link import Fate
from tests.support.memory import MemoryMain, MemoryRenderer
from tests.support.processes import PATIENCE


def test_a_script_that_only_asks_opens_no_session(
    main: MemoryMain, ipc: MemoryRenderer
) -> None:
    main.responses = [pb.SendSyncResponse(value=pb.Value(string_value="pong"))] * 2
    assert ipc.send_sync("ping", 1) == "pong"
    assert ipc.send_sync("ping", 2) == "pong"
    assert [(r.channel, r.token, r.after, r.id) for r in main.unary] == [
        ("ping", b"", 0, 0)
    ] * 2
    assert ipc.id is None
    ipc.send("x")  # from now on there is a session
    main.hear()
    assert main.ways_closed(1) == 1


@pytest.mark.parametrize("use", ["on", "handle", "connect", "send"])
def test_whoever_does_more_asks_on_the_stream(
    main: MemoryMain, ipc: MemoryRenderer, use: str, helpers: ThreadPoolExecutor
) -> None:
    match use:
        case "connect":
            ipc.connect()
        case "send":
            ipc.send("x")
            main.hear()
        case _:
            getattr(ipc, use)("x", print)
    pong = helpers.submit(ipc.send_sync, "ping")
    main.answer(main.hear_call(), "pong")
    assert pong.result(PATIENCE) == "pong"
    assert main.unary == []


def test_a_unary_message_is_tried_again_only_if_it_was_not_sent(
    main: MemoryMain, ipc: MemoryRenderer
) -> None:
    unsent = LinkBroken("refused", "not-sent", Fate.RESUME)
    main.responses = [unsent, pb.SendSyncResponse(value=pb.Value(bool_value=True))]
    assert ipc.send_sync("x") is True
    main.responses = [LinkBroken("reset", "unknown", Fate.RESUME)]
    with pytest.raises(ConnectionClosed, match="reset") as closed:
        ipc.send_sync("x")
    assert closed.value.outcome == "unknown"
    main.responses = [IpcTimeout("no reply in time")]
    with pytest.raises(IpcTimeout, match="no reply to 'x' within 5 s"):
        ipc.send_sync("x", timeout=5)
    main.responses = [unsent] * 9
    with pytest.raises(ConnectionClosed, match="no main process at memory"):
        ipc.send_sync("x", timeout=0.01)
    response = pb.SendSyncResponse(failure=pb.Failure(reason="NO_LISTENER"))
    main.responses = [response]
    with pytest.raises(NoListener):
        ipc.send_sync("x")


def test_a_unary_message_of_a_session_names_its_place(
    main: MemoryMain, ipc: MemoryRenderer
) -> None:
    ipc.send("x")
    ipc.send("y")
    main.responses = [pb.SendSyncResponse(value=pb.Value(int_value=3))]
    ask = ipc._send_sync_unary  # noqa: SLF001 - for this way there is no public door
    assert ask("z", 1) == 3
    (request,) = main.unary
    assert (request.token, request.after, request.id) == (b"secret", 2, 1)
    main.responses = [IpcTimeout("no reply in time")]
    with pytest.raises(IpcTimeout, match="no reply to 'z' within 30 s"):
        ask("z")
    main.drop()
    ipc.wait()
    with pytest.raises(ConnectionClosed):
        ask("z")
