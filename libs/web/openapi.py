"""The OpenAPI 3.1 document, made from the same routes and models that answer the requests."""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, get_args

from aiohttp import web

from libs.web import binding
from libs.web.answering import answered
from libs.web.events import EVENT_STREAM
from libs.web.problems import (
    CONTENT_TYPE,
    UNEXPECTED,
    AccessDenied,
    BodyInvalid,
    BodyUnreadable,
    MediaTypeUnsupported,
    ParameterInvalid,
    PreconditionFailed,
    Problem,
    ProblemWriter,
    Refusal,
    SignInUnreachable,
    TookTooLong,
    TooLarge,
    TooManyRequests,
    TooManyStreams,
    TooSlow,
    Trouble,
)
from libs.web.routing import Events, JsonBytes, Route
from libs.web.shapes import Json, NoExample, Shape, Shapes

JSON = "application/json"
NOT_A_NAME = re.compile(r"[^A-Za-z0-9]+")
PROBLEM_REF = MappingProxyType({"$ref": "#/components/schemas/Problem"})
ABOUT = (
    "Every operation but health, info and these pages takes a bearer token of the sign-in server and asks for one of"
    " the roles it names. Errors are `application/problem+json` with the members that HMPPS clients read"
    " (`status`, `userMessage`, `developerMessage`, `errorCode`)."
)
# One event of a stream; 3.1 has no words for the stream itself.
EVENT = MappingProxyType(
    {
        "type": "object",
        "description": "One event; `data` is JSON, `id` goes into `Last-Event-ID` when the stream is asked for again.",
        "required": ["data"],
        "properties": {name: {"type": "string"} for name in ("data", "event", "id")},
    }
)
TAG = MappingProxyType({"type": "string", "examples": ['"7"']})


def document(service: str, routes: Sequence[Route], writer: ProblemWriter, version: str = "1") -> Json:
    """Describe the routes."""
    signatures = [(route, binding.signature_of(route)) for route in routes]
    shapes = Shapes([shape for route, signature in signatures for shape in _shapes(route, signature)])
    describer = Describer(shapes, writer)
    paths: dict[str, Json] = {}
    for route, signature in signatures:
        template = binding.PATH_NAME.sub(r"{\1}", route.path)
        paths.setdefault(template, {})[route.method.lower()] = describer.operation(route, signature)
    return {
        "openapi": "3.1.0",
        "info": {"title": service, "version": version, "description": ABOUT},
        "tags": [{"name": name} for name in sorted({tag for route in routes for tag in _tags(route)})],
        "paths": paths,
        "components": {
            "schemas": {**shapes.components, "Problem": _problem_schema()},
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A token of the sign-in server; operations list the roles of which one is enough.",
                }
            },
        },
    }


class Describer:
    """Describes one operation after the other over the same schemas and the same table of problems."""

    def __init__(self, shapes: Shapes, writer: ProblemWriter) -> None:
        self._shapes = shapes
        self._writer = writer

    def operation(self, route: Route, signature: binding.Signature) -> Json:
        """Describe one method on one path."""
        summary, description = _told(route)
        operation: Json = {
            "operationId": _slug(route),
            "summary": summary,
            "tags": list(_tags(route)),
            "parameters": [*self._path(signature), *self._query(signature), *_headers(route, signature)],
            "responses": {**self._successes(route, signature), **self._failures(route, signature)},
        }
        if not route.needs.is_open:
            operation["security"] = [{"bearer": sorted(route.needs.roles)}]
        if route.needs.scope:
            description = f"{description}\n\nNeeds the scope `{route.needs.scope}` as well.".strip()
        if description:
            operation["description"] = description
        if route.deprecated:
            operation["deprecated"] = True
        if signature.body is not None:
            media = self._media(self._shapes.of(signature.body, "validation"))
            operation["requestBody"] = {"required": signature.body_required, "content": {JSON: media}}
        return operation

    def _media(self, schema: Json) -> Json:
        try:
            return {"schema": schema, "example": self._shapes.example(schema)}
        except NoExample:
            return {"schema": schema}

    def _path(self, signature: binding.Signature) -> Iterator[Json]:
        for name, annotation in signature.path.values():
            schema = self._shapes.of(annotation, "validation")
            yield self._parameter(name, "path", schema, required=True)

    def _query(self, signature: binding.Signature) -> Iterator[Json]:
        if signature.query is None:
            return
        model = self._shapes.resolved(self._shapes.of(signature.query, "validation"))
        for name, described in model.get("properties", {}).items():
            yield self._parameter(name, "query", _without_null(described), required=name in model.get("required", ()))

    def _parameter(self, name: str, place: str, schema: Json, *, required: bool) -> Json:
        parameter = {"name": name, "in": place, "required": required, "schema": schema}
        try:
            parameter["example"] = self._shapes.example(schema)
        except NoExample:
            return parameter
        return parameter

    def _successes(self, route: Route, signature: binding.Signature) -> Json:
        promised = _promised(route, signature)
        headers = {"headers": {"ETag": {"description": "The version", "schema": dict(TAG)}}} if route.tagged else {}
        answers: Json = {}
        for status in (route.status, *route.also):
            answer = {"description": "Created" if status == 201 else "Done", **headers}  # noqa: PLR2004 - HTTP's own
            if answered(signature.answer) is Events:
                answer["content"] = {EVENT_STREAM: {"schema": dict(EVENT)}}
            elif promised is not None and status != 204:  # noqa: PLR2004 - HTTP's own number
                answer["content"] = {JSON: self._media(self._shapes.of(promised, "serialization"))}
            answers[str(status)] = answer
        if route.tagged and route.method == "GET":
            answers["304"] = {"description": "You have this version already", **headers}
        return answers

    def _failures(self, route: Route, signature: binding.Signature) -> Json:
        by_status: dict[int, list[tuple[Problem, type[Exception]]]] = {}
        for kind in _kinds(route, signature):
            problem = self._writer.problem(kind)
            if problem is not None:
                by_status.setdefault(problem.status, []).append((problem, kind))
        answers = {str(status): self._failure(by_status[status]) for status in sorted(by_status)}
        if not route.needs.is_open:
            challenge = {"WWW-Authenticate": {"description": "Why", "schema": {"type": "string"}}}
            answers["401"] = {"description": "No token, or not an acceptable one", "headers": challenge}
        answers["500"] = self._failure([(UNEXPECTED, Refusal)])
        return answers

    def _failure(self, found: Sequence[tuple[Problem, type[Exception]]]) -> Json:
        examples = {problem.title: {"value": self._body(problem, kind)} for problem, kind in found}
        content = {CONTENT_TYPE: {"schema": dict(PROBLEM_REF), "examples": examples}}
        return {"description": "; ".join(examples), "content": content}

    def _body(self, problem: Problem, kind: type[Exception]) -> Json:
        error = kind(problem.title) if issubclass(kind, Refusal) else Exception(problem.title)
        return self._writer.style(Trouble(problem, error, problem.title, "/the/path"))


def _kinds(route: Route, signature: binding.Signature) -> list[type[Exception]]:
    """List what can go wrong at a door, by what it asks for and what it says of itself."""
    kinds: list[type[Exception]] = [*route.problems]
    if signature.body is not None:
        kinds += [BodyUnreadable, BodyInvalid, MediaTypeUnsupported, TooLarge, TooSlow]
    if signature.query is not None or signature.path:
        kinds.append(ParameterInvalid)
    if "conditions" in signature.names:
        kinds += [ParameterInvalid, PreconditionFailed]
    if route.tagged:
        kinds.append(ParameterInvalid)
    if answered(signature.answer) is Events:
        kinds.append(TooManyStreams)
    if not route.needs.is_open:
        kinds += [AccessDenied, TooManyRequests, SignInUnreachable, TookTooLong]
    return list(dict.fromkeys(kinds))


def _shapes(route: Route, signature: binding.Signature) -> Iterable[Shape]:
    if signature.body is not None:
        yield signature.body, "validation"
    if signature.query is not None:
        yield signature.query, "validation"
    for _, annotation in signature.path.values():
        yield annotation, "validation"
    promised = _promised(route, signature)
    if promised is not None:
        yield promised, "serialization"


def _promised(route: Route, signature: binding.Signature) -> Any:
    """Give the annotation of the answer, or None when there is no body or it cannot be known."""
    promised = route.answers if route.answers is not None else answered(signature.answer)
    parts = (promised, *get_args(promised))
    unknowable = (web.StreamResponse, JsonBytes, Events)
    if promised is inspect.Signature.empty or any(
        isinstance(part, type) and issubclass(part, unknowable) for part in parts
    ):
        return None
    return None if promised is type(None) else promised


def _headers(route: Route, signature: binding.Signature) -> Iterator[Json]:
    if "conditions" in signature.names:
        yield _condition("If-Match", "Write only if this is still the version; without it the last write wins.")
    if "conditions" in signature.names or (route.tagged and route.method == "GET"):
        yield _condition("If-None-Match", "Leave it, if this is the version (`*`: if there is one).")


def _condition(name: str, description: str) -> Json:
    schema = {"type": "string", "pattern": r'^(\*|(W/)?"[!#-~]*"(, (W/)?"[!#-~]*")*)$'}
    return {"name": name, "in": "header", "required": False, "description": description, "schema": schema} | {
        "example": '"7"'
    }


def _told(route: Route) -> tuple[str, str]:
    """Give summary and description: the handler's docstring, unless the route has words of its own."""
    lines = inspect.cleandoc(route.handler.__doc__ or "").split("\n\n", 1)
    first = " ".join(lines[0].split()).removesuffix(".")
    summary = route.summary or first or route.handler.__name__.replace("_", " ")
    return summary, lines[1] if len(lines) > 1 else ""


def _tags(route: Route) -> Sequence[str]:
    if route.tags:
        return route.tags
    steps = [step for step in route.path.split("/") if step and not step.startswith("{")]
    return (steps[0] if steps else "root",)


def _slug(route: Route) -> str:
    path = NOT_A_NAME.sub("_", binding.PATH_NAME.sub(r"by_\1", route.path)).strip("_")
    return f"{route.method.lower()}_{path}"


def _without_null(schema: Mapping[str, Any]) -> Json:
    """Drop what an absent parameter is inside: no query says null."""
    kept = {name: value for name, value in schema.items() if not (name == "default" and value is None)}
    choices = [choice for choice in kept.get("anyOf", ()) if choice.get("type") != "null"]
    if len(choices) == 1:
        del kept["anyOf"]
        return {**choices[0], **kept}
    return {**kept, "anyOf": choices} if choices else kept


def _problem_schema() -> Json:
    texts = ("userMessage", "developerMessage", "type", "title", "detail", "instance")
    return {
        "type": "object",
        "required": ["status"],
        "properties": {
            "status": {"type": ["integer", "string"]},
            "errorCode": {"type": ["integer", "null"]},
            "moreInfo": {},
            **{name: {"type": ["string", "null"]} for name in texts},
        },
    }
