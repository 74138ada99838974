"""Which hosts are this machine."""

from __future__ import annotations

import ipaddress


def host_of(address: str) -> str:
    """Return the host of "HOST:PORT"."""
    return address.rpartition(":")[0].strip("[]")


def is_loopback(host: str) -> bool:
    """Tell whether a host, as a number, is reached from this machine only.

    Names are not looked up: that is for who knows what their answer is worth.
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


__all__ = ("host_of", "is_loopback")
