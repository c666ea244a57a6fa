"""Server-sent events: a handler answers `Events` and the kit keeps the stream alive, bounded, and closed in time."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import structlog
from aiohttp import web
from aiohttp_sse import EventSourceResponse

from libs.web.limits import StreamLimits
from libs.web.problems import TooManyStreams
from libs.web.routing import Event, Events

EVENT_STREAM = "text/event-stream"
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Streams:
    """The open streams of one process."""

    limits: StreamLimits
    room: asyncio.Semaphore
    closing: asyncio.Event

    @classmethod
    def open(cls, limits: StreamLimits) -> "Streams":
        """Start with room for all of them."""
        return cls(limits, asyncio.Semaphore(limits.streams_max), asyncio.Event())

    async def close(self, _: web.Application) -> None:
        """End every stream, so that the process can stop."""
        self.closing.set()

    async def send(self, request: web.Request, events: Events) -> web.StreamResponse:
        """Stream until the handler has no more, the caller is gone, the time is up, or the process stops."""
        if request.method == "HEAD":
            await events.source.aclose()
            return web.Response(headers={"Content-Type": EVENT_STREAM, "Cache-Control": "no-cache"})
        if self.room.locked():
            await events.source.aclose()
            raise TooManyStreams("too many event streams are open", {"Retry-After": "10"})
        async with self.room:
            response = EventSourceResponse(
                ping_interval=self.limits.ping_seconds, send_timeout=self.limits.send_seconds
            )
            await response.prepare(request)
            async with response:
                await self._pumped(response, events.source)
        return response

    async def _pumped(self, response: EventSourceResponse, source: AsyncGenerator[Event, None]) -> None:
        pump = asyncio.create_task(_pump(response, source))
        ends = [pump, asyncio.create_task(self.closing.wait()), asyncio.create_task(response.wait())]
        try:
            await asyncio.wait(ends, timeout=self.limits.stream_seconds_max, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
            failure, *_ = await asyncio.gather(*ends, return_exceptions=True)
        if isinstance(failure, Exception) and not isinstance(failure, ConnectionError | TimeoutError):
            # The status went out long ago; whoever listens sees the stream end and comes again.
            log.error("stream-failed", exc_info=failure)


async def _pump(response: EventSourceResponse, source: AsyncGenerator[Event, None]) -> None:
    async with aclosing(source):
        async for event in source:
            await response.send(event.text, id=event.id, event=event.name)
