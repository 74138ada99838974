"""How the programs of each peer are started."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.bench.needs import npm, packages
from tests.bench.programs import python
from tests.bench.sides import Peer

_MAIN: Final = python(
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


_BASE = packages("uvloop")
_NODE_FOLDER = Path(__file__).parent / "node_socketio"

OURS: Final = Peer("ours", _MAIN, _program("ours.page_aio"), _BASE)
OURS_ON_ASYNCIO: Final = Peer(
    "ours, main --no-uvloop",
    (*_MAIN[:-1], "--no-uvloop", _MAIN[-1]),
    _program("ours.page_aio"),
    _BASE,
)
OURS_THREADS: Final = Peer("ours, threads", _MAIN, _program("ours.page"), _BASE)
OURS_UNARY: Final = Peer("ours, unary", _MAIN, _program("ours.page_unary"), _BASE)
RAW: Final = Peer(
    "grpc.aio", _program("raw_grpc.server"), _program("raw_grpc.client_aio"), _BASE
)
RAW_SYNC: Final = Peer(
    "grpc, sync client", _program("raw_grpc.server"), _program("raw_grpc.client"), _BASE
)
PYTHON_SOCKETIO: Final = Peer(
    "python-socketio",
    _program("python_socketio.server"),
    _program("python_socketio.client"),
    packages("uvloop", "socketio", "aiohttp", "uvicorn", "websockets"),
)
NODE_SOCKETIO: Final = Peer(
    "Socket.IO on node",
    ("node", str(_NODE_FOLDER / "server.js")),
    ("node", str(_NODE_FOLDER / "client.js")),
    npm(_NODE_FOLDER),
)
