"""Why a side says Goodbye, for those who do not speak protobuf."""

from __future__ import annotations

from typing import Final, TypeAlias

from electron_ipc.v1 import ipc_pb2 as pb

Reason: TypeAlias = "pb.GoodbyeReason.ValueType"

CLOSED: Final = pb.GOODBYE_REASON_CLOSED
SHUTDOWN: Final = pb.GOODBYE_REASON_SHUTDOWN
PROTOCOL: Final = pb.GOODBYE_REASON_PROTOCOL
REPLACED: Final = pb.GOODBYE_REASON_REPLACED
NO_PROGRESS: Final = pb.GOODBYE_REASON_NO_PROGRESS
OVERLOADED: Final = pb.GOODBYE_REASON_OVERLOADED
ACCESS_DENIED: Final = pb.GOODBYE_REASON_ACCESS_DENIED
