"""The JSON schemas of every annotation in use, and an example of each."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from pydantic_core import core_schema

from libs.web import binding

MODEL_REF = "#/components/schemas/{model}"
STRUCT_REF = "#/components/schemas/{name}"
DEPTH_MAX = 6
FORMATS = {
    "uuid": "de91dfa7-821f-4552-a427-bf2f32eafeb0",
    "date": "2024-09-30",
    "date-time": "2024-09-30T10:15:30",
}.items()

Shape = tuple[Any, JsonSchemaMode]
Json = dict[str, Any]


class NoExample(Exception):
    """A schema that nobody can guess a value of, such as a pattern; its model says `examples`."""


class JsonSchemas(GenerateJsonSchema):
    """Says of a time that goes out only what holds of it: London's local times have no zone (design §6.9)."""

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> Json:
        """Describe a time."""
        if self.mode == "validation":
            return super().datetime_schema(schema)
        return {
            "type": "string",
            "description": "ISO 8601; London's local time where no zone is given",
            "examples": [dict(FORMATS)["date-time"]],
        }


class Shapes:
    """Names every schema once."""

    def __init__(self, shapes: Iterable[Shape]) -> None:
        shapes = tuple(shapes)
        self._models = [shape for shape in shapes if not binding.holds_struct(shape[0])]
        structs = [annotation for annotation, _ in shapes if binding.holds_struct(annotation)]
        described, self.components = msgspec.json.schema_components(structs, ref_template=STRUCT_REF)
        self._structs = list(zip(structs, described, strict=True))
        adapters = [
            (at, mode, TypeAdapter(annotation).core_schema) for at, (annotation, mode) in enumerate(self._models)
        ]
        self._by_place, definitions = JsonSchemas(by_alias=True, ref_template=MODEL_REF).generate_definitions(adapters)
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

    def resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Follow a reference."""
        while "$ref" in schema:
            schema = self.components[schema["$ref"].rsplit("/", 1)[1]]
        return schema

    def example(self, schema: Mapping[str, Any], depth: int = 0) -> Any:
        """Give a value that fits; NoExample where it cannot be worked out from the schema."""
        schema = self.resolved(schema)
        if depth > DEPTH_MAX:
            raise NoExample("too deep")
        match schema:
            case {"examples": [first, *_]} | {"const": first} | {"enum": [first, *_]}:
                return first
            case {"default": value} if value not in (None, [], {}):
                return value
            case {"anyOf": choices} | {"oneOf": choices} | {"allOf": [_] as choices}:
                return self.example(next(choice for choice in choices if choice.get("type") != "null"), depth)
            case {"type": "object"}:
                return self._example_object(schema, depth)
            case {"type": "array"}:
                return [self.example(schema.get("items", {}), depth + 1)] * max(1, schema.get("minItems", 1))
            case _:
                return _example_scalar(schema)

    def _example_object(self, schema: Mapping[str, Any], depth: int) -> Json:
        value: Json = {}
        for name, member in schema.get("properties", {}).items():
            try:
                value[name] = self.example(member, depth + 1)
            except NoExample:
                if name in schema.get("required", ()):
                    raise
        others = schema.get("additionalProperties")
        if not value and isinstance(others, Mapping):
            value[str(self.example({"type": "string", **schema.get("propertyNames", {})}, depth))] = self.example(
                others, depth + 1
            )
        return value


def _example_scalar(schema: Mapping[str, Any]) -> Any:
    kind, pattern, layout = schema.get("type"), schema.get("pattern"), schema.get("format")
    match kind:
        case "boolean":
            return True
        case "integer" | "number":
            above = schema.get("exclusiveMinimum")
            least = above + 1 if above is not None else schema.get("minimum", 1)
            return min(max(least, 1), schema.get("maximum", max(least, 1)))
        case "string" if pattern is None:
            text = dict(FORMATS).get(layout or "", "text")
            return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength", len(text) + 99)]
        case "null":
            return None
    raise NoExample(str(pattern or kind or "anything"))
