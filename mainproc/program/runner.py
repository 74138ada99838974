"""The life of a main script: run until a signal, then end in order."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from mainproc.address import CannotListen
from mainproc.config import DEFAULT_ADDRESS, default_address
from mainproc.ipc_main import IpcMain
from mainproc.program.heap import collect_less_often, keep_freed_memory
from mainproc.program.people import is_for_people
from mainproc.program.signals import StopSignals
from mainproc.security.authenticator import Authenticate
from mainproc.security.measures import Measures
from mainproc.security.policy import Policy
from mainproc.security.tls import TLS

if TYPE_CHECKING:
    from mainproc.server import MainProcess
    from mainproc.trace import Trace

_CANNOT_LISTEN: Final = 3
_INTERRUPTED: Final = 130
_SAY_AFTER: Final = 1.0
"""Seconds after which people are told what the end waits for."""

Ready = Literal["text", "json"]


@dataclass(frozen=True, slots=True)
class Settings:
    """How to serve."""

    listen: tuple[str, ...] = ()
    grace: float = 5.0
    ready: Ready | Literal["quiet"] = "text"
    exit_with_stdin: bool = False
    uvloop: bool | None = None
    trace: Literal["messages", "frames"] | None = None
    tls: TLS | None = None
    token_file: str | os.PathLike[str] | None = None
    authenticate: Authenticate | None = None
    insecure_plaintext_from_anywhere: bool = False
    policy: Policy | str | os.PathLike[str] | None = None
    mask_errors: bool | None = None

    @property
    def measures(self) -> Measures:
        """What it says of who may come in."""
        return Measures(
            self.tls,
            self.token_file,
            self.authenticate,
            self.insecure_plaintext_from_anywhere,
            self.policy,
        )


overrides: dict[str, object] = {}
"""Settings of the `mainproc run` that runs the script; they win over the script's."""
in_charge = False
"""`mainproc run` runs the script, and serves when that has not served itself."""


has_served = False
"""`mainproc.run` was called, for whichever `IpcMain`."""


def run_main(ipc: IpcMain, settings: Settings) -> None:
    """Serve until SIGINT, SIGTERM or `app.quit`; see `mainproc.run`."""
    global has_served
    _check_place()
    has_served = True
    settings = replace(settings, **overrides)  # type: ignore[arg-type]  # by field name
    keep_freed_memory()
    collect_less_often()
    with asyncio.Runner(loop_factory=_loop_factory(settings.uvloop)) as runner:
        code = runner.run(_serve_until_told(ipc, settings))
    if code:
        sys.exit(code)


def _check_place() -> None:
    """Refuse to serve for ever where that cannot be meant.

    Raises:
        RuntimeError: in a loop, off the main thread, or where pytest looks for tests.
    """
    if asyncio._get_running_loop() is not None:  # noqa: SLF001 - it does not raise
        raise RuntimeError(
            "mainproc.run() runs a loop of its own, and one runs here already: "
            "use `async with mainproc.serve():`"
        )
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError(
            "mainproc.run() handles signals, which needs the main thread: elsewhere "
            "use `async with mainproc.serve():` in a loop"
        )
    plugin = sys.modules.get("pytest_electron_ipc")
    if plugin is not None and plugin.collecting:
        raise RuntimeError(
            "mainproc.run() would serve for ever, and pytest only looks for tests: "
            'put it under `if __name__ == "__main__":`'
        )


def run_or_exit(ipc: IpcMain, settings: Settings) -> None:
    """Do the same for a program: where it cannot listen, say so and exit with 3."""
    try:
        run_main(ipc, settings)
    except CannotListen as error:
        sys.stderr.write(f"mainproc: {error}\n")
        sys.exit(_CANNOT_LISTEN)
    except KeyboardInterrupt:  # it came before main had begun to serve
        sys.exit(_INTERRUPTED)


def serve_main(
    ipc: IpcMain, listen: str | Sequence[str], grace: float, measures: Measures
) -> AbstractAsyncContextManager[MainProcess]:
    """Serve while a block runs; see `mainproc.serve`."""
    _quieten_grpc()
    from mainproc.server import serving_main

    return serving_main(ipc, addresses_of(listen), grace, measures)


def addresses_of(listen: str | Sequence[str]) -> tuple[str, ...]:
    """Return addresses to listen on; the default one follows the environment."""
    addresses = (listen,) if isinstance(listen, str) else tuple(listen)
    return tuple(default_address() if a == DEFAULT_ADDRESS else a for a in addresses)


async def _serve_until_told(ipc: IpcMain, settings: Settings) -> int:
    _quieten_grpc()
    from mainproc.server import MainProcess

    if settings.mask_errors is not None:
        ipc.mask_errors = settings.mask_errors
    main = MainProcess(ipc, settings.grace, settings.measures, _trace(settings))
    signals = StopSignals(settings.grace)
    signals.install()
    code = 0

    def quit(wanted: int) -> None:
        nonlocal code
        code = wanted
        signals.stop.set()

    main.on_quit = quit
    await main.start(settings.listen)
    if settings.exit_with_stdin:
        _tell_at_end_of_stdin(signals)
    _announce(main, settings.ready)
    try:
        await signals.stop.wait()
    finally:
        await _stop(main, signals)
    return code


async def _stop(main: MainProcess, signals: StopSignals) -> None:
    stopping = asyncio.ensure_future(main.stop())
    await asyncio.wait([stopping], timeout=_SAY_AFTER)
    if not stopping.done() and is_for_people():
        how_to_end = "; Ctrl-C ends it now" if signals.told else ""
        sys.stderr.write(f"mainproc: waits for {main.waits_for}{how_to_end}\n")
    await stopping


def _tell_at_end_of_stdin(signals: StopSignals) -> None:
    def wait() -> None:
        with contextlib.suppress(OSError):  # no standard input is one that has ended
            while os.read(0, 4096):
                pass
        signals.tell()

    threading.Thread(target=wait, name="mainproc-stdin", daemon=True).start()


def _trace(settings: Settings) -> Trace | None:
    if settings.trace is None:
        return None
    from mainproc.trace import Trace

    return Trace(settings.trace)


def _quieten_grpc() -> None:
    # What its core writes to stderr is told by our own errors; it reads this once.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")


def _announce(main: MainProcess, ready: str) -> None:
    if ready == "quiet":
        return
    if ready == "json":
        line = json.dumps({"address": main.address, "pid": os.getpid()})
        print(line, flush=True)  # noqa: T201 - the parent reads it
        return
    where = ", ".join(main.addresses)
    sys.stderr.write(f"mainproc: listening on {where}\n")
    sys.stderr.flush()


def _loop_factory(
    wanted: bool | None,
) -> Callable[[], asyncio.AbstractEventLoop] | None:
    if wanted is False:
        return None
    if importlib.util.find_spec("uvloop") is None:
        if wanted:
            raise ModuleNotFoundError("uvloop is not installed: pip install uvloop")
        return None
    import uvloop

    return uvloop.new_event_loop
