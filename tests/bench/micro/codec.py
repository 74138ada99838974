"""Values to bytes and back, in both encodings."""

from __future__ import annotations

from typing import Any, Final

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import messages
from tests.bench.micro.timing import Cost, Costs, cost
from tests.bench.payloads import TEXT, megabytes, records

_VALUES: Final[dict[str, Any]] = {
    "a text of 100": TEXT,
    "four numbers": [1, 2.5, -3, 4_000_000],
    "1,000 records": records(),
    "1 MiB of bytes": megabytes(1),
}


def costs() -> Costs:
    """Yield what each costs."""
    for name, value in _VALUES.items():
        for packed in (False, True):
            way = "packed" if packed else "tree"
            yield _encoding(f"event with {name}, {way}: encode", value, packed=packed)
            yield _decoding(f"event with {name}, {way}: decode", value, packed=packed)


def _encoding(what: str, value: object, *, packed: bool) -> Cost:
    return cost(what, lambda: messages.event("channel", (value,), packed=packed))


def _decoding(what: str, value: object, *, packed: bool) -> Cost:
    data = messages.event("channel", (value,), packed=packed).data

    def decode() -> object:
        return messages.read_args(pb.Message.FromString(data).event)

    return cost(what, decode)
