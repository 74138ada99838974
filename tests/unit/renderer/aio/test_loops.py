"""A renderer belongs to one loop at a time, and to one process."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from renderer.aio import ConnectionClosed, IpcError, renderer
from renderer.wire import events
from tests.support.memory import MemoryMain
from tests.support.memory_aio import MemoryAioRenderer, hear, until


def test_without_a_loop(main: MemoryMain) -> None:
    ipc = MemoryAioRenderer(main)
    with pytest.raises(IpcError, match=r"no event loop.*from renderer import ipc"):
        ipc.send("x")


async def test_another_thread_is_told_what_to_do(
    main: MemoryMain, ipc: MemoryAioRenderer
) -> None:
    await ipc.connect()
    text = r"another event loop.*loop.call_soon_threadsafe\(ipc.send"

    def elsewhere() -> None:
        with pytest.raises(IpcError, match=text):
            ipc.send("x")
        with pytest.raises(IpcError, match=text):
            ipc.invoke("x")
        with pytest.raises(IpcError, match=text):
            asyncio.run(ipc.flush())
        with pytest.raises(IpcError, match=text):
            asyncio.run(ipc.connect())
        assert ipc.is_connected()
        ipc.on("x", print)

    with ThreadPoolExecutor() as pool:
        await asyncio.get_running_loop().run_in_executor(pool, elsewhere)
    assert main.heard_nothing()


def test_one_renderer_for_several_loops(main: MemoryMain) -> None:
    ipc = MemoryAioRenderer(main)
    ids: list[int | None] = []

    async def program() -> None:
        reply = ipc.invoke("x")
        await until(lambda: not main.heard_nothing())
        main.answer(main.hear_call(), 1)
        assert await reply == 1
        ids.append(ipc.id)

    for _ in range(3):
        asyncio.run(program())
        assert not ipc.is_connected()
    assert ids == [1, 2, 3]
    # Nobody has closed it: that is done at the end of each loop.
    assert len(main.noted_of(events.GoodbyeHeard)) == 3
    assert main.closed == 3


def test_the_end_of_a_loop_flushes(main: MemoryMain) -> None:
    ipc = MemoryAioRenderer(main)
    heard: list[int] = []
    ipc.on("y", heard.append)

    async def program() -> None:
        ipc.send("x", 1)
        ipc.send("x", 2)

    asyncio.run(program())

    async def look() -> None:
        assert [await hear(main), await hear(main)] == [("x", [1]), ("x", [2])]

    asyncio.run(look())
    assert len(main.noted_of(events.GoodbyeHeard)) == 1


def test_the_end_of_a_loop_tells_what_was_lost(
    main: MemoryMain,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("renderer.aio.connection.FLUSH_S", 0.01)
    monkeypatch.setattr("renderer.aio.connection._PART_AT_END_S", 0.01)
    main.consuming = main.answering = False
    ipc = MemoryAioRenderer(main)

    async def program() -> None:
        ipc.send("x")
        await hear(main)

    asyncio.run(program())
    assert "it has not confirmed 1 message sent to it" in caplog.text


def test_a_loop_that_was_closed_without_a_word(main: MemoryMain) -> None:
    ipc = MemoryAioRenderer(main)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(ipc.connect())
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    first = ipc._connection  # noqa: SLF001
    assert first is not None
    assert first._life is not None  # noqa: SLF001
    loop.run_until_complete(asyncio.wait([first._life]))  # noqa: SLF001
    loop.close()

    async def program() -> None:
        await ipc.connect()
        assert ipc.id == 2
        await ipc.aclose()

    asyncio.run(program())


def test_what_was_closed_stays_closed_on_another_loop(main: MemoryMain) -> None:
    ipc = MemoryAioRenderer(main)

    async def first() -> None:
        async with ipc:
            pass

    async def second() -> None:
        await ipc.aclose()
        with pytest.raises(ConnectionClosed, match="it was closed"):
            ipc.send("x")

    asyncio.run(first())
    asyncio.run(second())


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
async def test_a_forked_child_is_told(main: MemoryMain, ipc: MemoryAioRenderer) -> None:
    await ipc.connect()
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            ipc.send("x")
        except BaseException as error:
            told = f"{type(error).__name__}: {error}; {ipc.is_connected()}"
            os.write(write, told.encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)  # noqa: ASYNC222 - it ends at once
    os.close(write)
    with os.fdopen(read) as pipe:
        told = pipe.read()
    assert told == (
        f"IpcError: opened in process {os.getpid()}, not usable after fork; "
        "connect again; False"
    )


async def test_a_forked_child_connects_anew(
    main: MemoryMain, ipc: MemoryAioRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ipc.connect()
    mine, ipc._pid = ipc._pid, 1  # noqa: SLF001
    with monkeypatch.context() as child:
        # As Python has it there: the parent's loop does not run.
        child.setattr(renderer, "_running_loop", lambda: None)
        for use in (lambda: ipc.send("x"), lambda: ipc.invoke("x")):
            with pytest.raises(IpcError, match="opened in process 1, not usable after"):
                use()
    await ipc.aclose()  # the parent's goes on
    parents = ipc._connection  # noqa: SLF001
    await ipc.connect()
    assert ipc.id == 2
    await ipc.aclose()
    assert parents is not None
    assert (parents.opened, parents.over) == (True, False)
    ipc._pid, ipc._connection = mine, parents  # noqa: SLF001
    parents.cut()
