"""The OpenAPI 3.1 document, made from the same routes and models that answer the requests."""

import inspect
from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import Any, get_args

import msgspec
from aiohttp import web
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from libs.web import binding
from libs.web.answering import answered
from libs.web.problems import (
    CONTENT_TYPE,
    AccessDenied,
    BodyInvalid,
    BodyUnreadable,
    MediaTypeUnsupported,
    ParameterInvalid,
    ProblemWriter,
    TooLarge,
)
from libs.web.routing import Events, JsonBytes, Route

MODEL_REF = "#/components/schemas/{model}"
STRUCT_REF = "#/components/schemas/{name}"
PROBLEM_REF = MappingProxyType({"$ref": "#/components/schemas/Problem"})

Shape = tuple[Any, JsonSchemaMode]
Json = dict[str, Any]


class Shapes:
    """The JSON schemas of every annotation in use, named once."""

    def __init__(self, shapes: Iterable[Shape]) -> None:
        self._models = [shape for shape in shapes if not binding.holds_struct(shape[0])]
        structs = [annotation for annotation, _ in shapes if binding.holds_struct(annotation)]
        described, self.components = msgspec.json.schema_components(structs, ref_template=STRUCT_REF)
        self._structs = list(zip(structs, described, strict=True))
        adapters = [
            (at, mode, TypeAdapter(annotation).core_schema) for at, (annotation, mode) in enumerate(self._models)
        ]
        self._by_place, definitions = GenerateJsonSchema(by_alias=True, ref_template=MODEL_REF).generate_definitions(
            adapters
        )
        self.components |= {str(name): schema for name, schema in definitions.items()}

    def of(self, annotation: Any, mode: JsonSchemaMode) -> Json:
        """Give the schema of one annotation."""
        for struct, schema in self._structs:
            if struct is annotation:
                return dict(schema)
        for at, shape in enumerate(self._models):
            if shape[0] is annotation and shape[1] == mode:
                return dict(self._by_place[(at, mode)])
        raise LookupError(annotation)


def document(service: str, routes: Sequence[Route], writer: ProblemWriter, version: str = "1") -> Json:
    """Describe the routes."""
    signatures = [(route, binding.signature_of(route)) for route in routes]
    shapes = Shapes([shape for route, signature in signatures for shape in _shapes(route, signature)])
    paths: dict[str, Json] = {}
    for route, signature in signatures:
        template = binding.PATH_NAME.sub(r"{\1}", route.path)
        paths.setdefault(template, {})[route.method.lower()] = _operation(route, signature, shapes, writer)
    return {
        "openapi": "3.1.0",
        "info": {"title": service, "version": version},
        "paths": paths,
        "components": {
            "schemas": {**shapes.components, "Problem": _problem_schema()},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


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


def _operation(route: Route, signature: binding.Signature, shapes: Shapes, writer: ProblemWriter) -> Json:
    operation: Json = {
        "operationId": f"{route.method.lower()}:{route.path}",
        "summary": route.summary or route.handler.__name__.replace("_", " "),
        "parameters": [*_path_parameters(signature, shapes), *_query_parameters(signature, shapes)],
        "responses": {str(route.status): _success(route, signature, shapes), **_failures(route, signature, writer)},
    }
    if not route.needs.is_open:
        operation["security"] = [{"bearer": sorted(route.needs.roles)}]
    if route.needs.scope:
        operation["description"] = f"Needs the scope `{route.needs.scope}` as well."
    if route.tags:
        operation["tags"] = list(route.tags)
    if route.deprecated:
        operation["deprecated"] = True
    if signature.body is not None:
        content = {"application/json": {"schema": shapes.of(signature.body, "validation")}}
        operation["requestBody"] = {"required": signature.body_required, "content": content}
    return operation


def _path_parameters(signature: binding.Signature, shapes: Shapes) -> Iterable[Json]:
    for name, annotation in signature.path.values():
        yield {"name": name, "in": "path", "required": True, "schema": shapes.of(annotation, "validation")}


def _query_parameters(signature: binding.Signature, shapes: Shapes) -> Iterable[Json]:
    if signature.query is None:
        return
    schema = shapes.of(signature.query, "validation")
    model: Json = shapes.components[schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema
    for name, described in model.get("properties", {}).items():
        yield {"name": name, "in": "query", "required": name in model.get("required", ()), "schema": described}


def _success(route: Route, signature: binding.Signature, shapes: Shapes) -> Json:
    promised = _promised(route, signature)
    if promised is None:
        return {"description": "Done"}
    return {
        "description": "Done",
        "content": {"application/json": {"schema": shapes.of(promised, "serialization")}},
    }


def _failures(route: Route, signature: binding.Signature, writer: ProblemWriter) -> Json:
    kinds: list[type[Exception]] = [*route.problems]
    if signature.body is not None:
        kinds += [BodyUnreadable, BodyInvalid, MediaTypeUnsupported, TooLarge]
    if signature.query is not None or signature.path:
        kinds.append(ParameterInvalid)
    if not route.needs.is_open:
        kinds.append(AccessDenied)
    found = [problem for kind in kinds if (problem := writer.problem(kind)) is not None]
    answers: Json = {
        str(problem.status): {
            "description": problem.title,
            "content": {CONTENT_TYPE: {"schema": dict(PROBLEM_REF)}},
        }
        for problem in sorted(found, key=lambda problem: problem.status)
    }
    if not route.needs.is_open:
        answers["401"] = {"description": "No token, or not an acceptable one"}
    return answers


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
