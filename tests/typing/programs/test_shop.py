"""How to test an application: without sockets, with the fixtures that come along."""

import pytest
import shop

from mainproc import RemoteError, ipc
from mainproc.testing import RendererProbe


@pytest.fixture(autouse=True)
def no_orders() -> None:
    shop.orders.clear()


def test_order(ipc_renderer: RendererProbe) -> None:
    assert ipc_renderer.invoke("order", "tea").result() == 1
    assert ipc_renderer.wait_for("ordered") == ("tea", 1)
    assert ipc_renderer.send_sync("orders") == ["tea"]
    ipc_renderer.settle()
    assert list(ipc_renderer.received) == [("ordered", ("tea", 1))]


def test_a_listener_for_this_test_only(ipc_renderer: RendererProbe) -> None:
    ipc.handle("fail", lambda event: 1 / 0)
    with pytest.raises(RemoteError, match="ZeroDivisionError"):
        ipc_renderer.invoke("fail").result()


def test_it_is_gone(ipc_renderer: RendererProbe) -> None:
    assert "fail" not in ipc.event_names()
    ipc.handle("fail", lambda event: 2)
    assert ipc_renderer.invoke("fail").result() == 2
