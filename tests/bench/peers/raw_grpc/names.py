"""The names that bare gRPC's server and clients agree on."""

from __future__ import annotations

from typing import Final

SERVICE: Final = "bench.Bare"
STREAM: Final = f"/{SERVICE}/Stream"
UNARY: Final = f"/{SERVICE}/Unary"
