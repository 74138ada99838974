"""How the programs of each peer are started."""

from __future__ import annotations

from typing import Final

from tests.bench.programs import python
from tests.bench.sides import Peer

_OURS: Final = python(
    "-m",
    "mainproc",
    "run",
    "--listen=127.0.0.1:0",
    "--ready=json",
    "--exit-with-stdin",
    "tests/bench/peers/ours/main.py",
)


def _program(module: str) -> tuple[str, ...]:
    return python("-m", f"tests.bench.peers.{module}")


OURS: Final = Peer("ours", _OURS, _program("ours.page_aio"))
OURS_THREADS: Final = Peer("ours, threads", _OURS, _program("ours.page"))
OURS_UNARY: Final = Peer("ours, unary", _OURS, _program("ours.page_unary"))
RAW: Final = Peer(
    "grpc.aio", _program("raw_grpc.server"), _program("raw_grpc.client_aio")
)
RAW_SYNC: Final = Peer(
    "grpc, sync client", _program("raw_grpc.server"), _program("raw_grpc.client")
)
PYTHON_SOCKETIO: Final = Peer(
    "python-socketio",
    _program("python_socketio.server"),
    _program("python_socketio.client"),
)
