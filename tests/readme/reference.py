"""Write the API reference: `python -W error tests/readme/reference.py FOLDER`."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

from pdoc.__main__ import cli

PUBLIC = (
    "mainproc",
    "mainproc.observe",
    "mainproc.observe.otel",
    "mainproc.security",
    "mainproc.testing",
    "renderer",
    "renderer.aio",
)


def main(folder: str) -> None:
    for name in PUBLIC:
        module = importlib.import_module(name)
        # Some are loaded when they are asked for; pdoc looks into the module only.
        vars(module).update({n: getattr(module, n) for n in module.__all__})
        bring_members_down(module)
    cli(["--docformat", "google", "--output-directory", folder, *PUBLIC])


def bring_members_down(module: ModuleType) -> None:
    """Let public classes have what bases have that nobody can look up."""
    public = {getattr(module, name) for name in module.__all__}
    for cls in (thing for thing in public if isinstance(thing, type)):
        for base in cls.__mro__[1:]:
            ours = base.__module__.partition(".")[0] in ("mainproc", "renderer")
            if not ours or base in public:
                continue
            for name, member in vars(base).items():
                if not name.startswith("_") and name not in vars(cls):
                    setattr(cls, name, member)


if __name__ == "__main__":
    main(*sys.argv[1:])
