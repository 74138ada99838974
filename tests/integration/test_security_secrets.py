"""What must not be seen is not: in no output of a main process that shows all else."""

from __future__ import annotations

import re
from pathlib import Path

import grpc
import pytest

import renderer
from electron_ipc.v1 import ipc_pb2 as pb, ipc_pb2_grpc
from mainproc.clients.client import Way
from renderer import AccessDenied
from tests.integration.conftest import Write
from tests.integration.main_support import sync_request
from tests.integration.security_support import LEFT, RIGHT, token_file
from tests.support.processes import PATIENCE, running_main

ROOT = Path(__file__).parents[2]

MAIN = """
    import logging
    logging.basicConfig(level=logging.DEBUG)

    from mainproc import ipc
    from mainproc.observe import LoggingObserver
    ipc.observe(LoggingObserver())

    @ipc.on("who")
    def _(event):
        event.return_value = repr(event.sender) + repr(event.sender.identity)

    @ipc.handle("boom")
    def _(event):
        raise ValueError(repr(event))
"""
SHOWN_IN_VAIN = "nobody-0123456789abcdefghij"


def say_all_secrets(address: str) -> list[bytes]:
    """Talk to main in every way in which secrets are said; return those of sessions."""
    secrets: list[bytes] = []
    with renderer.connect(address, token=LEFT) as page:
        page.send_sync("who")
        with pytest.raises(renderer.RemoteError):
            page.invoke("boom").result(PATIENCE)
    with pytest.raises(AccessDenied):
        renderer.connect(address, token=SHOWN_IN_VAIN)
    with grpc.insecure_channel(address) as channel:
        stub = ipc_pb2_grpc.IpcServiceStub(channel)
        hello = pb.Hello(authorization=f"Bearer {RIGHT}", acks=True, resume=True)
        for token in (b"", b"guessed-" * 4):
            hello.token = token or (secrets[0] if secrets else b"")
            frames = iter([pb.StreamRequest(hello=hello, first=0)])
            welcome = next(iter(stub.Stream(frames, timeout=PATIENCE))).welcome
            secrets.append(welcome.token)
        with pytest.raises(grpc.RpcError):
            stub.SendSync(
                sync_request("who", token=secrets[0]),
                metadata=(("authorization", f"Bearer {SHOWN_IN_VAIN}"),),
                timeout=PATIENCE,
            )
        twice = [pb.StreamRequest(hello=hello), pb.StreamRequest(hello=hello)]
        list(stub.Stream(iter(twice), timeout=PATIENCE))  # which breaks the contract
    return secrets


@pytest.mark.parametrize("trace", ["messages", "frames"])
def test_a_traced_run_shows_none(write: Write, tmp_path: Path, trace: str) -> None:
    from base64 import b64encode

    arguments = ["--token-file", str(token_file(tmp_path)), f"--trace={trace}"]
    with running_main(write("main.py", MAIN), *arguments) as main:
        sessions = say_all_secrets(main.address)
        code, out, err = main.stop()
    assert code == 0
    assert len(sessions) == 2
    assert "hello" in err
    said = out + err
    for secret in (LEFT, RIGHT, SHOWN_IN_VAIN):
        assert secret not in said
    for token in sessions:
        for form in (b64encode(token).decode(), token.hex(), repr(token)[2:-1]):
            assert form not in said


def test_a_way_shows_no_token() -> None:
    assert LEFT not in repr(Way("127.0.0.1:1", 1.0, LEFT))


def test_an_identity_is_no_secret_and_has_none(tmp_path: Path) -> None:
    from mainproc.security.tokens import Tokens

    tokens = Tokens.load(token_file(tmp_path))
    assert LEFT not in repr(tokens) + repr(tokens.find(LEFT))


# ---- the source ----------------------------------------------------------------------

UNSAFE = re.compile(
    r"\b(pickle|cPickle|marshal|shelve|dill)\b\.|import (pickle|marshal|shelve|dill)\b"
    r"|(?<![\w.])eval\(|(?<![\w.])exec\(|yaml\.load\(|__import__\("
)
RUNS_THE_USERS_SCRIPT = {"mainproc/program/script.py", "renderer/__main__.py"}


def breaches(root: Path) -> set[str]:
    found = set()
    for folder in ("mainproc", "renderer"):
        for path in (root / folder).rglob("*.py"):
            if UNSAFE.search(path.read_text()):
                found.add(path.relative_to(root).as_posix())
    return found


def test_nothing_that_arrives_is_run() -> None:
    assert breaches(ROOT) == RUNS_THE_USERS_SCRIPT


@pytest.mark.parametrize(
    "line",
    ["import pickle", "x = pickle.loads(data)", "eval(text)", "x = exec(text)"],
)
def test_a_breach_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "mainproc").mkdir()
    (tmp_path / "mainproc" / "x.py").write_text(f"{line}\n")
    assert breaches(tmp_path) == {"mainproc/x.py"}
