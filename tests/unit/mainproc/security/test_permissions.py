"""A policy, asked for each message; in memory."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from mainproc import AccessDenied, IpcMain, NoHandler, NoListener
from mainproc.observe import Observer, Refusal
from mainproc.security import Identity, Policy, Rule
from mainproc.sessions import Sessions
from renderer.wire import messages
from tests.unit.mainproc.page import Page, connected

KIOSK = Identity("token", "kiosk")
GUEST = Identity("token", "guest")
RULES = (
    Rule("token:kiosk", send="open.*", sync="open.*", invoke="open.*"),
    Rule("token:kiosk", receive="open.*", handle="open.*"),
    Rule("anonymous", sync="open.*"),
)
Do = Callable[[Page, str], Coroutine[Any, Any, Any]]


async def sync(page: Page, channel: str) -> Any:
    return await page.send_sync(channel)


async def invoke(page: Page, channel: str) -> Any:
    return await page.invoke(channel)


def main_with_policy(*rules: Rule) -> tuple[IpcMain, list[str]]:
    """Return one, and where what its listeners get is noted."""
    ipc, heard = IpcMain(policy=Policy(rules or RULES)), list[str]()
    for channel in ("open.a", "secret.a"):

        @ipc.on(channel)
        def _(event: Any) -> None:
            heard.append(f"{event.sender.identity} {event.channel}")
            event.return_value = "done"

        ipc.handle(channel, lambda event: "done")
    return ipc, heard


@asynccontextmanager
async def both(ipc: IpcMain) -> AsyncIterator[tuple[Page, Page]]:
    """Yield a renderer that may do something, and one that may not."""
    async with AsyncExitStack() as stack:
        kiosk = await stack.enter_async_context(connected(ipc, identity=KIOSK))
        guest = await stack.enter_async_context(connected(ipc, identity=GUEST))
        yield kiosk, guest


async def test_without_a_policy_nobody_is_asked() -> None:
    ipc = IpcMain()
    ipc.handle("x", lambda event: "done")
    async with connected(ipc, identity=GUEST) as page:
        assert page.contents.permissions is None
        assert await page.invoke("x") == "done"
        assert page.contents.refused == 0


@pytest.mark.parametrize("do", [sync, invoke])
async def test_calls(do: Do) -> None:
    ipc, _ = main_with_policy()
    async with both(ipc) as (kiosk, guest):
        assert await do(kiosk, "open.a") == "done"
        for page, channel in [(kiosk, "secret.a"), (guest, "open.a")]:
            with pytest.raises(AccessDenied) as caught:
                await do(page, channel)
            assert str(caught.value) == f"not allowed: {do.__name__} on '{channel}'"
            assert page.contents.refused == 1


@pytest.mark.parametrize("do", [sync, invoke])
async def test_a_refusal_does_not_tell_what_exists(do: Do) -> None:
    ipc, _ = main_with_policy()
    texts = set()
    async with connected(ipc, identity=KIOSK) as page:
        for channel in ("secret.a", "secret.b", "nothing"):
            with pytest.raises(AccessDenied) as caught:
                await do(page, channel)
            texts.add(str(caught.value).replace(channel, "CHANNEL"))
    assert len(texts) == 1


async def test_what_is_allowed_and_missing_names_nothing_else() -> None:
    ipc, _ = main_with_policy()
    ipc.on("open.listener", print)
    ipc.handle("open.handler", print)
    async with connected(ipc, identity=KIOSK) as page:
        with pytest.raises(NoHandler, match=r"^No handler registered for 'open\.aa'$"):
            await page.invoke("open.aa")
        with pytest.raises(NoListener, match=r"^no listener for 'open\.handler'$"):
            await page.send_sync("open.handler")
        with pytest.raises(NoHandler, match=r"for 'open\.listener'$"):
            await page.invoke("open.listener")


async def test_an_event_that_is_refused_is_consumed_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ipc, heard = main_with_policy()
    async with both(ipc) as (kiosk, guest):
        for page in (kiosk, guest):
            for channel in ("secret.a", "open.a", "secret.a"):
                page.put(channel)
            await page.consumed()
        assert heard == ["token:kiosk open.a"]
        assert (kiosk.contents.refused, guest.contents.refused) == (2, 3)
        told = [r.getMessage() for r in caplog.records if "may not" in r.getMessage()]
        assert told == [
            f"{kiosk.contents} (token:kiosk) may not send on 'secret.a'",
            f"{guest.contents} (token:guest) may not send on 'secret.a'",
            f"{guest.contents} (token:guest) may not send on 'open.a'",
        ]


async def test_a_peer_does_not_write_the_log(caplog: pytest.LogCaptureFixture) -> None:
    ipc, _ = main_with_policy()
    async with connected(ipc, identity=GUEST) as page:
        for number in range(100):
            page.put(f"channel {number}")
        await page.consumed()
        assert page.contents.refused == 100
    told = [r.getMessage() for r in caplog.records if "may not" in r.getMessage()]
    assert len(told) == 20
    assert told[-1].endswith("'channel 19'; no more of this is logged")


async def test_what_main_sends_is_refused_at_the_sender(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ipc, _ = main_with_policy()
    async with both(ipc) as (kiosk, guest):
        assert kiosk.contents.send("open.a", 1)
        assert not kiosk.contents.send("secret.a", 2)
        assert not guest.contents.send("open.a", 3)
        assert ipc.broadcast("open.a", 4) == 1
        assert ipc.broadcast("secret.a", 5) == 0
        await kiosk.hears("open.a", 2)
        assert kiosk.heard == [("open.a", [1]), ("open.a", [4])]
        assert guest.heard == []
        assert f"{kiosk.contents} (token:kiosk) may not receive on" in caplog.text


async def test_what_main_asks_is_refused_at_the_sender() -> None:
    ipc, _ = main_with_policy()
    async with both(ipc) as (kiosk, guest):
        with pytest.raises(AccessDenied, match=r"not allowed: handle on 'secret\.a'"):
            kiosk.contents.invoke("secret.a")
        reply = kiosk.contents.invoke("open.a")
        kiosk.answer(await kiosk.is_asked(), "done")
        assert await reply == "done"
        kiosk.contents.join("all")
        guest.contents.join("all")
        gathering = ipc.to("all").invoke("open.a")
        kiosk.answer(await kiosk.is_asked(2), "done")
        answers = await gathering
        assert answers == {kiosk.contents: "done"}
        assert isinstance(answers.errors[guest.contents], AccessDenied)
        assert guest.asked == []


async def test_a_policy_may_be_set_at_any_time() -> None:
    ipc, _ = main_with_policy()
    async with connected(ipc, identity=GUEST) as page:
        with pytest.raises(AccessDenied):
            await page.invoke("open.a")
        ipc.policy = Policy([Rule("token:guest", invoke="*")])
        assert await page.invoke("open.a") == "done"
        ipc.policy = Policy([])
        with pytest.raises(AccessDenied):
            await page.invoke("open.a")
        ipc.policy = None
        assert ipc.policy is None
        assert await page.invoke("open.a") == "done"


async def one_shot(sessions: Sessions, channel: str, who: Identity | None) -> Any:
    request = messages.sync_request(channel, ()).SerializeToString()
    response = await sessions.send_sync(request, 5.0, None, who)
    return messages.read_result(messages.parse_sync_response(response), channel)


async def test_sync_messages_without_a_session(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ipc, _ = main_with_policy()
    sessions = Sessions(ipc)
    for who in (None, KIOSK):
        assert await one_shot(sessions, "open.a", who) == "done"
    for who, channel in [(None, "secret.a"), (GUEST, "open.a"), (GUEST, "open.a")]:
        with pytest.raises(AccessDenied, match="not allowed: sync on"):
            await one_shot(sessions, channel, who)
    told = [r.getMessage() for r in caplog.records if "may not" in r.getMessage()]
    assert len(told) <= 2, "each message without a session is a renderer of its own"
    ipc.dispatcher.close()


class Watching(Observer):
    def __init__(self) -> None:
        self.seen: list[tuple[str, str | None]] = []

    def refused(self, refusal: Refusal) -> None:
        self.seen.append((refusal.reason, refusal.channel))


async def test_observers_are_told() -> None:
    ipc, _ = main_with_policy()
    watching = Watching()
    ipc.observers.add(watching)
    async with connected(ipc, identity=GUEST) as page:
        page.send("x")
        await page.consumed()
        page.contents.send("y")
    assert watching.seen == [("ACCESS_DENIED", "x"), ("ACCESS_DENIED", "y")]


async def test_it_costs_one_look_up() -> None:
    ipc, _ = main_with_policy()
    async with connected(ipc, identity=KIOSK) as page:
        await page.invoke("open.a")
        permissions = page.contents.permissions
        assert permissions is not None
        assert dict(permissions.invoke) == {"open.a": True}


async def test_names_of_peers_are_made_visible(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ipc, _ = main_with_policy()
    async with connected(ipc, identity=Identity("hook", "a\nb")) as page:
        page.put("x" * 10_000)
        page.put("x" * 10_001)
        await page.consumed()
        assert page.contents.refused == 2
    (told,) = [r.getMessage() for r in caplog.records if "may not" in r.getMessage()]
    assert told.partition(" (")[2] == rf"hook:a\nb) may not send on '{'x' * 100}…'"


def test_a_refusal_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    from mainproc.security.refusals import Refusals

    with caplog.at_level(logging.WARNING, "ipc.main"):
        Refusals().note("somebody", "send", "x\n")
    assert caplog.messages == [r"somebody may not send on 'x\n'"]


def test_a_path_is_no_policy() -> None:
    wrong: Any = "policy.toml"
    text = "as from Policy.load.'policy.toml'., or None; not a str"
    with pytest.raises(TypeError, match=text):
        IpcMain(policy=wrong)
    ipc = IpcMain()
    with pytest.raises(TypeError, match=text):
        ipc.policy = wrong
    assert ipc.policy is None
