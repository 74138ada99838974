"""An observer that counts and traces through OpenTelemetry's API.

    from mainproc import ipc
    from mainproc.observe.otel import OpenTelemetryObserver

    ipc.observe(OpenTelemetryObserver())

What becomes of it is up to the SDK that the program has set up; without one, nothing.
Importing this needs `opentelemetry-api`, the extra `[otel]`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, final

try:
    from opentelemetry import context, metrics, trace
    from opentelemetry.trace import Span, SpanKind, Status, StatusCode
    from opentelemetry.trace.propagation import tracecontext
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"{error}: pip install 'electron-ipc[otel]'", name=error.name
    ) from None

from mainproc.observe.instruments import Instruments
from mainproc.observe.observer import (
    CallEnd,
    Direction,
    Kind,
    ObservedCall,
    Observer,
    Refusal,
)

if TYPE_CHECKING:
    from mainproc.web_contents import WebContents

SYSTEM: Final = "electron_ipc"
OTHER: Final = "_OTHER"
"""The name of channels and errors beyond those that are told apart."""

_LONGEST: Final = 256  # characters of a channel
_propagator: Final = tracecontext.TraceContextTextMapPropagator()


@final
class OpenTelemetryObserver(Observer):
    """Counts messages, and makes a span of each call, by the conventions for RPC.

    A call that a renderer made has a server span, below the renderer's own span if that
    came along; it is current where handler and listeners run. A call of main's has a
    client span, which goes along. `rpc.method` is the channel, of those on which
    something is registered and of those that main asks on.

    Args:
        tracer_provider: where spans go; None for the global one.
        meter_provider: where figures go; None for the global one.
        names: so many channels are told apart, and classes of errors; all others are
            "_OTHER".
    """

    def __init__(
        self,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
        *,
        names: int = 1_000,
    ) -> None:
        ours = version("electron-ipc")
        self._tracer = trace.get_tracer("mainproc", ours, tracer_provider)
        self._figures = Instruments(metrics.get_meter("mainproc", ours, meter_provider))
        self._channels: set[str] = set()
        self._errors: set[str] = set()
        self._most = names
        self._spans: dict[ObservedCall, tuple[Span, dict[str, str]]] = {}
        self._lock = threading.Lock()

    # ---- renderers -------------------------------------------------------------------

    def connected(self, contents: WebContents) -> None:
        """Count it."""
        self._figures.sessions.add(1)
        self._figures.renderers.add(1)

    def disconnected(self, contents: WebContents) -> None:
        """Count it."""
        self._figures.cuts.add(1)

    def resumed(self, contents: WebContents, away: float) -> None:
        """Count it."""
        self._figures.resumes.add(1)

    def gap(
        self, contents: WebContents, sent_unconfirmed: int, received_missing: int | None
    ) -> None:
        """Count it."""
        self._figures.gaps.add(1)

    def destroyed(self, contents: WebContents, reason: str) -> None:
        """Count it."""
        self._figures.renderers.add(-1)

    # ---- messages --------------------------------------------------------------------

    def message(
        self,
        contents: WebContents,
        direction: Direction,
        kind: Kind,
        channel: str,
        size: int,
    ) -> None:
        """Count it. Channels are not told apart: peers choose their names."""
        attributes = _attributes(direction, kind)
        self._figures.messages.add(1, attributes)
        if size:
            self._figures.sizes.record(size, attributes)

    def refused(self, refusal: Refusal) -> None:
        """Count it by its reason."""
        self._figures.refusals.add(1, {"error.type": refusal.reason})

    def overloaded(
        self, contents: WebContents, direction: Direction, channel: str, policy: str
    ) -> None:
        """Count it."""
        attributes = {**_DIRECTIONS[direction], "electron_ipc.policy": policy}
        self._figures.overloads.add(1, attributes)

    # ---- calls -----------------------------------------------------------------------

    def call_started(self, call: ObservedCall) -> None:
        """Begin its span, and make that the current one."""
        method = self._bounded(self._channels, call.channel)
        attributes = {"rpc.system.name": SYSTEM, "rpc.method": method}
        details: dict[str, str | int] = {
            "electron_ipc.call.kind": call.kind,
            "electron_ipc.web_contents.id": call.contents.id,
        }
        if method == OTHER:
            details["rpc.method_original"] = call.channel[:_LONGEST]
        is_ours = call.direction == "out"
        span = self._tracer.start_span(
            method if method != OTHER else SYSTEM,
            # What main's loop happens to be in is not what a renderer's call is about.
            None if is_ours else _propagator.extract(call.metadata, context.Context()),
            SpanKind.CLIENT if is_ours else SpanKind.SERVER,
            {**attributes, **details},
        )
        # Never detached: this is the context of the call, and ends with it.
        context.attach(trace.set_span_in_context(span))
        with self._lock:
            self._spans[call] = span, attributes

    def call_ended(self, call: ObservedCall, end: CallEnd) -> None:
        """End its span."""
        with self._lock:
            span, attributes = self._spans.pop(call)
        if end.outcome != "ok":
            # What a renderer's handler raises is named by the renderer.
            error = self._bounded(self._errors, end.reason or end.outcome)
            attributes["error.type"] = error
            span.set_attribute("error.type", error)
            span.set_status(Status(StatusCode.ERROR, end.outcome))
        span.end()
        out = call.direction == "out"
        duration = self._figures.asked if out else self._figures.served
        duration.record(end.seconds, attributes, trace.set_span_in_context(span))

    def _bounded(self, known: set[str], name: str) -> str:
        if name not in known:
            with self._lock:
                if len(known) >= self._most or len(name) > _LONGEST:
                    return OTHER
                known.add(name)
        return name


_DIRECTIONS: Final[Mapping[Direction, Mapping[str, str]]] = {
    "in": {"network.io.direction": "receive"},
    "out": {"network.io.direction": "transmit"},
}


def _attributes(direction: Direction, kind: Kind) -> Mapping[str, str]:
    return {**_DIRECTIONS[direction], "electron_ipc.message.kind": kind}


__all__ = ("OpenTelemetryObserver",)
