"""Where main listens: checking that nobody else does."""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path
from typing import IO

from renderer.wire.errors import IpcError

UNIX = "unix:"


class AddressInUse(IpcError):
    """Somebody else listens there, or nobody may."""

    reason = "ADDRESS_IN_USE"
    status = "ALREADY_EXISTS"


def in_use(address: str) -> AddressInUse:
    """Return the error for an address that another process listens on."""
    return AddressInUse(
        f"{address} is in use (another main process?); choose another with --listen"
    )


def check_port(address: str) -> None:
    """Raise if a TCP address cannot be listened on, in words a user understands.

    Raises:
        AddressInUse: it is in use, or not of this machine.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        found = socket.getaddrinfo(
            host or None, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, ValueError, OverflowError):
        raise AddressInUse(
            f"{address} is no address to listen on; give HOST:PORT or unix:PATH"
        ) from None
    family, kind, protocol, _, target = found[0]
    with socket.socket(family, kind, protocol) as probe:
        # As gRPC binds: past connections may linger, a listener may not.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(target)
            probe.listen()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise in_use(address) from None
            raise AddressInUse(
                f"cannot listen on {address}: {error.strerror}"
            ) from None


class UnixPath:
    """A socket path that is ours while the lock beside it is held.

    A socket that a dead main has left is replaced; a living one is refused. The lock
    file stays: removing it would let two processes hold a lock each.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._path = Path(address.removeprefix(UNIX).removeprefix("//"))
        self._lock: IO[bytes] | None = None

    def acquire(self) -> None:
        """Take the path.

        Raises:
            AddressInUse: another process has it, or it is no socket.
        """
        try:
            lock = open(f"{self._path}.lock", "ab")  # noqa: SIM115 - held while serving
        except OSError as error:
            text = f"cannot listen on {self._address}: {error.strerror}"
            raise AddressInUse(text) from None
        try:
            import fcntl  # not on Windows, where nobody asks for a socket path

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._remove_dead()
        except BlockingIOError:
            lock.close()
            raise in_use(self._address) from None
        except AddressInUse:
            lock.close()
            raise
        self._lock = lock

    def restrict(self) -> None:
        """Let only the owner connect."""
        self._path.chmod(0o600)

    def release(self) -> None:
        """Give the path up."""
        if self._lock is not None:
            self._path.unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def _remove_dead(self) -> None:
        try:
            mode = os.lstat(self._path).st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(mode):
            raise AddressInUse(f"{self._path} exists and is no socket")
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self._path))
            except OSError:
                self._path.unlink()
            else:
                raise in_use(self._address)
