"""Addresses by default."""

from __future__ import annotations

import os
from typing import Final

DEFAULT_ADDRESS: Final = "127.0.0.1:50051"
ADDRESS_VARIABLE: Final = "ELECTRON_IPC_ADDRESS"
TOKEN_VARIABLE: Final = "ELECTRON_IPC_TOKEN"
CA_VARIABLE: Final = "ELECTRON_IPC_CA"
CERT_VARIABLE: Final = "ELECTRON_IPC_CERT"
KEY_VARIABLE: Final = "ELECTRON_IPC_KEY"
TOKEN_FILE_VARIABLE: Final = "ELECTRON_IPC_TOKEN_FILE"


def default_address() -> str:
    """Return where both ends meet when nobody says otherwise."""
    return os.environ.get(ADDRESS_VARIABLE) or DEFAULT_ADDRESS
