"""Pytest's plugin of electron-ipc: an application and its renderers, without sockets.

A module of its own, outside of the packages: pytest imports plugins wherever they are
installed, and must not pay for `mainproc` in projects, and runs, that have no use for
it. So nothing is imported here before a fixture is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

collecting = False
"""Pytest is looking for tests: `mainproc.run` looks here, and refuses then."""

if TYPE_CHECKING:
    from mainproc import IpcMain
    from mainproc.security import Identity
    from mainproc.testing import RendererProbe


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Note that modules are imported for their tests, not to be run."""
    global collecting
    collecting = True
    try:
        return (yield)
    finally:
        collecting = False


@pytest.fixture
def ipc_main() -> Iterator[IpcMain]:
    """`mainproc.ipc`; what a test registers is gone after it.

    What the application has registered is there, and is there again afterwards,
    whatever the test has removed. The same goes for `ipc.on_error`, `ipc.policy` and
    `app.on`.
    """
    from mainproc.testing import isolated

    with isolated() as ipc:
        yield ipc


@pytest.fixture
def ipc_renderer(ipc_main: IpcMain) -> Iterator[RendererProbe]:
    """A renderer, connected in memory to `ipc_main`."""
    from mainproc.testing import connected

    with connected(ipc_main) as probe:
        yield probe


@pytest.fixture
def open_renderer(ipc_main: IpcMain) -> Iterator[Callable[..., RendererProbe]]:
    """Opens renderers: `open_renderer(title=..., url=...)`; the test's end closes them.

    All of them are connected in memory to `ipc_main`. `identity="token:kiosk"` says who
    one is, as if it had shown that.
    """
    from mainproc.testing import connected

    with ExitStack() as probes:

        def open_renderer(
            *, title: str = "", url: str = "", identity: Identity | str | None = None
        ) -> RendererProbe:
            probe = connected(ipc_main, title=title, url=url, identity=identity)
            return probes.enter_context(probe)

        yield open_renderer
