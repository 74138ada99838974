"""The test kit's fixtures, in pytest runs of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from mainproc.testing import isolated

pytest_plugins = "pytester"

# What a user has: an application, and a test file.
MAIN = """
from mainproc import ipc

@ipc.on("asynchronous-message")
def _(event, arg):
    event.sender.send("asynchronous-reply", arg.upper())

@ipc.handle("add")
async def add(event, a, b):
    return a + b

if __name__ == "__main__":
    import mainproc
    mainproc.run()
"""

TESTS = """
import main

def test_add(ipc_renderer):
    assert ipc_renderer.invoke("add", 2, 3).result() == 5

def test_reply(ipc_renderer):
    ipc_renderer.send("asynchronous-message", "ping")
    assert ipc_renderer.wait_for("asynchronous-reply") == ("PING",)

def test_broadcast(ipc_main, open_renderer):
    left = open_renderer(title="left", identity="token:left")
    right = open_renderer(url="app://right")
    assert str(left.contents.identity) == "token:left"
    assert [c.title for c in ipc_main.web_contents] == ["left", ""]
    assert ipc_main.broadcast("news", 1) == 2
    assert left.wait_for("news") == right.wait_for("news") == (1,)
    assert right.contents.url == "app://right"
"""


INI = """
[pytest]
asyncio_default_fixture_loop_scope = function
"""


@pytest.fixture(autouse=True)
def own_ipc() -> Iterator[None]:
    """Runs in this very process use this very `mainproc.ipc`."""
    with isolated():
        yield


def run(
    pytester: pytest.Pytester, *, main: str = MAIN, **files: str
) -> pytest.RunResult:
    """Run a user's tests."""
    pytester.makeini(INI)
    pytester.makepyfile(main=main, **files)
    return pytester.runpytest_inprocess()


def test_the_fixtures_are_found(pytester: pytest.Pytester) -> None:
    result = run(pytester, test_app=TESTS)
    result.assert_outcomes(passed=3)
    assert "electron-ipc" in result.stdout.str()  # among the plugins


def test_they_are_found_without_pytest_asyncio(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(main=MAIN, test_app=TESTS)
    result = pytester.runpytest_subprocess("-p", "no:asyncio", "-W", "error")
    result.assert_outcomes(passed=3)
    assert result.stderr.str() == ""


def test_they_explain_themselves(pytester: pytest.Pytester) -> None:
    pytester.makeini(INI)
    result = pytester.runpytest_inprocess("--fixtures")
    result.stdout.fnmatch_lines(
        [
            "ipc_main -- *",
            "    `mainproc.ipc`; what a test registers is gone after it.",
            "ipc_renderer -- *",
            "    A renderer, connected in memory to `ipc_main`.",
            "open_renderer -- *",
        ]
    )


def test_what_a_test_does_to_ipc_is_undone_though_it_fails(
    pytester: pytest.Pytester,
) -> None:
    tests = """
    import main
    from mainproc import app

    def test_breaks_all(ipc_main, ipc_renderer):
        ipc_main.remove_all_listeners()
        ipc_main.remove_handler("add")
        ipc_main.on("mine", print)
        ipc_main.on_error(print)
        app.on("ready", print)
        raise ZeroDivisionError

    def test_all_is_there(ipc_main, ipc_renderer):
        assert ipc_main.event_names() == ["asynchronous-message"]
        assert ipc_main.dispatcher.error_hook is None
        assert not app.events.table.registrations()
        assert ipc_renderer.invoke("add", 1, 2).result() == 3
        assert len(ipc_main.web_contents) == 1
    """
    result = run(pytester, test_app=tests)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*ZeroDivisionError*"])


def test_a_listeners_error_fails_the_test_at_its_line(
    pytester: pytest.Pytester,
) -> None:
    main = """
    from mainproc import ipc

    @ipc.on("x")
    def broken(event):
        return {}["this key"]
    """
    tests = """
    import main

    def test_settle(ipc_renderer):
        ipc_renderer.send("x")
        ipc_renderer.settle()
    """
    result = run(pytester, main=main, test_app=tests)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*def broken(event):", "*KeyError: 'this key'", "*listener for 'x' raised*"]
    )


def test_tests_on_asyncio(pytester: pytest.Pytester) -> None:
    tests = """
    import pytest
    import main
    from mainproc.testing import connected_aio

    @pytest.mark.asyncio
    async def test_add(ipc_main):
        async with connected_aio(ipc_main) as page:
            assert await page.invoke("add", 2, 3) == 5

    @pytest.mark.asyncio
    async def test_threads_beside_a_loop(ipc_renderer):
        assert await ipc_renderer.invoke("add", 2, 3) == 5
    """
    run(pytester, test_app=tests).assert_outcomes(passed=2)


def test_pytest_starts_without_any_of_it() -> None:
    program = (
        "import sys, pytest_electron_ipc\n"
        "print({'mainproc', 'renderer', 'grpc', 'google.protobuf'} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout == "set()\n"
