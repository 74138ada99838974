"""Costs of codec, session, dispatch and hostile values, for those who change them.

The least of several measurements, in microseconds; nothing is asserted.
"""

from __future__ import annotations

import argparse
import logging
from typing import Final

from tests.bench.micro import codec, dispatch, hostile, session

_PARTS: Final = {
    "codec": codec.costs,
    "session": session.costs,
    "dispatch": dispatch.costs,
    "hostile": hostile.costs,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.micro", description=__doc__
    )
    parser.add_argument("part", nargs="*", help=", ".join(_PARTS))
    chosen = parser.parse_args().part or list(_PARTS)
    if unknown := set(chosen) - set(_PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    logging.disable()  # that nobody listens is said once
    for part in chosen:
        print(part)
        for cost in _PARTS[part]():
            print(f"{cost.seconds * 1e6:12,.2f} µs  {cost.what}", flush=True)


if __name__ == "__main__":
    main()
