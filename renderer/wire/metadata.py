"""What accompanies a call and is no argument: the trace that it belongs to.

W3C Trace Context, by OpenTelemetry's API. A program that traces has loaded it; for all
others this costs one look into a dict, and nothing is ever imported.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from contextvars import Context, copy_context
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.errors import RemoteProtocolError, quote
from renderer.wire.limits import MAX_METADATA, MAX_METADATA_BYTES

Metadata = Mapping[str, str]

NO_METADATA: Final[Metadata] = MappingProxyType({})

_KEY: Final = re.compile(r"[a-z0-9_.-]+")
_VALUE: Final = re.compile(r"[ -~]*")
_TRACE: Final = "opentelemetry.trace"
_CONTEXT: Final = "opentelemetry.context"
_W3C: Final = "opentelemetry.trace.propagation.tracecontext"


def read_metadata(body: pb.Call | pb.SendSyncRequest) -> Metadata:
    """Return what accompanies a call.

    Raises:
        RemoteProtocolError: it cannot be, or is too much.
    """
    entries = body.metadata
    return _checked(entries) if entries else NO_METADATA


def _checked(entries: Iterable[pb.Metadata]) -> Metadata:
    found: dict[str, str] = {}
    size = 0
    for entry in entries:
        key, value = entry.key, entry.value
        size += len(key) + len(value)
        if len(found) == MAX_METADATA or size > MAX_METADATA_BYTES:
            most = f"{MAX_METADATA} entries, {MAX_METADATA_BYTES} bytes"
            raise RemoteProtocolError(f"a call's metadata exceeds {most}")
        if not _KEY.fullmatch(key) or key in found:
            raise RemoteProtocolError(f"the metadata key {quote(key)} cannot be")
        if not _VALUE.fullmatch(value):
            text = f"the value of the metadata key {quote(key)} cannot be"
            raise RemoteProtocolError(text)
        found[key] = value
    return found


def write_metadata(metadata: Metadata, to: pb.Call | pb.SendSyncRequest) -> None:
    """Put what accompanies a call into its message."""
    for key, value in metadata.items():
        to.metadata.add(key=key, value=value)


def current_metadata() -> Metadata:
    """Return what accompanies a call that is made here and now."""
    trace: Any = sys.modules.get(_TRACE)
    if trace is None or not _is_loaded(trace):
        return NO_METADATA
    if not trace.get_current_span().get_span_context().is_valid:
        return NO_METADATA
    carrier: dict[str, str] = {}
    _propagator().inject(carrier)
    if sum(map(len, (*carrier, *carrier.values()))) > MAX_METADATA_BYTES:
        del carrier["tracestate"]  # as W3C has it, rather than have the call refused
    return carrier


def _is_loaded(trace: Any) -> bool:
    # Another thread may be importing it right now.
    return hasattr(trace, "get_current_span")


def context_of(
    metadata: Metadata, make: Callable[[], Context] = copy_context
) -> Context | None:
    """Return the context in which the handler of a call runs; None for any.

    Args:
        metadata: what accompanies the call.
        make: returns a context to begin with.
    """
    trace = sys.modules.get(_TRACE) if metadata else None
    if trace is None or not _is_loaded(trace):
        return None
    attach = importlib.import_module(_CONTEXT).attach
    context = make()
    # Never detached: it goes with the context, which is the call's own.
    context.run(attach, _propagator().extract(metadata))
    return context


@cache
def _propagator() -> Any:
    # No import statement: whoever does not trace need not have it.
    return importlib.import_module(_W3C).TraceContextTextMapPropagator()


__all__ = (
    "NO_METADATA",
    "Metadata",
    "context_of",
    "current_metadata",
    "read_metadata",
    "write_metadata",
)
