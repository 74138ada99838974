"""What a renderer says of its connection, the same words on every face."""

from __future__ import annotations

from typing import Final

from renderer.carrier import LinkBroken
from renderer.wire import reasons
from renderer.wire.errors import (
    AccessDenied,
    ConnectionClosed,
    IpcError,
    LocalProtocolError,
    Overloaded,
    quote,
)
from renderer.wire.events import Ended, GoodbyeHeard, SessionEvent
from renderer.wire.link import Fate

ADDRESS_VARIABLE: Final = "ELECTRON_IPC_ADDRESS"
TOKEN_VARIABLE: Final = "ELECTRON_IPC_TOKEN"
CA_VARIABLE: Final = "ELECTRON_IPC_CA"
CERT_VARIABLE: Final = "ELECTRON_IPC_CERT"
KEY_VARIABLE: Final = "ELECTRON_IPC_KEY"


def no_main(address: str, seconds: float) -> ConnectionClosed:
    """Return the error for an address at which nobody answers."""
    return ConnectionClosed(
        f"no main process at {address} after {seconds:g} s; "
        f"start one with 'mainproc run main.py' or set {ADDRESS_VARIABLE}",
        "not-sent",
    )


def hung_up(address: str) -> ConnectionClosed:
    """Return the error for an address where somebody takes calls and says nothing."""
    return ConnectionClosed(
        f"what listens at {address} hangs up: it may want TLS, or a certificate from "
        f"us; give tls=, or set {CA_VARIABLE} ({CERT_VARIABLE}, {KEY_VARIABLE})",
        "not-sent",
    )


def turned_away(event: GoodbyeHeard, *, spawned: bool) -> IpcError:
    """Return the error for a Goodbye that came instead of a Welcome.

    Args:
        event: the Goodbye.
        spawned: by this very main process: after it there is none to wait for.
    """
    text = event.message or "main said goodbye instead of welcome"
    match event.reason:
        case reasons.ACCESS_DENIED:
            return AccessDenied(text)
        case reasons.PROTOCOL:
            return LocalProtocolError(text)
        case reasons.OVERLOADED:
            return Overloaded(text)
        case reasons.SHUTDOWN if not spawned:
            # As good as none: the next may be on its way.
            return LinkBroken(text, "not-sent", Fate.RESUME)
        case _:
            return ConnectionClosed(text, "not-sent")


def closed_for_good() -> ConnectionClosed:
    """Return the error for what is sent after the program closed the renderer."""
    return ConnectionClosed("it was closed; connect() opens it again", "not-sent")


def forked(pid: int) -> IpcError:
    """Return the error for what a forked child wants of its parent's connection."""
    text = f"opened in process {pid}, not usable after fork; connect again"
    return IpcError(text)


def elsewhere(address: str) -> IpcError:
    """Return the error for connecting while connected to another address."""
    return IpcError(f"connected to {address}; close() comes first")


def parted(address: str, why: str) -> ConnectionClosed:
    """Return the error for a connection that main said Goodbye on."""
    return ConnectionClosed(f"main at {address} said goodbye{': ' if why else ''}{why}")


def left(address: str) -> ConnectionClosed:
    """Return the error for a connection that this program closed."""
    return ConnectionClosed(f"the connection to main at {address} was closed")


def broke(address: str, why: object) -> ConnectionClosed:
    """Return the error for a connection whose link ended with a status."""
    return ConnectionClosed(f"the connection to main at {address} broke: {why}")


def lost(address: str, why: object, patience: float) -> str:
    """Return what is told of a link that is gone, when it is looked for again."""
    reason = f" ({why})" if why else ""
    return f"lost main at {address}{reason}; looking for it again, for {patience:.3g} s"


def found(address: str, id: int, seconds: float) -> str:
    """Return what is told of a link that was found again."""
    return f"connected to main at {address} again, as {id}, after {seconds:.3g} s"


def gave_up(address: str, seconds: float) -> ConnectionClosed:
    """Return the error for a connection that was lost and not found again."""
    text = f"the connection to main at {address} broke; gave up after {seconds:.3g} s"
    return ConnectionClosed(text)


def cannot_look(address: str, why: object) -> ConnectionClosed:
    """Return the error for a connection that was lost in a program that ends."""
    text = f"the connection to main at {address} broke, and cannot be made again: {why}"
    return ConnectionClosed(text)


def started_over() -> ConnectionClosed:
    """Return the error for what a session was to do that main has lost."""
    return ConnectionClosed("main no longer knew this session; a new one began")


def gap(sent: int, missing: int | None) -> str:
    """Return what is told of a session that main has lost, where nobody asks."""
    lost = "what main has sent" if missing is None else f"{how_many(missing)} of main's"
    return (
        f"main no longer knew this session; a new one began: {how_many(sent)} sent to "
        f"it may be lost, and so may {lost} meanwhile; register ipc.on_gap to be told"
    )


def given_up(channel: str, count: int) -> str:
    """Say that main has given up events for this renderer."""
    return f"main gave up {how_many(count)} on {quote(channel)} for this renderer"


def missing(address: str, count: int) -> str:
    """Return what is told when main has ended a session before all of it came."""
    what = f"{how_many(count)} of its never came"
    return f"main at {address} has ended the session; {what}"


def ended(address: str, event: Ended) -> ConnectionClosed:
    """Return the error for a session that is over."""
    if event.error is not None:
        text = f"main at {address} broke the contract: {event.error}"
    elif event.message:
        text = f"the session with main at {address} ended: {event.message}"
    else:
        text = f"the connection to main at {address} broke"
    return ConnectionClosed(text)


def over(address: str, event: SessionEvent) -> ConnectionClosed | None:
    """Return the error for a session that an event has ended; None if it has not."""
    if isinstance(event, GoodbyeHeard):
        return parted(address, event.message)
    return ended(address, event) if isinstance(event, Ended) else None


def how_many(messages: int) -> str:
    """Return a number of messages as people say it."""
    return f"{messages:,} message{'s' * (messages != 1)}"


__all__ = (
    "ADDRESS_VARIABLE",
    "CA_VARIABLE",
    "CERT_VARIABLE",
    "KEY_VARIABLE",
    "TOKEN_VARIABLE",
    "broke",
    "closed_for_good",
    "elsewhere",
    "ended",
    "forked",
    "found",
    "gap",
    "gave_up",
    "how_many",
    "hung_up",
    "left",
    "lost",
    "missing",
    "no_main",
    "parted",
    "started_over",
    "turned_away",
)
