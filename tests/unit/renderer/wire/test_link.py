from collections.abc import Callable

from renderer.wire.link import AsyncLink, BlockingLink, Fate


class Threads:
    def carry(self, deliver: Callable[[bytes], object]) -> None:
        deliver(b"")

    def wake(self) -> None: ...
    def finish(self) -> None: ...
    def cut(self) -> None: ...


class Loop:
    async def read(self) -> bytes | None:
        return None

    async def write(self, frame: bytes) -> None: ...


def test_a_link_needs_no_more_than_the_protocols_say() -> None:
    blocking: BlockingLink = Threads()
    waiting: AsyncLink = Loop()
    frames: list[bytes] = []
    blocking.carry(frames.append)
    assert frames == [b""]
    assert isinstance(waiting, Loop)


def test_what_may_follow_a_link() -> None:
    assert {fate.value for fate in Fate} == {"resume", "new session", "give up"}
