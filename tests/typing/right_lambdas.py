"""Functions without types, which all but pyright's strictest mode let pass."""

from __future__ import annotations

from typing import assert_type

import renderer
from mainproc import Subscription, WebContents, app, ipc

assert_type(ipc.on("x", lambda event, a, b: print(a, b)), Subscription)
assert_type(ipc.handle("x", lambda event, *args: args), Subscription)
assert_type(ipc.on("x", lambda *args, **kwargs: print(args, kwargs)), Subscription)
assert_type(renderer.ipc.on("x", lambda a, b=1: print(a, b)), Subscription)
assert_type(renderer.ipc.handle("x", lambda a, b: a + b), Subscription)
app.on("web-contents-created", lambda contents: print(contents))


def with_a_window(contents: WebContents) -> None:
    contents.ipc.on("x", lambda event, a: event.reply("y", a))
