"""Refuses in two ways: by an exception of its own, and by a `RemoteError`."""

from mainproc import IpcMainInvokeEvent, RemoteError, ipc

STOCK = {"tea": 3, "milk": 0}


class SoldOut(Exception):
    def __init__(self, item: str, again_in_days: int) -> None:
        super().__init__(f"no more {item}")
        self.details = {"item": item, "again_in_days": again_in_days}


@ipc.handle("order")
def order(event: IpcMainInvokeEvent, item: str, count: int) -> int:
    if item not in STOCK:
        raise RemoteError("NotSold", f"we do not sell {item}", sorted(STOCK))
    if STOCK[item] < count:
        raise SoldOut(item, again_in_days=2)
    STOCK[item] -= count
    return STOCK[item]
