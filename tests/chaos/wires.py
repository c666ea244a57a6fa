"""A wire between services that can be cut: connections that go through it end with a reset when told to.

It leads to every replica of a service in turn, past those that do not listen, as a cluster's load balancer does.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from infra.local.ports import LOOPBACK

CHUNK = 65536
RESET = struct.pack("ii", 1, 0)


def _deaf(_: bytes) -> None:
    """Nobody listens in."""


@dataclass
class Wire:
    """Listens on one port and passes on to others; `overhear` is told what a caller sent once it is passed on."""

    port: int
    targets: list[int]
    overhear: Callable[[bytes], None] = _deaf
    ends: set[asyncio.StreamWriter] = field(default_factory=set)
    turn: int = 0

    def cut(self) -> int:
        """Reset every open connection; say how many ends that were."""
        cut = len(self.ends)
        for end in self.ends:
            if (raw := end.get_extra_info("socket")) is not None:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            end.transport.abort()
        return cut

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join a caller to the target until either hangs up."""
        self.ends.add(writer)
        try:
            with contextlib.suppress(OSError):
                there_reader, there_writer = await self._reach()
                self.ends.add(there_writer)
                try:
                    await asyncio.gather(_pour(reader, there_writer, self.overhear), _pour(there_reader, writer, _deaf))
                finally:
                    self.ends.discard(there_writer)
                    there_writer.close()
        finally:
            self.ends.discard(writer)
            writer.close()

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the next replica that listens; ConnectionError when none does."""
        for _ in range(len(self.targets)):
            self.turn += 1
            with contextlib.suppress(ConnectionError):
                return await asyncio.open_connection(LOOPBACK, self.targets[self.turn % len(self.targets)])
        raise ConnectionRefusedError


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, overhear: Callable[[bytes], None]) -> None:
    try:
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
            overhear(chunk)
    finally:
        with contextlib.suppress(OSError, RuntimeError):
            writer.write_eof()


@asynccontextmanager
async def laid(*wires: Wire) -> AsyncIterator[None]:
    """Keep these wires in place."""
    async with contextlib.AsyncExitStack() as stack:
        for wire in wires:
            server = await asyncio.start_server(wire.carry, LOOPBACK, wire.port)
            stack.callback(server.close)
            stack.callback(wire.cut)
        yield
