"""Where main listens: checking that nobody else does, and who could come there."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from renderer.wire import hosts
from renderer.wire.errors import IpcError

UNIX: Final = "unix:"
_PATIENCE: Final = 1.0
_LONGEST_PATH: Final = 107  # what fits into the kernel's sockaddr_un
_OTHERS_ENTER: Final = stat.S_IXGRP | stat.S_IXOTH


class CannotListen(IpcError):
    """Main does not begin to serve. Nothing was opened."""

    reason = "CANNOT_LISTEN"
    status = "FAILED_PRECONDITION"


class AddressInUse(CannotListen):
    """Somebody else listens there, or nobody may."""

    reason = "ADDRESS_IN_USE"
    status = "ALREADY_EXISTS"


class InsecureAddress(CannotListen):
    """More people could come there than was said to be wanted."""

    reason = "INSECURE_ADDRESS"


def in_use(address: str) -> AddressInUse:
    """Return the error for an address that another process listens on."""
    return AddressInUse(
        f"{address} is in use (another main process?); choose another with --listen"
    )


def check_exposure(address: str) -> None:
    """Raise if others than the users of this machine could come to an address.

    Raises:
        InsecureAddress: they could.
        AddressInUse: it is no address.
    """
    if not is_loopback(address):
        raise InsecureAddress(
            f"{address} can be reached from other machines, which could read and send "
            "everything: listen on 127.0.0.1 or unix:PATH, encrypt with --tls-cert and "
            "--tls-key, or give that up with --insecure-plaintext-from-anywhere"
        )


def is_loopback(address: str) -> bool:
    """Tell whether a TCP address can be reached from this machine only.

    Raises:
        AddressInUse: it is no address.
    """
    found = {target[0] for *_, target in _resolve(address)}
    # Names are not believed, but for the one that everybody has: who answers for them
    # could say something else a moment later.
    named = hosts.host_of(address).lower()
    if named != "localhost":
        found.add(named)
    return all(map(hosts.is_loopback, found))


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
    host, port = hosts.host_of(address), address.rpartition(":")[2]
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
            InsecureAddress: others may enter its directory.
        """
        if not self._is_path:
            raise AddressInUse(
                f"{self._address} is no socket to listen on; give unix:PATH "
                f"with a path of at most {_LONGEST_PATH} bytes"
            )
        try:
            self._check_folder()
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

    def _check_folder(self) -> None:
        """Have a directory that only its owner enters, who is the user.

        Others could not use the socket, but put one of theirs in its place, and so get
        what renderers send, tokens included.
        """
        if not hasattr(os, "geteuid"):  # Windows, where rights are not in modes
            return
        folder = self._path.absolute().parent
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.stat()
        if found.st_uid != os.geteuid() or found.st_mode & _OTHERS_ENTER:
            raise InsecureAddress(
                f"cannot listen on {self._address}: others may enter {folder}, and "
                "could put a socket of theirs in its place; use a directory of your "
                "own ('chmod 700'), or one that is not there yet: it is made like that"
            )

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
