"""The figures that `mainproc.observe.otel` keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter

_SECONDS: Final = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
    0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
)  # fmt: skip
_BYTES: Final = tuple(4**n for n in range(3, 14))  # 64 B to 64 MiB


@final
class Instruments:
    """Their names, units and descriptions.

    Args:
        meter: makes them.
    """

    def __init__(self, meter: Meter) -> None:
        self.renderers = meter.create_up_down_counter(
            "electron_ipc.renderers",
            "{renderer}",
            "Renderers that are there, connected or expected back",
        )
        self.sessions = meter.create_counter(
            "electron_ipc.sessions", "{session}", "Sessions that were begun"
        )
        self.cuts = meter.create_counter(
            "electron_ipc.cuts", "{cut}", "Links that were lost, of sessions that lived"
        )
        self.resumes = meter.create_counter(
            "electron_ipc.resumes", "{resume}", "Sessions that were carried on"
        )
        self.gaps = meter.create_counter(
            "electron_ipc.gaps", "{gap}", "Sessions that may have lost messages"
        )
        self.messages = meter.create_counter(
            "electron_ipc.messages", "{message}", "Messages"
        )
        self.sizes = meter.create_histogram(
            "electron_ipc.message.size",
            "By",
            "Serialized messages",
            explicit_bucket_boundaries_advisory=_BYTES,
        )
        self.refusals = meter.create_counter(
            "electron_ipc.refusals", "{refusal}", "Peers and messages turned away"
        )
        self.overloads = meter.create_counter(
            "electron_ipc.overloads", "{overload}", "Times that somebody was too slow"
        )
        self.served = meter.create_histogram(
            "rpc.server.call.duration",
            "s",
            "Calls that renderers made",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self.asked = meter.create_histogram(
            "rpc.client.call.duration",
            "s",
            "Calls that main made",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )


__all__ = ("Instruments",)
