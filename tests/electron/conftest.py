"""A main process on a real socket, and renderers of both faces.

A test of one of Electron's cases carries its id: `@pytest.mark.electron("I1")`. Which
cases there are stands in cases.toml, which of them have no test and why in ledger.toml.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

import pytest

import mainproc
from mainproc import IpcMain
from tests.electron.faces import FACES, Face, Page, opened
from tests.electron.roll import pytest_runtest_makereport as pytest_runtest_makereport

OpenPage = Callable[..., AbstractAsyncContextManager[Page]]


@pytest.fixture(params=list(FACES.values()), ids=list(FACES))
def face(request: pytest.FixtureRequest) -> Face:
    """The Python face that renderers have."""
    chosen: Face = request.param
    return chosen


@pytest.fixture
def ipc() -> IpcMain:
    """Main's listeners and handlers; called on the test's event loop."""
    return IpcMain()


@pytest.fixture
async def address(ipc: IpcMain) -> AsyncIterator[str]:
    """Where main serves."""
    async with mainproc.serve(ipc, listen="127.0.0.1:0") as main:
        yield main.address


@pytest.fixture
def open_page(face: Face, address: str) -> OpenPage:
    """Connect one more renderer while a block runs."""
    return partial(opened, face, address)


@pytest.fixture
async def page(open_page: OpenPage) -> AsyncIterator[Page]:
    """A connected renderer."""
    async with open_page() as page:
        yield page
