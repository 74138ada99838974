"""Policies over real sockets, and the commands about them."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

import mainproc
import renderer
from mainproc import IpcMain
from mainproc.security import InvalidFile, Policy, Rule
from renderer import AccessDenied, RemoteError, aio
from tests.integration.conftest import Write
from tests.integration.security_support import (
    EVERY_WAY,
    LEFT,
    RIGHT,
    SOON,
    Ask,
    main_that_tells,
    serving,
    token_file,
)
from tests.support.processes import PATIENCE, run_python, running_main

POLICY = """
[[rule]]
identity = "token:left"
send = "*"
sync = "who"
invoke = ["who", "boom"]
receive = "answer"
"""


@pytest.mark.parametrize("ask", EVERY_WAY)
async def test_who_may_and_who_may_not(tmp_path: Path, ask: Ask) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY)
    tokens = token_file(tmp_path)
    async with serving(token_file=tokens, policy=policy) as address:
        assert await ask(address, token=LEFT) == "token:left"
        with pytest.raises(AccessDenied, match=r"^not allowed: (sync|invoke) on 'who'"):
            await ask(address, token=RIGHT)


async def test_in_code() -> None:
    ipc = main_that_tells()
    async with serving(ipc, policy=Policy([Rule("anonymous", invoke="who")])) as place:
        async with aio.IpcRenderer(place, connect_timeout=SOON) as page:
            assert await page.invoke("who") == "None"
            with pytest.raises(AccessDenied, match="not allowed: sync on 'who'"):
                await page.send_sync("who")
            with pytest.raises(AccessDenied, match="not allowed: invoke on 'other'"):
                await page.invoke("other")
        assert ipc.policy is not None


async def test_what_main_sends() -> None:
    ipc, policy = IpcMain(), Policy([Rule("*", send="*", receive="open")])
    sent: list[bool] = []
    done = asyncio.Event()

    @ipc.on("go")
    def _(event: Any) -> None:
        sent.extend(event.reply(channel, 1) for channel in ("secret", "open"))
        done.set()

    async with serving(ipc, policy=policy) as address:
        heard: list[str] = []
        came = asyncio.Event()
        async with aio.IpcRenderer(address, connect_timeout=SOON) as page:
            page.on("secret", lambda number: heard.append("secret"))
            page.on("open", lambda number: heard.append("open"))
            page.on("open", lambda number: came.set())
            page.send("go")
            async with asyncio.timeout(PATIENCE):
                await done.wait()
                await came.wait()
        assert sent == [False, True]
        assert heard == ["open"]


async def test_a_policy_that_is_none_is_told_before_anything_is_bound(
    tmp_path: Path,
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text("[[rule]]\nidentiy = '*'")
    with pytest.raises(InvalidFile, match=r"line 2: there is no key 'identiy'; did yo"):
        async with serving(policy=policy):
            pass


CHILD = """
    from renderer import AccessDenied, ipc

    try:
        ipc.send("told", ipc.invoke("who").result(20))
    except AccessDenied as error:
        ipc.send("told", str(error))
    ipc.wait()
"""


async def test_spawned_renderers_need_a_rule_like_all_others(write: Write) -> None:
    ipc, told = main_that_tells(), asyncio.Queue[str]()
    ipc.on("told", lambda event, text: told.put_nowait(text))
    rules = [Rule("*", send="told"), Rule("spawned:worker *", invoke="who")]
    command = [sys.executable, str(write("child.py", CHILD))]
    async with serving(ipc, policy=Policy(rules)), asyncio.timeout(PATIENCE):
        for title, text in [
            ("worker 1", "spawned:worker 1"),
            ("another", "not allowed: invoke on 'who'"),
        ]:
            child = await mainproc.spawn(command, title=title)
            assert await told.get() == text
            child.terminate()
            await child.wait()


# ---- the commands --------------------------------------------------------------------

MAIN = """
    from mainproc import ipc

    ipc.handle("who", lambda event: str(event.sender.identity))

    @ipc.handle("boom")
    def _(event):
        raise ValueError("/home/user/secret.db")
"""


def test_run_with_a_policy_and_masks(write: Write, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY)
    options = ["--policy", str(policy), "--mask-errors"]
    options += ["--token-file", str(token_file(tmp_path))]
    with running_main(write("main.py", MAIN), *options) as main:
        with renderer.connect(main.address, token=LEFT) as page:
            assert page.invoke("who").result(PATIENCE) == "token:left"
            with pytest.raises(RemoteError, match="InternalError: something") as caught:
                page.invoke("boom").result(PATIENCE)
            with pytest.raises(AccessDenied):
                page.invoke("other").result(PATIENCE)
        code, _, err = main.stop()
    assert code == 0
    assert "secret.db" not in str(caught.value)
    assert "secret.db" in err
    assert "may not invoke on 'other'" in err


def test_run_with_what_is_no_policy(write: Write, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text("[[rule]]\n")
    script = write("main.py", MAIN)
    code, out, err = run_python("-m", "mainproc", "run", script, "--policy", policy)
    text = f"mainproc: the policy {policy}, line 1: the rule has no identity: whom is"
    assert (code, out) == (3, "")
    assert err.startswith(text)


def check(*words: str | Path) -> tuple[int, str, str]:
    return run_python("-m", "mainproc", "policy", "check", *words)


def test_policy_check(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY)
    assert check(policy) == (0, f"{policy}: 1 rule\n", "")
    asked = (policy, "--identity", "token:left", "--action", "invoke", "--channel")
    text = f"allowed: invoke on 'boom' by 'token:left': 'boom' in {policy}, line 6\n"
    assert check(*asked, "boom") == (0, text, "")
    text = "refused: invoke on 'x' by 'token:left': no rule allows it\n"
    assert check(*asked, "x") == (1, text, "")
    text = "refused: send on 'x' by 'anonymous': no rule allows it\n"
    assert check(policy, "--action", "send", "--channel", "x") == (1, text, "")


def test_policy_check_of_what_is_none(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    code, out, err = check(policy)
    assert (code, out) == (2, "")
    assert f"the policy {policy}: No such file or directory" in err
    policy.write_text("x = ")
    assert check(policy)[0] == 2
    policy.write_text("[[rule]]\nidentity = 'kiosk'\n")
    code, _, err = check(policy)
    text = f"the policy {policy}, line 2: identity 'kiosk' is nobody: write KIND:NAME, "
    assert (code, f"{text}as 'token:kiosk'" in err) == (2, True)
    policy.write_text(POLICY)
    assert check(policy, "--channel", "x")[0] == 2
    assert check(policy, "--identity", "x")[0] == 2
    asked = ("--action", "send", "--channel", "x")
    assert check(policy, "--identity", "token", *asked)[0] == 2
    assert check(policy, "--channel", "x", "--action", "read")[0] == 2
    code, _, err = check(policy, "--identity", "kiosk", *asked)
    text = "--identity 'kiosk' is nobody: write KIND:NAME, as 'token:kiosk', or"
    assert (code, text in err) == (2, True)
