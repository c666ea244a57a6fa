"""Sends large answers compressed to whoever takes them so."""

import asyncio
import re
import zlib
from functools import lru_cache

from aiohttp import web

from libs.web.preconditions import coded

# Below this the answer fits a packet or two, and compressing it saves nothing.
BYTES_MIN = 1400
# Above this it would hold up everybody else on the loop; zlib lets go of the interpreter lock meanwhile.
BYTES_INLINE_MAX = 64 * 1024
LEVEL = 1
GZIP_WINDOW = 16 + zlib.MAX_WBITS
WEIGHT = re.compile(r"\s*;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*", re.IGNORECASE)


async def compress(request: web.Request, response: web.StreamResponse) -> None:
    """Compress the body in place where it is large and the caller takes gzip; caches are told that it depends."""
    if not isinstance(response, web.Response):
        return
    body = response.body
    if not isinstance(body, bytes) or len(body) < BYTES_MIN or "Content-Encoding" in response.headers:
        return
    response.headers.add("Vary", "Accept-Encoding")
    if not takes_gzip(request.headers.get("Accept-Encoding", "")):
        return
    inline = len(body) <= BYTES_INLINE_MAX
    response.body = _gzip(body) if inline else await asyncio.to_thread(_gzip, body)
    response.headers["Content-Encoding"] = "gzip"
    if "ETag" in response.headers:
        response.headers["ETag"] = coded(response.headers["ETag"])


@lru_cache(maxsize=256)
def takes_gzip(header: str) -> bool:
    """Read an Accept-Encoding header (RFC 9110 §12.5.3); nothing said means not compressed."""
    weights: dict[str, float] = {}
    for part in header.lower().split(","):
        name, _, weight = part.partition(";")
        read = WEIGHT.fullmatch(f";{weight}") if weight else None
        weights[name.strip()] = float(read[1]) if read else (0.0 if weight else 1.0)
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def _gzip(body: bytes) -> bytes:
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP_WINDOW)
    return packer.compress(body) + packer.flush()
