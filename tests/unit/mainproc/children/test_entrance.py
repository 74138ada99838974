"""The private socket: its place, and those who open it at once."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest

from mainproc import IpcError, IpcMain
from mainproc.children import leftovers
from mainproc.children.entrance import Entrance
from mainproc.sessions import Sessions


def folder_of(address: str) -> Path:
    return Path(address.removeprefix("unix:")).parent


async def test_it_is_made_once_and_removed() -> None:
    entrance = Entrance(Sessions(IpcMain()))
    first, second = await asyncio.gather(entrance.open(), entrance.open())
    assert first == second
    assert folder_of(first).exists()
    await entrance.close()
    assert not folder_of(first).exists()


async def test_one_that_nobody_has_opened() -> None:
    await Entrance(Sessions(IpcMain())).close()


async def test_giving_up_leaves_none_half_open() -> None:
    entrance = Entrance(Sessions(IpcMain()))
    opening = asyncio.create_task(entrance.open())
    await asyncio.sleep(0)
    opening.cancel()
    await asyncio.wait([opening])
    address = await entrance.open()
    await entrance.close()
    assert not folder_of(address).exists()


@pytest.mark.parametrize("odd", ["x" * 80, "a b", "a%20b", "ä"])
async def test_a_folder_that_no_address_can_name_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, odd: str
) -> None:
    folder = tmp_path / odd
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    entrance = Entrance(Sessions(IpcMain()))
    assert folder_of(await entrance.open()).parent == Path("/tmp").resolve()  # noqa: ASYNC240
    await entrance.close()


async def test_no_place_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    monkeypatch.setattr("os.access", lambda *_: False)
    entrance = Entrance(Sessions(IpcMain()))
    for _ in range(2):
        with pytest.raises(IpcError, match="no place for a socket in /nowhere; set"):
            await entrance.open()
    await entrance.close()


def test_what_is_left_is_removed_in_the_end() -> None:
    removed = list[str]()

    def one() -> None:
        removed.append("one")

    def other() -> None:
        removed.append("other")

    leftovers.note(one)
    leftovers.note(other)
    leftovers.forget(other)
    leftovers.forget(other)
    leftovers.remove_all()
    leftovers.forget(one)
    assert removed == ["one"]
