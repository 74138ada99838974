"""What an observer writes into a log, and main's own log then leaves out."""

from __future__ import annotations

import logging

import pytest

from mainproc import IpcMain, WebContents
from mainproc.observe import LoggingObserver, Observer
from tests.unit.mainproc.page import connected, kept, main_with


async def test_a_log_of_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "ipc.observe")
    ipc = main_with()
    ipc.observe(LoggingObserver())
    ipc.handle("fail", lambda event, secret: 1 / 0)
    async with connected(ipc, title="left") as page:
        with pytest.raises(Exception, match="division"):
            await page.invoke("fail", "secret")
        page.send("unheard")
        await page.consumed()
        page.say_goodbye()
        await page.until(lambda: "destroyed" in caplog.text)
    lines = [
        (r.levelname, r.message.replace(f"renderer {page.contents.id}", "renderer"))
        for r in caplog.records
        if r.name == "ipc.observe"
    ]
    ended = next(line for line in lines if "ZeroDivisionError" in line[1])
    lines.remove(ended)
    assert ended[0] == "DEBUG"
    assert ended[1].startswith("renderer 'left': in invoke 'fail': error ZeroDivision")
    unheard = "'unheard': NO_LISTENER: no listener for 'unheard'"
    assert [line for line in lines if "bytes" not in line[1]] == [
        ("INFO", "renderer 'left': connected"),
        (
            "WARNING",
            f"renderer 'left': refused {unheard}",
        ),
        ("INFO", "renderer 'left': destroyed: it said goodbye"),
    ]
    assert [text.split(",")[0] for level, text in lines if level == "DEBUG"] == [
        "renderer 'left': in invoke 'fail'",
        "renderer 'left': out reply",
        "renderer 'left': in event 'unheard'",
    ]
    assert "secret" not in caplog.text.replace("lambda event, secret", "")


def test_the_rest_of_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "mine")
    observer = LoggingObserver(logging.getLogger("mine"))
    contents = WebContents(title="left", url="", default=None)
    observer.disconnected(contents)
    observer.resumed(contents, 1.25)
    observer.gap(contents, 3, None)
    observer.gap(contents, 0, 2)
    observer.overloaded(contents, "out", "x\n", "raise")
    observer.message(contents, "in", "event", "x", 1)
    who = str(contents)
    assert [record.message for record in caplog.records] == [
        f"{who}: disconnected",
        f"{who}: resumed after 1.2 s",
        f"{who}: gap: 3 messages to it unconfirmed, ? from it missing",
        f"{who}: gap: 0 messages to it unconfirmed, 2 from it missing",
        f"{who}: overloaded, out 'x\\n': raise",
    ]


# ---- beside main's own log -----------------------------------------------------------


async def a_life(ipc: IpcMain) -> None:
    """Let a renderer come, be cut off, come back, and break the protocol."""
    async with kept(ipc, title="left") as page:
        over: list[str] = []
        page.contents.on("destroyed", over.append)
        await page.lose_link()
        page.come_back()
        await page.is_confirmed()
        page.slow = True
        page.contents.send("x")
        await page.hears("x")
        page.hostile = True
        page.link.arriving.put_nowait(b"\xff")
        await page.until(lambda: over)


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, str]]:
    """Return what is logged of renderers as (logger, level, text)."""
    return [
        (record.name, record.levelname, "…" + record.message.partition("'left'")[2])
        for record in caplog.records
        if "'left'" in record.message
    ]


async def test_what_becomes_of_a_renderer_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "ipc")
    ipc = main_with()
    remove = ipc.observe(LoggingObserver())
    await a_life(ipc)
    by_observer = told(caplog)
    caplog.clear()
    remove()
    await a_life(ipc)
    broken = next(text for *_, text in by_observer if "PROTOCOL" in text)
    why = broken.partition("PROTOCOL: ")[2]
    found = [(level, text.partition(" after")[0]) for _, level, text in by_observer]
    assert found == [
        ("INFO", "…: connected"),
        ("INFO", "…: disconnected"),
        ("INFO", "…: resumed"),
        ("WARNING", f"…: refused: PROTOCOL: {why}"),
        ("WARNING", "…: gap: 1 messages to it unconfirmed, ? from it missing"),
        ("INFO", f"…: destroyed: it broke the protocol: {why}"),
    ]
    assert {name for name, *_ in by_observer} == {"ipc.observe"}
    assert told(caplog) == [
        ("ipc.main", "INFO", "… connected"),
        ("ipc.main", "INFO", "… lost its connection; it is kept for a while"),
        ("ipc.main", "INFO", "… is back"),
        ("ipc.main", "WARNING", f"… broke the protocol: {why}"),
        ("ipc.main", "INFO", "… is gone; 1 messages to it are unconfirmed"),
        ("ipc.main", "INFO", f"… disconnected: {why}"),
    ]


async def test_what_an_observer_does_not_log_stays_in_main_s_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "mine")
    caplog.set_level(logging.INFO, "ipc.main")
    ipc = main_with()
    ipc.observe(Observer())
    ipc.observe(LoggingObserver(logging.getLogger("mine")))
    await a_life(ipc)
    names = [name for name, _, text in told(caplog) if "connected" in text]
    assert names == ["ipc.main", "ipc.main"]
    assert [name for name, level, _ in told(caplog) if level == "WARNING"] == [
        "mine",
        "mine",
    ]
