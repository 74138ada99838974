"""Where main listens: checking that nobody else does."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from renderer.wire.errors import IpcError

UNIX: Final = "unix:"
_PATIENCE: Final = 1.0
_LONGEST_PATH: Final = 107  # what fits into the kernel's sockaddr_un


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
    for family, kind, protocol, _, target in _resolve(address):
        with socket.socket(family, kind, protocol) as probe:
            # As gRPC binds: past connections may linger, a listener may not.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind(target)
                probe.listen()
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise in_use(address) from None
                text = f"cannot listen on {address}: {error.strerror}"
                raise AddressInUse(text) from None


def _resolve(address: str) -> list[Any]:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    text = f"{address} is no address to listen on; give HOST:PORT or unix:PATH"
    if not host:  # gRPC would take that for all of this machine's addresses
        raise AddressInUse(text)
    try:
        number = int(port)
        found = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)
    except (OSError, ValueError, OverflowError):
        raise AddressInUse(text) from None
    if not 0 <= number < 2**16:  # the resolver would cut it to size
        raise AddressInUse(text)
    return found


class UnixPath:
    """A socket path that is ours while the lock beside it is held.

    A socket that a dead main has left is replaced; a living one is refused. The lock
    file stays: removing it would let two processes hold a lock each.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        path = address.removeprefix(UNIX).removeprefix("//")
        self._is_path = 0 < len(os.fsencode(path)) <= _LONGEST_PATH
        self._path = Path(path)
        self._lock: IO[bytes] | None = None

    def acquire(self) -> None:
        """Take the path.

        Raises:
            AddressInUse: another process has it, or it is no socket.
        """
        if not self._is_path:
            raise AddressInUse(
                f"{self._address} is no socket to listen on; give unix:PATH "
                f"with a path of at most {_LONGEST_PATH} bytes"
            )
        try:
            lock = open(f"{self._path}.lock", "ab")  # noqa: SIM115 - held while serving
        except OSError as error:
            text = f"cannot listen on {self._address}: {error.strerror}"
            raise AddressInUse(text) from None
        try:
            import fcntl  # not on Windows, where nobody asks for a socket path

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._remove_dead()
        except BaseException as error:
            lock.close()
            if isinstance(error, BlockingIOError):
                raise in_use(self._address) from None
            raise
        self._lock = lock

    @contextmanager
    def for_owner_only(self) -> Generator[None]:
        """Let only the owner connect to a socket that is made in this block."""
        before = os.umask(0o177)
        try:
            yield
        finally:
            os.umask(before)

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
            probe.settimeout(_PATIENCE)
            try:
                probe.connect(str(self._path))
            except ConnectionRefusedError:
                self._path.unlink()
            except OSError:
                raise in_use(self._address) from None  # it lives, if badly
            else:
                raise in_use(self._address)
