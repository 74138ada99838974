"""An application: `mainproc run shop.py`. Its tests are in test_shop.py."""

from mainproc import IpcMainEvent, IpcMainInvokeEvent, ipc

orders: list[str] = []


@ipc.handle("order")
async def order(event: IpcMainInvokeEvent, item: str) -> int:
    orders.append(item)
    event.sender.send("ordered", item, len(orders))
    return len(orders)


@ipc.on("orders")
def listed(event: IpcMainEvent) -> None:
    event.return_value = orders
