"""Running a user's script or module as the main program."""

from __future__ import annotations

import importlib
import runpy
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from mainproc.ipc_main import IpcMain
from renderer.wire.errors import IpcError


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
        IpcError: it served and could not.
    """
    import mainproc

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
    try:
        runpy.run_path(path, run_name="__main__")
    except (IpcError, SystemExit, KeyboardInterrupt) as error:
        if _is_ours(error):
            raise
        _show(error, path)
        raise ScriptFailed from None
    except BaseException as error:
        _show(error, path)
        raise ScriptFailed from None


def _import(module: str, args: Sequence[str]) -> object:
    sys.argv = [module, *args]
    sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and module.startswith(error.name):
            text = f"no such file or module: {module}"
            raise FileNotFoundError(text) from None
        _show(error, module)
        raise ScriptFailed from None
    except Exception as error:
        _show(error, module)
        raise ScriptFailed from None


def _is_ours(error: BaseException) -> bool:
    # The script's own SystemExit keeps its meaning; of errors only those of serving
    # are for the command to tell.
    return not isinstance(error, IpcError) or error.reason == "ADDRESS_IN_USE"


def _show(error: BaseException, path: str) -> None:
    """Print a traceback as Python would have, without the frames that are ours."""
    shown = error.with_traceback(_from_file(error.__traceback__, path))
    traceback.print_exception(shown)


def _from_file(tb: TracebackType | None, path: str) -> TracebackType | None:
    step = tb
    while step is not None:
        if step.tb_frame.f_code.co_filename == path:
            return step
        step = step.tb_next
    return tb
