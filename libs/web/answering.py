"""From what a handler returned to bytes; nothing is validated again on its way out."""

from collections.abc import Callable
from typing import Any, get_args, get_origin

import msgspec
import orjson
from aiohttp import web
from pydantic import BaseModel, TypeAdapter

from libs.web.binding import holds_struct
from libs.web.preconditions import coded, if_none_match, opaque
from libs.web.routing import JsonBytes, Reply

JSON = "application/json"
# What a 304 repeats of the answer it stands for (RFC 9110 §15.4.5).
REPEATED = ("Cache-Control", "Content-Location")
Encode = Callable[[Any], bytes]
OPTIONS = orjson.OPT_NON_STR_KEYS


def encoder(annotation: Any, *, omit_none: bool) -> Encode:
    """Choose the encoder for what a handler's return annotation promises."""
    promised = answered(annotation)
    if holds_struct(promised):
        return msgspec.json.Encoder().encode
    if _holds_model(promised):
        adapter: TypeAdapter[Any] = TypeAdapter(promised)
        return lambda value: adapter.dump_json(value, by_alias=True, exclude_none=omit_none, warnings="none")

    def default(value: Any) -> Any:
        if isinstance(value, BaseModel):
            return value.model_dump(mode="json", by_alias=True, exclude_none=omit_none)
        if isinstance(value, frozenset | set):
            return sorted(value)
        return str(value)

    return lambda value: orjson.dumps(value, default, OPTIONS)


def answered(annotation: Any) -> Any:
    """Look inside `Reply[…]`."""
    if get_origin(annotation) is Reply:
        return get_args(annotation)[0]
    return annotation


def _holds_model(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return True
    parts = get_args(annotation)
    # A union with a plain response or dict is left to the look at the value itself.
    return (
        bool(parts)
        and all(_holds_model(part) or part in {type(None), str, int} for part in parts)
        and any(_holds_model(part) for part in parts)
    )


def respond(value: object, status: int, encode: Encode) -> web.StreamResponse:
    """Make the response."""
    if isinstance(value, web.StreamResponse):
        return value
    headers: dict[str, str] = {}
    if isinstance(value, Reply):
        headers.update(value.headers)
        status = value.status or status
        value = value.value
    if value is None:
        return web.Response(status=status, headers=headers)
    headers.setdefault("Content-Type", JSON)
    body = value if isinstance(value, JsonBytes) else encode(value)
    return web.Response(body=body, status=status, headers=headers)


def unless_known(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Answer 304 instead, if the request names the version that the response carries."""
    known = request.headers.get("If-None-Match")
    if known is None or response.status != 200 or request.method not in {"GET", "HEAD"}:  # noqa: PLR2004 - HTTP's own
        return response
    tag = response.headers.get("ETag")
    known_tags = if_none_match(known) if tag is not None else None
    if tag is None or known_tags is None or not known_tags.names(opaque(tag)):
        return response
    headers = {name: response.headers[name] for name in REPEATED if name in response.headers}
    tagged = coded(tag) if coded(tag) in known else tag
    return web.Response(status=304, headers={**headers, "ETag": tagged, "Vary": "Accept-Encoding"})
