"""Running a user's script or module as the main program."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Final

from mainproc.address import CannotListen
from mainproc.ipc_main import IpcMain

_OURS: Final = frozenset(
    {
        __file__,
        importlib.__file__,
        "<frozen importlib._bootstrap>",
        "<frozen importlib._bootstrap_external>",
    }
)
"""Files whose frames tell a user nothing about the script."""


class ScriptFailed(Exception):
    """The script raised; its traceback was shown."""


def load(target: str, args: Sequence[str]) -> IpcMain:
    """Run what a user wants to be main, and return whose listeners it registered.

    Args:
        target: `main.py`, or `package.module` with the name of an `IpcMain` behind a
            colon if it is not `mainproc.ipc`.
        args: what the script finds in `sys.argv` behind its name.

    Raises:
        FileNotFoundError: there is no such script or module.
        ScriptFailed: it raised.
        CannotListen: it served and could not.
    """
    import mainproc

    path, _, name = target.rpartition(":")
    if path.endswith(".py") and not Path(target).is_file():
        raise FileNotFoundError(
            f"a NAME goes with a module: mainproc run {Path(path).stem}:{name}"
        )
    if target.endswith(".py") or Path(target).is_file():
        _run_script(target, args)
        return mainproc.ipc
    module, _, name = target.partition(":")
    namespace = _import(module, args)
    found = getattr(namespace, name, None) if name else mainproc.ipc
    if not isinstance(found, IpcMain):
        raise FileNotFoundError(f"{module} has no IpcMain called {name!r}")
    return found


def _run_script(path: str, args: Sequence[str]) -> None:
    if not Path(path).is_file():
        raise FileNotFoundError(f"no such file: {path}")
    sys.argv = [path, *args]
    sys.path.insert(0, str(Path(path).resolve().parent))
    # For good, unlike what runpy does: its listeners run when this has returned, and
    # pickle and multiprocessing look for their functions there.
    main = sys.modules["__main__"] = ModuleType("__main__")
    main.__file__ = path
    try:
        exec(compile(Path(path).read_bytes(), path, "exec"), main.__dict__)
    except BaseException as error:
        if _is_ours(error):
            raise
        _show(error)
        raise ScriptFailed from None


def _import(module: str, args: Sequence[str]) -> object:
    sys.argv = [module, *args]
    sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if f"{module}.".startswith(f"{error.name}."):
            text = f"no such file or module: {module}"
            raise FileNotFoundError(text) from None
        _show(error)
        raise ScriptFailed from None
    except Exception as error:
        if _is_ours(error):
            raise
        _show(error)
        raise ScriptFailed from None


def _is_ours(error: BaseException) -> bool:
    # SystemExit keeps its meaning; of errors only those of serving are for the command
    # to tell.
    return isinstance(error, SystemExit | KeyboardInterrupt | CannotListen)


def _show(error: BaseException) -> None:
    """Print a traceback as Python would have, without the frames that are ours."""
    step: TracebackType | None = error.__traceback__
    while step is not None and step.tb_frame.f_code.co_filename in _OURS:
        step = step.tb_next
    traceback.print_exception(error.with_traceback(step))
