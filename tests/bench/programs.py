"""The processes of a measurement: servers and clients, each a program of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any, Final

ROOT: Final = Path(__file__).parents[2]
PATIENCE: Final = 120.0
"""Seconds after which what was asked of a program has gone wrong."""
_LINE: Final = 64 * 1024 * 1024
_TOLD: Final = 4_000


class Broken(Exception):
    """A program of the benchmark failed; says what it left on stderr."""


class Program:
    """A running program that was told something by lines of JSON, and answers so.

    Args:
        command: what runs, as it is named in errors.
        process: the process.
        errors: the file that takes its stderr.
    """

    def __init__(
        self,
        command: Sequence[str],
        process: asyncio.subprocess.Process,
        errors: IO[bytes],
    ) -> None:
        self.pid = process.pid
        self._command = command
        self._process = process
        self._errors = errors

    async def answer(self) -> dict[str, Any]:
        """Wait for the next line it says.

        Raises:
            Broken: it has ended, or says nothing.
        """
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise self._broken(f"said nothing for {PATIENCE:g} s") from None
        if not line:
            raise self._broken("has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def ask(self, scenario: str, count: int) -> dict[str, Any]:
        """Have it do something; return what it says about that.

        Raises:
            Broken: it failed.
        """
        assert self._process.stdin is not None
        line = json.dumps({"scenario": scenario, "count": count})
        try:
            self._process.stdin.write(f"{line}\n".encode())
            await self._process.stdin.drain()
        except ConnectionError:
            raise self._broken("has ended") from None
        return await self.answer()

    async def end(self) -> None:
        """End its standard input, and wait until it has ended in order.

        Raises:
            Broken: it does not end, or not with exit code 0.
        """
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(PATIENCE):
                code = await self._process.wait()
        except TimeoutError:
            raise self._broken(f"does not end within {PATIENCE:g} s") from None
        if code:
            raise self._broken(f"has ended with exit code {code}")

    def _broken(self, what: str) -> Broken:
        self._errors.seek(0)
        told = self._errors.read().decode(errors="replace").strip()[-_TOLD:]
        return Broken(f"{' '.join(self._command)} {what}\n{told}".strip())


@asynccontextmanager
async def running(command: Sequence[str]) -> AsyncIterator[Program]:
    """Run a program while the block runs. It ends when its standard input does."""
    with tempfile.TemporaryFile() as errors:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            limit=_LINE,
            cwd=ROOT,
            env=_environment(),
        )
        try:
            yield Program(command, process, errors)
        finally:
            if process.returncode is None:
                process.kill()  # in order or not is nothing to measure
            await process.wait()


def _environment() -> dict[str, str]:
    """Return ours, with the checkout where Python looks for modules."""
    path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


def python(*arguments: str) -> tuple[str, ...]:
    """Return the command that runs Python as we were run."""
    return (sys.executable, *arguments)
