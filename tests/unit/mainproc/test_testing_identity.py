"""The test kit: who a probe is, for `allow=`, a policy and `event.sender.identity`."""

from __future__ import annotations

import pytest

from mainproc import AccessDenied, IpcMain, WebContents
from mainproc.security import Identity, Policy, Rule
from mainproc.testing import connected, connected_aio
from tests.support.processes import PATIENCE

KIOSK = Identity("token", "kiosk")


def is_kiosk(contents: WebContents) -> bool:
    return contents.identity == KIOSK


@pytest.fixture
def ipc() -> IpcMain:
    """What the anonymous may not do, and what only the kiosk may."""
    rules = [Rule("*", invoke="mine"), Rule("token:kiosk", sync="who", invoke="who")]
    ipc = IpcMain(policy=Policy(rules))
    ipc.on("who", lambda event: setattr(event, "return_value", shown(event.sender)))
    ipc.handle("who", lambda event: shown(event.sender))
    ipc.handle("mine", lambda event: "done", allow=is_kiosk)
    return ipc


def shown(contents: WebContents) -> str:
    return str(contents.identity)


@pytest.mark.parametrize("who", [KIOSK, "token:kiosk"])
def test_a_probe_that_is_somebody(ipc: IpcMain, who: Identity | str) -> None:
    with connected(ipc, identity=who) as page:
        assert page.contents.identity == KIOSK
        assert page.invoke("who").result(PATIENCE) == "token:kiosk"
        assert page.invoke("mine").result(PATIENCE) == "done"
        assert page.send_sync("who") == "token:kiosk"
        assert page._send_sync_unary("who") == "token:kiosk"  # noqa: SLF001
        contents = page.contents
        page.cut()
        assert page.invoke("who").result(PATIENCE) == "token:kiosk"
        assert page.contents is contents


@pytest.mark.parametrize(
    ("who", "known"),
    [(None, None), ("anonymous", None), ("hook:kiosk", Identity("hook", "kiosk"))],
)
def test_a_probe_that_is_somebody_else(
    ipc: IpcMain, who: str | None, known: Identity | None
) -> None:
    with connected(ipc, identity=who) as page:
        assert page.contents.identity == known
        for channel in ("who", "mine"):
            with pytest.raises(AccessDenied):
                page.invoke(channel).result(PATIENCE)
        with pytest.raises(AccessDenied):
            page.send_sync("who")
        with pytest.raises(AccessDenied):
            page._send_sync_unary("who")  # noqa: SLF001


async def test_on_asyncio(ipc: IpcMain) -> None:
    async with (
        connected_aio(ipc, identity="token:kiosk") as kiosk,
        connected_aio(ipc) as other,
    ):
        assert await kiosk.invoke("who") == "token:kiosk"
        assert await kiosk.invoke("mine") == "done"
        await kiosk.cut()
        assert await kiosk.send_sync("who") == "token:kiosk"
        assert kiosk.contents.identity == KIOSK
        assert other.contents.identity is None
        for channel in ("who", "mine"):
            with pytest.raises(AccessDenied):
                await other.invoke(channel)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("kiosk", "write KIND:NAME, as 'token:kiosk', or 'anonymous'; KIND is 'token'"),
        ("token", "write 'token:NAME', or"),
        ("tokn:kiosk", "there is no kind 'tokn'; did you mean 'token'?"),
        ("t*:kiosk", "there is no kind 't*'; there is 'token', 'certificate', 'hook'"),
    ],
)
def test_nobody(ipc: IpcMain, text: str, hint: str) -> None:
    for connect in (connected, connected_aio):
        with pytest.raises(ValueError, match="is nobody") as caught:
            connect(ipc, identity=text)
        assert str(caught.value).startswith(f"'{text}' is nobody: {hint}")
