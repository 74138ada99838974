"""Two real sessions in a simulated world: whatever happens, nobody is left untold.

`tests.support.world` has the world; the checker is the one that judges the loss
ledger. What fails shrinks to a few steps, and to the story of what was said in them.
"""

from __future__ import annotations

from hypothesis import note, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from renderer.wire.limits import Limits
from tests.faults.checker import check
from tests.support.world import Nature, World

GRACE = 30.0
REST_S = 400.0
SIDES = st.sampled_from(["page", "main"])
FRAMES = st.integers(0, 4)
NOTICED = st.sampled_from([0.0, 0.01, 2.0, 20.0])

LIMITS = st.builds(
    Limits,
    window_messages=st.sampled_from([65_536, 9, 3, 1]),
    batch_messages=st.sampled_from([256, 4, 1]),
)


class Simulation(RuleBasedStateMachine):
    """Time passes by itself only where a rule says so."""

    world: World

    @initialize(
        latency=st.sampled_from([0.001, 0.05]),
        work=st.sampled_from([0.0, 0.02, 0.5]),
        limits=LIMITS,
        early=st.booleans(),
    )
    def begin(self, latency: float, work: float, limits: Limits, early: bool) -> None:
        self.world = World(Nature(latency, work, GRACE, limits))
        if not early:
            self.world.run(1.0)

    @rule(side=SIDES, count=st.integers(1, 6))
    def send(self, side: str, count: int) -> None:
        for _ in range(count):
            self.send_one(side, call=False)

    @rule(side=SIDES)
    def call(self, side: str) -> None:
        self.send_one(side, call=True)

    def send_one(self, side: str, *, call: bool) -> None:
        sender = self.world.page if side == "page" else self.world.main
        sender.send(call=call)

    @rule(seconds=st.sampled_from([0.001, 0.05, 0.1, 0.5, 3.0]))
    def wait(self, seconds: float) -> None:
        self.world.run(seconds)

    @precondition(lambda self: self.world.wires)
    @rule(up=FRAMES, down=FRAMES, page_after=NOTICED, main_after=NOTICED)
    def cut(self, up: int, down: int, page_after: float, main_after: float) -> None:
        """Some of what is under way still comes; each end notices in its own time."""
        self.world.wires[-1].break_off(
            up=up, down=down, page_after=page_after, main_after=main_after
        )

    @precondition(lambda self: self.world.wires)
    @rule(side=SIDES, count=st.integers(1, 6), through=FRAMES, noticed=NOTICED)
    def cut_off(self, side: str, count: int, through: int, noticed: float) -> None:
        """The connection breaks upon what is being sent, or upon what answers it."""
        self.send(side, count)
        self.world.wires[-1].break_off(
            up=through, down=through, page_after=noticed, main_after=noticed
        )

    @rule(seconds=st.sampled_from([1.0, 10.0, GRACE, 2 * GRACE]))
    def silence(self, seconds: float) -> None:
        """No new connection comes through, for longer than main keeps a session."""
        self.world.silent_until = self.world.now + seconds
        for wire in self.world.wires[:]:
            wire.break_off(up=0, down=0, page_after=0.1, main_after=0.1)

    @rule()
    def restart_main(self) -> None:
        self.world.restart_main()

    @invariant()
    def no_window_is_exceeded(self) -> None:
        world = getattr(self, "world", None)
        if world is None:
            return
        window = world.nature.limits.window_messages
        for end in (world.page, *world.main.ends.values()):
            assert end.session.outbox.outstanding <= window

    def teardown(self) -> None:
        """When all is well again, everything has arrived, or somebody was told."""
        if not hasattr(self, "world"):
            return
        world = self.world
        note("")
        try:
            world.run(REST_S)
            verdict = check(world.history)
            assert verdict.findings == []
            assert verdict.wrong == 0
        finally:
            note("\n".join(world.story))


# Examples are cheap, and the first ones are small.
_EXAMPLES = max(300, settings().max_examples)
Simulation.TestCase.settings = settings(
    settings.default, max_examples=_EXAMPLES, stateful_step_count=40
)
TestSimulation = Simulation.TestCase
