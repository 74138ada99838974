"""What observing costs those who do not: nothing is imported, nothing is called."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

from mainproc import IpcMain
from mainproc.observe import Observer
from mainproc.observe.observers import Observers
from tests.unit.mainproc.page import connected

if TYPE_CHECKING:
    import pytest

CONVERSATION = """
import sys
import mainproc, mainproc.observe, mainproc.server
import renderer, renderer.aio, renderer.grpc_link
from mainproc import IpcMain
from mainproc.testing import connected

ipc = IpcMain()
ipc.handle("add", lambda event, a, b: a + b)
with connected(ipc) as page:
    page.handle("name", lambda: "x")
    assert page.invoke("add", 2, 3).result() == 5
    assert page.contents.invoke("name").result() == "x"
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""

WITHOUT = """
import sys
sys.modules["opentelemetry"] = None
try:
    import mainproc.observe.otel
except ModuleNotFoundError as error:
    print(error)
"""


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.stdout.strip()


def test_nothing_is_imported() -> None:
    assert run(CONVERSATION) == "[]"


def test_who_wants_to_trace_is_told_what_to_install() -> None:
    assert run(WITHOUT).endswith("pip install 'electron-ipc[otel]'")


async def converse(ipc: IpcMain) -> None:
    ipc.on("event", lambda event: event.sender.send("back"))
    ipc.handle("add", lambda event, a, b: a + b)
    ipc.on("sync", lambda event: setattr(event, "return_value", 1))
    async with connected(ipc) as page:
        page.send("event")
        await page.hears("back")
        assert await page.invoke("add", 2, 3) == 5
        assert await page.send_sync("sync") == 1
        reply = page.contents.invoke("name")
        page.answer(await page.is_asked(), "x")
        assert await reply == "x"


async def test_nothing_is_called_for_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    called: set[str] = set()

    def note(name: str) -> None:
        method: Any = getattr(Observers, name)

        def noting(*args: Any) -> Any:
            called.add(name)
            return method(*args)

        monkeypatch.setattr(Observers, name, noting)

    for name in "arrived", "sent", "message", "begin":
        note(name)
    await converse(IpcMain())
    assert called == set()
    observed = IpcMain()
    observed.observe(Observer())
    await converse(observed)
    assert called == {"arrived", "sent", "message", "begin"}
