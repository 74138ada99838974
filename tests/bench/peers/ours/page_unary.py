"""Ours: a program that only sends sync messages, and so has no session."""

from __future__ import annotations

import sys
from functools import partial

from renderer import IpcRenderer
from tests.bench.measuring import one_by_one_blocking
from tests.bench.obeying import obey_blocking
from tests.bench.payloads import PING


def main(address: str) -> None:
    send_sync = partial(IpcRenderer(address).send_sync, "sync", PING)
    obey_blocking({"send_sync": partial(one_by_one_blocking, send_sync)})


if __name__ == "__main__":
    main(*sys.argv[1:])
