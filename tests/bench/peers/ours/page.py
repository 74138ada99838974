"""Ours: a renderer on threads."""

from __future__ import annotations

import sys
from functools import partial

from renderer import IpcRenderer
from tests.bench.measuring import one_by_one_blocking
from tests.bench.obeying import obey_blocking
from tests.bench.payloads import PING


def main(address: str) -> None:
    with IpcRenderer(address) as ipc:
        send_sync = partial(ipc.send_sync, "sync", PING)
        obey_blocking({"send_sync": partial(one_by_one_blocking, send_sync)})


if __name__ == "__main__":
    main(*sys.argv[1:])
