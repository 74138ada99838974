"""Write the API reference: `python -W error tests/readme/reference.py FOLDER`."""

from __future__ import annotations

import importlib
import sys

from pdoc.__main__ import cli

PUBLIC = ("mainproc", "mainproc.testing", "renderer", "renderer.aio")


def main(folder: str) -> None:
    for name in PUBLIC:
        module = importlib.import_module(name)
        # Some are loaded when they are asked for; pdoc looks into the module only.
        vars(module).update({n: getattr(module, n) for n in module.__all__})
    cli(["--docformat", "google", "--output-directory", folder, *PUBLIC])


if __name__ == "__main__":
    main(*sys.argv[1:])
