"""The names that bare gRPC's server and clients agree on."""

from __future__ import annotations

from typing import Final

SERVICE: Final = "bench.Bare"
STREAM: Final = f"/{SERVICE}/Stream"
UNARY: Final = f"/{SERVICE}/Unary"
MESSAGE: Final = f"/{SERVICE}/Message"
SETTLE: Final = f"/{SERVICE}/Settle"

ANY_SIZE: Final = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
)
OWN_CONNECTION: Final = (*ANY_SIZE, ("grpc.use_local_subchannel_pool", 1))
