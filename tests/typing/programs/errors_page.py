"""Orders, and tells the user what went wrong."""

from renderer import IpcError, RemoteError, ipc


def order(item: str, count: int) -> str:
    try:
        left: int = ipc.invoke("order", item, count).result(timeout=10)
    except RemoteError as error:
        match error.type:
            case "SoldOut":
                return (
                    f"{error.message}; again in {error.details['again_in_days']} days"
                )
            case "NotSold":
                return f"{error.message}, only {', '.join(error.details)}"
            case _:
                return f"a bug: {error}"
    except IpcError as error:
        return f"{error.reason}: {error}"
    return f"{left} left"


print(order("tea", 2))
print(order("milk", 1))
print(order("gold", 1))
