"""What accompanies a call: its bounds, and the trace context by OpenTelemetry's API."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from opentelemetry import context, trace
from opentelemetry.trace import SpanContext, TraceFlags, TraceState

from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire import messages
from renderer.wire.errors import RemoteProtocolError
from renderer.wire.limits import MAX_METADATA_BYTES
from renderer.wire.metadata import (
    NO_METADATA,
    context_of,
    current_metadata,
    read_metadata,
)

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@contextmanager
def traced(state: str = "") -> Iterator[None]:
    """Be in the trace that PARENT names."""
    entries = dict(entry.split("=") for entry in state.split(",") if entry)
    span = trace.NonRecordingSpan(
        SpanContext(
            trace_id=0x0AF7651916CD43DD8448EB211C80319C,
            span_id=0xB7AD6B7169203331,
            is_remote=False,
            trace_flags=TraceFlags(1),
            trace_state=TraceState(list(entries.items())),
        )
    )
    token = context.attach(trace.set_span_in_context(span))
    try:
        yield
    finally:
        context.detach(token)


def call_with(*entries: tuple[str, str]) -> pb.Call:
    return pb.Call(metadata=[pb.Metadata(key=k, value=v) for k, v in entries])


# ---- its bounds ----------------------------------------------------------------------


def test_mostly_there_is_none() -> None:
    assert read_metadata(pb.Call()) == {}
    assert read_metadata(pb.SendSyncRequest()) == {}


def test_what_fits_is_read() -> None:
    entries = [(f"key-{i}_.", " ~" * i) for i in range(16)]
    assert read_metadata(call_with(*entries)) == dict(entries)


def test_exactly_the_bytes_there_may_be() -> None:
    value = "x" * (MAX_METADATA_BYTES - 1)
    assert read_metadata(call_with(("k", value))) == {"k": value}
    with pytest.raises(RemoteProtocolError, match="exceeds 16 entries, 8192 bytes"):
        read_metadata(call_with(("k", value), ("l", "")))


def test_too_many_entries() -> None:
    with pytest.raises(RemoteProtocolError, match="exceeds 16 entries"):
        read_metadata(call_with(*((f"k{i}", "") for i in range(17))))


@pytest.mark.parametrize("key", ["", "Traceparent", "a b", "é", "a\n"])
def test_a_key_that_cannot_be(key: str) -> None:
    with pytest.raises(RemoteProtocolError, match=r"the metadata key .* cannot be"):
        read_metadata(call_with((key, "v")))


def test_a_key_that_stands_twice() -> None:
    with pytest.raises(RemoteProtocolError, match="the metadata key 'k' cannot be"):
        read_metadata(call_with(("k", "1"), ("k", "2")))


@pytest.mark.parametrize("value", ["\n", "\x7f", "é", "v\n"])
def test_a_value_that_cannot_be(value: str) -> None:
    with pytest.raises(RemoteProtocolError, match=r"the value of .* 'k' cannot be"):
        read_metadata(call_with(("k", value)))


# ---- the trace -----------------------------------------------------------------------


def test_outside_of_a_trace_nothing_is_added() -> None:
    assert current_metadata() is NO_METADATA
    plain = pb.Message.FromString(messages.call(1, "c", []).data)
    assert not plain.call.metadata


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("timeout", [None, 1.5])
def test_a_call_carries_its_trace(packed: bool, timeout: float | None) -> None:
    with traced("vendor=x"):
        parcel = messages.call(
            300, "c" * 300, [1], lane=2, timeout=timeout, packed=packed, sync=True
        )
    message = pb.Message.FromString(parcel.data)
    assert (message.id, message.lane, message.call.channel) == (300, 2, "c" * 300)
    assert message.call.kind == pb.CALL_KIND_SEND_SYNC
    assert message.call.HasField("remaining_ms") is (timeout is not None)
    assert message.call.HasField("packed") is packed
    assert messages.read_args(message.call) == [1]
    assert read_metadata(message.call) == {
        "traceparent": PARENT,
        "tracestate": "vendor=x",
    }
    assert message.SerializeToString() == parcel.data  # protobuf's own bytes


@pytest.mark.parametrize("packed", [False, True])
def test_a_sync_request_carries_its_trace(packed: bool) -> None:
    with traced():
        request = messages.sync_request("c", [1], packed=packed)
    assert read_metadata(request) == {"traceparent": PARENT}


def test_a_state_that_is_too_long_stays_behind() -> None:
    with traced(",".join(f"vendor{i}={'x' * 255}" for i in range(32))):
        assert current_metadata() == {"traceparent": PARENT}


def test_a_handler_runs_in_the_trace_of_its_call() -> None:
    inside = context_of({"traceparent": PARENT, "unknown": "x"})
    assert inside is not None
    span = inside.run(trace.get_current_span).get_span_context()
    assert (f"{span.trace_id:032x}", f"{span.span_id:016x}") == (
        "0af7651916cd43dd8448eb211c80319c",
        "b7ad6b7169203331",
    )
    assert span.is_remote
    assert not trace.get_current_span().get_span_context().is_valid


def test_a_handler_of_a_call_without_trace_runs_anywhere() -> None:
    assert context_of(NO_METADATA) is None


def test_who_does_not_trace_gets_no_context(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "opentelemetry.trace")
    assert context_of({"traceparent": PARENT}) is None
    with traced():
        assert current_metadata() is NO_METADATA


def test_while_it_is_being_imported_there_is_no_trace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    half = type(sys)("opentelemetry.trace")
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", half)
    assert current_metadata() is NO_METADATA
    assert context_of({"traceparent": PARENT}) is None


def test_nothing_is_imported_for_who_does_not_trace() -> None:
    program = (
        "import sys; from renderer.wire import messages, metadata;"
        "messages.call(1, 'c', []);"
        "assert metadata.context_of({'traceparent': 'x'}) is None;"
        "print(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
