import pytest

from renderer.wire import messages
from renderer.wire.errors import NoHandler
from renderer.wire.glance import glance


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("lane", [0, 2**32 - 1])
@pytest.mark.parametrize("channel", ["", "c", "é😀", "x" * 20_000])
def test_kind_and_channel(channel: str, lane: int, packed: bool) -> None:
    args = [bytes(70_000)]
    event = messages.event(channel, args, lane=lane, packed=packed)
    assert glance(event.data) == ("event", channel)
    call = messages.call(2**63 - 1, channel, args, lane=lane, packed=packed)
    assert glance(call.data) == ("invoke", channel)


@pytest.mark.parametrize("lane", [0, 300])
def test_what_has_no_channel(lane: int) -> None:
    assert glance(messages.cancel(300, lane=lane).data) == ("cancel", "")
    assert glance(messages.refusal(1, NoHandler("x"), lane=lane).data) == ("reply", "")
    assert glance(messages.reply(1, "x", lane=lane, packed=True).data) == ("reply", "")


@pytest.mark.parametrize("packed", [False, True])
def test_an_event_without_anything(packed: bool) -> None:
    assert glance(messages.event("", [], packed=packed).data) == ("event", "")
