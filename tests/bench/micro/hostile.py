"""What a peer can make main pay for a container, with values that nobody would send."""

from __future__ import annotations

from typing import Final

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import messages
from tests.bench.micro.timing import Cost, Costs, cost

_MANY: Final = 10_000
_EXT: Final = b"\xd4\x63\x90"  # one that nobody knows

_PACKED: Final = {
    "empty maps": (1, b"\x80"),
    "empty maps beside an ext": (1, b"\x80"),
    "exts that nobody knows": (1, _EXT),
    "maps with a list for a key": (2, b"\x81\x90\xc0"),
    "errors": (1, b"\xc7\x04\x06\x93\xa0\xa0\xc0"),
}
_IN_ONE_GO: Final = {
    "numbers": b"\x01",
    "empty lists": b"\x90",
    "objects with a name": b"\x81\xa4name\x01",
}
"""msgpack makes them without a call of ours, and keeps Python's lock meanwhile."""
_HALF: Final = 2**19  # bytes; a MiB of empty lists would be refused
_TREES: Final = {
    "empty objects": pb.Value(container=pb.CONTAINER_OBJECT),
    "exts that nobody knows": pb.Value(ext=pb.Ext.ValueType(99)),
    "empty sets": pb.Value(ext=pb.EXT_SET),
}


def costs() -> Costs:
    """Yield what each costs."""
    for name, (containers, unit) in _PACKED.items():
        beside = _EXT if "beside" in name else b"\xc0"
        items = unit * _MANY + beside
        data = b"\x91\xdd" + (_MANY + 1).to_bytes(4, "big") + items
        yield _reading(name, pb.Event(packed=data), containers)
    for name, unit in _IN_ONE_GO.items():
        count = _HALF // len(unit)
        data = b"\x91\xdd" + count.to_bytes(4, "big") + unit * count
        yield _reading_all(f"half a MiB of {name}, in one go", pb.Event(packed=data))
    for name, value in _TREES.items():
        tree = pb.Value(container=pb.CONTAINER_LIST, items=[value] * _MANY)
        yield _reading(f"{name}, in a tree", pb.Event(args=[tree]), 1)


def _reading_all(what: str, body: pb.Event) -> Cost:
    return cost(what, lambda: messages.read_args(body), collecting=True)


def _reading(what: str, body: pb.Event, containers: int) -> Cost:
    pieces = containers * _MANY
    return cost(f"{what}: each", lambda: messages.read_args(body), pieces)
