"""A session with both of its ends, for those tests that play both."""

import pytest

from tests.support.wires import Pair


@pytest.fixture
def pair() -> Pair:
    return Pair()


@pytest.fixture
def opened(pair: Pair) -> Pair:
    pair.open()
    pair.main.take_events()
    pair.renderer.take_events()
    return pair
