"""Seeing what a main process does: counting, logging, tracing.

    from mainproc import ipc
    from mainproc.observe import LoggingObserver

    ipc.observe(LoggingObserver())

`mainproc.observe.otel` has the observer for OpenTelemetry; it needs the extra `[otel]`.
"""

from mainproc.observe.log import LoggingObserver
from mainproc.observe.observer import (
    CallEnd,
    Direction,
    Kind,
    ObservedCall,
    Observer,
    Outcome,
    Refusal,
)

__all__ = (
    "CallEnd",
    "Direction",
    "Kind",
    "LoggingObserver",
    "ObservedCall",
    "Observer",
    "Outcome",
    "Refusal",
)
