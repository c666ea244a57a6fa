"""How much and how often a caller may send, and how long anything may take."""

from aiohttp import web
from pydantic import BaseModel, PositiveFloat, PositiveInt


class StreamLimits(BaseModel, frozen=True):
    """How many event streams there may be, how long each lasts, and how soon a dead one is noticed."""

    streams_max: PositiveInt = 50
    # The browser comes again by itself, with `Last-Event-ID`.
    stream_seconds_max: PositiveFloat = 600
    ping_seconds: PositiveFloat = 15
    send_seconds: PositiveFloat = 20


class RateLimits(BaseModel, frozen=True):
    """How often one caller, a person or a client, may ask one process; 429 above. Health and info are not counted."""

    # A process carries about three times as much; workers at full speed ask about half as often.
    requests_per_second: PositiveFloat = 2000
    # May come at once after a silence.
    burst: PositiveInt = 4000
    callers_max: PositiveInt = 10_000


class HttpLimits(BaseModel, frozen=True):
    """The limits of one process; as a setting it is JSON: `HTTP_LIMITS={"request_seconds_max": 30}`."""

    # 413 above.
    body_bytes_max: PositiveInt = 10 * 1024 * 1024
    # 408 when a body takes longer to arrive.
    body_seconds_max: PositiveFloat = 30
    # How long the rest of a body that was answered before it was read is taken in, so that the answer can be read.
    lingering_seconds_max: PositiveFloat = 10
    # 400 above; the line has the address with its query.
    line_bytes_max: PositiveInt = 8190
    field_bytes_max: PositiveInt = 8190
    fields_max: PositiveInt = 128
    # How long a connection may stay without a request, or take to send the head of one.
    idle_seconds_max: PositiveFloat = 75
    # How long what we sent may stay unread before the connection is given up.
    unread_seconds_max: PositiveFloat = 30
    # 503 when a handler takes longer; a route may ask for more (`Route.seconds_max`).
    request_seconds_max: PositiveFloat = 60
    # How long requests that are being answered may go on once the process is told to stop.
    shutdown_seconds: PositiveFloat = 20
    backlog: PositiveInt = 512
    streams: StreamLimits = StreamLimits()
    rates: RateLimits = RateLimits()


LIMITS = web.AppKey("limits", HttpLimits)
