"""Run a script as a renderer: `python -m renderer page.py [ARGUMENT…]`.

The script runs as `python page.py` would run it. If it has listeners or handlers at its
end, they stay in service until main says goodbye.

Exit codes: 0 · 1 the script raised · 2 usage · 3 no connection to main, or it broke ·
130 Ctrl-C.
"""

from __future__ import annotations

import builtins
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from renderer.threads import wait_for_all
from renderer.threads.one_shot import OneShots
from renderer.wire.errors import ConnectionClosed

_OK, _RAISED, _USAGE, _NO_CONNECTION, _INTERRUPTED = 0, 1, 2, 3, 130


def run(arguments: Sequence[str]) -> int:
    """Run a script with its arguments; return the exit code.

    Raises:
        SystemExit: the script did.
    """
    if not arguments or arguments[0].startswith("-"):
        return _help(arguments)
    try:
        code = _run_script(arguments)
        if code == _OK:
            wait_for_all()
    except ConnectionClosed as error:
        return _complain(str(error), _NO_CONNECTION)
    except KeyboardInterrupt:
        return _INTERRUPTED
    return code


def _run_script(arguments: Sequence[str]) -> int:
    path = arguments[0]
    try:
        with io.open_code(str(Path(path).absolute())) as file:
            source = file.read()
    except OSError as error:
        return _complain(f"cannot open {path}: {error.strerror}", _USAGE)
    main = ModuleType("__main__")
    main.__file__ = path
    main.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = main
    sys.argv = list(arguments)
    if not sys.flags.safe_path:
        sys.path[0] = str(Path(path).resolve().parent)
    try:
        exec(compile(source, path, "exec"), main.__dict__)
    except (ConnectionClosed, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # shown as Python itself would show it
        trace = error.__traceback__
        error.__traceback__ = trace and trace.tb_next  # without this function
        sys.excepthook(type(error), error, error.__traceback__)
        return _RAISED
    return _OK


def _help(arguments: Sequence[str]) -> int:
    wanted = arguments[:1] in (["-h"], ["--help"])
    print((__doc__ or "").rstrip(), file=sys.stdout if wanted else sys.stderr)
    return _OK if wanted else _USAGE


def _complain(text: str, code: int) -> int:
    print(f"renderer: {text}", file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    OneShots.allowed = False  # a renderer from its first line
    sys.exit(run(sys.argv[1:]))
