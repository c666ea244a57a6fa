"""A client that costs little: prebuilt requests over kept connections, as fast as answers come or at a given rate."""

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

HEAD_END = b"\r\n\r\n"
CONNECTIONS = 16


class Refused(Exception):
    """An answer that was not 200: what is measured does not count."""


@dataclass
class Load:
    """What came back: seconds of each request, and over how long."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.latencies) / self.seconds


def request(path: str, bearer: str, method: str = "GET", body: bytes = b"") -> bytes:
    """Write a request."""
    head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {bearer}\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return (head + "\r\n").encode() + body


async def saturate(port: int, requests: Sequence[bytes], seconds: float, connections: int = CONNECTIONS) -> Load:
    """Send as fast as answers come."""
    return await _loaded(port, requests, seconds, connections, pause=0.0)


async def at_rate(port: int, requests: Sequence[bytes], seconds: float, rate: float) -> Load:
    """Send at a rate; what waits for its turn is counted as waiting."""
    return await _loaded(port, requests, seconds, CONNECTIONS, pause=CONNECTIONS / rate)


async def once(port: int, sent: bytes) -> tuple[float, bytes]:
    """Send one request over a connection of its own; return its seconds and the body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        began = time.perf_counter()
        writer.write(sent)
        body = await _answer(reader)
        return time.perf_counter() - began, body
    finally:
        writer.close()


async def _loaded(port: int, requests: Sequence[bytes], seconds: float, connections: int, pause: float) -> Load:
    load, turns = Load(), itertools.cycle(requests)
    began = time.perf_counter()
    until = began + seconds
    # Connections begin one after the other within a pause, so that a paced load is even.
    starts = [began + pause * number / connections for number in range(connections)]
    await asyncio.gather(*(_connection(port, turns, load, until, start, pause) for start in starts))
    load.seconds = time.perf_counter() - began
    return load


async def _connection(port: int, turns: Iterator[bytes], load: Load, until: float, due: float, pause: float) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while (now := time.perf_counter()) < until:
            if pause:
                if due > now:
                    await asyncio.sleep(due - now)
                now, due = due, due + pause
            writer.write(next(turns))
            await _answer(reader)
            load.latencies.append(time.perf_counter() - now)
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(HEAD_END)
    if not head.startswith(b"HTTP/1.1 200"):
        raise Refused(head[:200].decode("latin-1"))
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    return await reader.readexactly(length)
