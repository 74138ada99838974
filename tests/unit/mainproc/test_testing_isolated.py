"""The test kit: listener tables as they were before."""

from __future__ import annotations

from typing import Any

import pytest

import mainproc
from mainproc import IpcMain, app
from mainproc.security import Policy
from mainproc.testing import connected, isolated


def nothing(*_: Any) -> None:
    pass


def test_what_was_registered_is_there_and_what_comes_is_not() -> None:
    ipc = IpcMain()
    ipc.on("kept", nothing)
    ipc.once("once", nothing)
    ipc.handle("asked", nothing)
    ipc.on_error(nothing)
    ready = app.on("ready", nothing)
    before, ready_before = ipc.table.registrations(), app.events.table.registrations()
    with isolated(ipc) as same:
        assert same is ipc
        assert ipc.table.registrations() == before
        with connected(ipc) as page:
            page.send("once")
            page.settle()
        ipc.remove_all_listeners()
        ipc.remove_handler("asked")
        later = ipc.on("later", nothing)
        ipc.handle("later", nothing)
        ipc.on_error(print)
        ipc.policy = Policy([])
        ready()
        app.on("window-all-closed", nothing)
    later()
    assert ipc.table.registrations() == before
    assert ipc.dispatcher.error_hook is nothing
    assert ipc.policy is None
    assert app.events.table.registrations() == ready_before
    ready()


def test_a_block_that_fails_and_one_inside_another() -> None:
    ipc = IpcMain()

    def fail() -> None:
        ipc.on("b", nothing)
        raise AssertionError("the test fails")

    with isolated(ipc):
        ipc.on("a", nothing)
        with pytest.raises(AssertionError), isolated(ipc):
            fail()
        assert ipc.event_names() == ["a"]
    assert ipc.event_names() == []


def test_it_is_for_mainprocs_own_ipc_unless_told_otherwise() -> None:
    with isolated() as ipc:
        assert ipc is mainproc.ipc
        ipc.on("x", nothing)
    assert mainproc.ipc.event_names() == []


def test_warnings_are_given_again(caplog: pytest.LogCaptureFixture) -> None:
    ipc = IpcMain()

    def warned() -> int:
        caplog.clear()
        with connected(ipc) as page:
            page.send("nobody listens")
            page.settle()
        return caplog.text.count("no listener for 'nobody listens'")

    assert warned() == 1
    assert warned() == 0
    with isolated(ipc):
        assert warned() == 1
    assert warned() == 0
