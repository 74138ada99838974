"""How the programs of each peer are started."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from renderer.texts import CA_VARIABLE
from tests.bench.needs import npm, packages
from tests.bench.programs import python
from tests.faults.stage import Cast

_MAIN: Final = python(
    "-m",
    "mainproc",
    "run",
    "--listen=127.0.0.1:0",
    "--ready=json",
    "tests/faults/peers/ours/main.py",
)
_NODE: Final = Path(__file__).parent / "node_socketio"
_PATIENCE: Final = 6.0
"""Of peers it is no news that something is lost; dead connections take them 2 s."""


def _program(module: str) -> tuple[str, ...]:
    return python("-m", f"tests.faults.peers.{module}")


def _node(name: str, server: str, client: str) -> Cast:
    return Cast(
        name,
        ("node", str(_NODE / "server.js"), server),
        ("node", str(_NODE / "client.js"), client),
        npm(_NODE),
        _PATIENCE,
    )


THREADS: Final = Cast("threads", _MAIN, _program("ours.page"), packages())
ASYNCIO: Final = Cast("asyncio", _MAIN, _program("ours.page_aio"), packages())
OURS: Final = (THREADS, ASYNCIO)


def encrypted(cast: Cast, folder: Path) -> Cast:
    """Return our programs with TLS between them.

    Args:
        cast: which of ours.
        folder: where certificates go.

    Raises:
        Missing: nothing is here to make certificates.
    """
    packages("cryptography")()
    from tests.support.certificates import Authority

    authority = Authority(folder)
    pair = authority.sign("main", "127.0.0.1")
    files = (f"--tls-cert={pair.cert}", f"--tls-key={pair.key}")
    trusting = ("env", f"{CA_VARIABLE}={authority.ca}")
    main = (*cast.main[:-1], *files, cast.main[-1])
    return replace(cast, main=main, page=(*trusting, *cast.page))


PYTHON_SOCKETIO: Final = Cast(
    "python-socketio",
    _program("python_socketio.server"),
    _program("python_socketio.client"),
    packages("socketio", "aiohttp", "uvicorn", "websockets"),
    _PATIENCE,
)
PEERS: Final = (
    PYTHON_SOCKETIO,
    _node("Socket.IO on node", "default", "default"),
    _node("… with connectionStateRecovery", "recovery", "default"),
    _node("… and retries", "recovery", "retries"),
)
