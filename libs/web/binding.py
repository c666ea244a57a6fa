"""Reads a handler's signature once, at start, and from then on turns requests into its arguments."""

import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

import msgspec
from aiohttp import web
from pydantic import BaseModel, TypeAdapter, ValidationError

from libs.web.auth import Caller
from libs.web.limits import LIMITS
from libs.web.preconditions import Conditions
from libs.web.problems import BodyInvalid, BodyUnreadable, MediaTypeUnsupported, ParameterInvalid, TooLarge, TooSlow
from libs.web.routing import Handler, Route

# How pydantic names the breaking of a rule, as opposed to something that cannot be read at all.
CONSTRAINTS = frozenset(
    {
        "assertion_error",
        "date_future",
        "date_past",
        "datetime_future",
        "datetime_past",
        "decimal_max_digits",
        "decimal_max_places",
        "decimal_whole_digits",
        "finite_number",
        "greater_than",
        "greater_than_equal",
        "less_than",
        "less_than_equal",
        "multiple_of",
        "string_pattern_mismatch",
        "string_too_long",
        "string_too_short",
        "too_long",
        "too_short",
        "value_error",
    },
)
STRUCT_CONSTRAINT = re.compile(r"(of length|matching regex|[<>]=? ?-?\d|multiple of)")
JSON_TYPE = re.compile(r"application/(?:[\w.+-]+\+)?json(?:\s*;\s*charset=\"?utf-?8\"?)?\s*;?", re.IGNORECASE)
PATH_NAME = re.compile(r"{(\w+)(?::[^{}]*(?:{[^{}]*}[^{}]*)*)?}")
ERRORS_SHOWN_MAX = 10

Getter = Callable[[web.Request, Caller | None], object]
Decode = Callable[[bytes], object]
Call = Callable[[web.Request, Caller | None], Awaitable[object]]


class SignatureUnclear(TypeError):
    """A handler asks for something that a request does not have."""


@dataclass(frozen=True)
class Signature:
    """What a handler asks for and answers, by annotation; the OpenAPI document is made from it too."""

    path: Mapping[str, tuple[str, Any]]
    query: type[BaseModel] | None
    body: Any
    body_required: bool
    answer: Any
    names: tuple[str, ...]


def signature_of(route: Route) -> Signature:
    """Read the signature of a route's handler."""
    read = inspect.signature(route.handler, eval_str=True)
    in_path = {snake(name): name for name in PATH_NAME.findall(route.path)}
    parameters = read.parameters
    unknown = set(parameters) - set(in_path) - {"body", "query", "caller", "conditions", "request"}
    unread = set(in_path) - set(parameters)
    if unknown or (unread and "request" not in parameters):
        raise SignatureUnclear(f"{route.method} {route.path}: {sorted(unknown | unread)}")
    body = parameters.get("body")
    return Signature(
        path={name: (wire, parameters[name].annotation) for name, wire in in_path.items() if name in parameters},
        query=parameters["query"].annotation if "query" in parameters else None,
        body=None if body is None else body.annotation,
        body_required=body is not None and body.default is inspect.Parameter.empty,
        answer=read.return_annotation,
        names=tuple(parameters),
    )


def snake(name: str) -> str:
    """Name the parameter that takes `{locationId}`: `location_id`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def bound(handler: Handler, signature: Signature) -> Call:
    """Make the function that binds a request and calls the handler."""
    getters = [(name, _getter(name, signature)) for name in signature.names if name != "body"]
    if signature.body is None:

        async def call(request: web.Request, caller: Caller | None) -> object:
            return await handler(**{name: get(request, caller) for name, get in getters})

        return call

    decode = body_decoder(signature.body)
    required = signature.body_required

    async def call_with_body(request: web.Request, caller: Caller | None) -> object:
        arguments = {name: get(request, caller) for name, get in getters}
        raw = await _raw_body(request)
        if raw:
            arguments["body"] = decode(raw)
        elif required:
            raise BodyUnreadable("body: a JSON body is required")
        return await handler(**arguments)

    return call_with_body


def _getter(name: str, signature: Signature) -> Getter:
    match name:
        case "request":
            return lambda request, _: request
        case "caller":
            return lambda _, caller: caller
        case "conditions":
            return lambda request, _: Conditions.of(request.headers).readable()
        case "query":
            assert signature.query is not None
            return _query_getter(signature.query)
        case _:
            return _path_getter(*signature.path[name])


def _path_getter(name: str, annotation: Any) -> Getter:
    validate = TypeAdapter(annotation).validate_python

    def get(request: web.Request, _: Caller | None) -> object:
        text = request.match_info[name]
        if "\x00" in text:
            raise ParameterInvalid(f"{name}: must not contain a NUL character")
        try:
            return validate(text)
        except ValidationError as invalid:
            raise ParameterInvalid(_told(invalid, name)) from None

    return get


def _query_getter(model: type[BaseModel]) -> Getter:
    many = frozenset(
        field.validation_alias if isinstance(field.validation_alias, str) else field.alias or name
        for name, field in model.model_fields.items()
        if _takes_many(field.annotation)
    )

    try:
        nothing = model.model_validate({}) if model.model_config.get("frozen") else None
    except ValidationError:
        nothing = None

    def get(request: web.Request, _: Caller | None) -> object:
        if nothing is not None and not request.query_string:
            return nothing
        query = request.query
        given = {key: query.getall(key) if key in many else query[key] for key in query}
        if any("\x00" in text for text in query.values()):
            raise ParameterInvalid("query: must not contain a NUL character")
        try:
            return model.model_validate(given)
        except ValidationError as invalid:
            raise ParameterInvalid(_told(invalid, "query")) from None

    return get


def _takes_many(annotation: Any) -> bool:
    origin = get_origin(annotation)
    return origin in {list, set, tuple, frozenset} or any(_takes_many(part) for part in get_args(annotation))


async def _raw_body(request: web.Request) -> bytes:
    if not request.body_exists:
        return b""
    seconds_max = request.app[LIMITS].body_seconds_max
    try:
        async with asyncio.timeout(seconds_max):
            raw = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise TooLarge("body: larger than this service takes") from None
    except web.RequestPayloadError:
        raise BodyUnreadable("body: broken off, or not encoded as announced") from None
    except TimeoutError:
        raise TooSlow(f"body: not complete after {seconds_max:g} seconds") from None
    if raw:
        kind = request.headers.get("Content-Type")
        if kind != "application/json" and (kind is None or not JSON_TYPE.fullmatch(kind.strip())):
            raise MediaTypeUnsupported("Content-Type must be application/json in UTF-8")
    return raw


def body_decoder(annotation: Any) -> Decode:
    """Make the decoder of a body: msgspec for its structs (bulk doors), pydantic for everything else."""
    return _struct_decoder(annotation) if holds_struct(annotation) else _model_decoder(annotation)


def holds_struct(annotation: Any) -> bool:
    """Tell whether msgspec is meant: by a struct, or by a constraint written for it."""
    return (
        isinstance(annotation, msgspec.Meta)
        or (isinstance(annotation, type) and issubclass(annotation, msgspec.Struct))
        or any(holds_struct(part) for part in get_args(annotation))
    )


def _model_decoder(annotation: Any) -> Decode:
    validate = TypeAdapter(annotation).validate_json

    def decode(raw: bytes) -> object:
        _refuse_nul(raw)
        try:
            return validate(raw)
        except ValidationError as invalid:
            unreadable = any(error["type"] not in CONSTRAINTS for error in invalid.errors(include_input=False))
            raise (BodyUnreadable if unreadable else BodyInvalid)(_told(invalid, "body")) from None

    return decode


def _struct_decoder(annotation: Any) -> Decode:
    read = msgspec.json.Decoder(annotation).decode

    def decode(raw: bytes) -> object:
        _refuse_nul(raw)
        try:
            return read(raw)
        except msgspec.ValidationError as invalid:
            kind = BodyInvalid if STRUCT_CONSTRAINT.search(str(invalid)) else BodyUnreadable
            raise kind(told_by_struct(str(invalid))) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as malformed:
            raise BodyUnreadable(f"body: {malformed}") from None

    return decode


def _refuse_nul(raw: bytes) -> None:
    # PostgreSQL cannot keep it in text. An escaped backslash before u0000 is refused too: nobody writes that.
    if b"\\u0000" in raw:
        raise BodyUnreadable("body: must not contain a NUL character")


def _told(invalid: ValidationError, whole: str) -> str:
    """Name each field and the rule it breaks; what cannot be read comes first."""
    errors = invalid.errors(include_url=False, include_context=False, include_input=False)
    errors.sort(key=lambda error: error["type"] in CONSTRAINTS)
    return "; ".join(f"{_place(error['loc'], whole)}: {_rule(error['msg'])}" for error in errors[:ERRORS_SHOWN_MAX])


def _place(location: tuple[int | str, ...], whole: str) -> str:
    return ".".join(str(step) for step in location) or whole


def _rule(message: str) -> str:
    message = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return message[:1].lower() + message[1:]


def told_by_struct(message: str) -> str:
    """Turn msgspec's sentence round: the field first, then the rule."""
    rule, _, place = message.partition(" - at ")
    field = place.strip("`").removeprefix("$").lstrip(".").replace("[", ".").replace("]", "").lstrip(".")
    return f"{field or 'body'}: {rule[:1].lower()}{rule[1:]}"
