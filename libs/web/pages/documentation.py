"""The OpenAPI document for programs at `/v3/api-docs`, and for people at `/swagger-ui`.

The page is the document, written out by the server: it needs no script, no other host and no token, and a browser
runs nothing that a description might smuggle in (everything is escaped, and the policy allows one style sheet).
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import orjson
from aiohttp import web
from jinja2 import Environment, PackageLoader, Undefined

from libs.web.routing import OPEN, JsonBytes, Route

METHODS = ("get", "post", "put", "patch", "delete")
Json = Mapping[str, Any]


def documentation_routes(document: Json) -> tuple[Route, ...]:
    """Make the open doors of the documentation; the page is written when it is first asked for."""
    encoded = JsonBytes(orjson.dumps(document))
    pages: list[str] = []

    async def api_docs() -> JsonBytes:
        """Show this document."""
        return encoded

    async def page() -> web.StreamResponse:
        """Show this document to people."""
        if not pages:
            pages.append(rendered(document))
        return web.Response(text=pages[0], content_type="text/html", headers=_headers())

    return (
        Route("GET", "/v3/api-docs", api_docs, OPEN),
        Route("GET", "/swagger-ui", page, OPEN, slash=True),
        Route("GET", "/swagger-ui/index.html", page, OPEN),
    )


def rendered(document: Json) -> str:
    """Write the page."""
    template = _environment().get_template("documentation.html")
    return template.render(
        document=document,
        groups=_groups(document),
        schemas=document["components"]["schemas"],
        style=_style(),
    )


def _groups(document: Json) -> dict[str, list[dict[str, Any]]]:
    """Sort the operations under their first tag."""
    groups: dict[str, list[dict[str, Any]]] = {tag["name"]: [] for tag in document["tags"]}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                operation = {"path": path, "method": method.upper(), **item[method]}
                groups[operation["tags"][0]].append(operation)
    return {name: operations for name, operations in groups.items() if operations}


def kind(schema: Json) -> Iterator[tuple[str, str]]:
    """Say what a schema takes, as pieces of text, each with the name of the schema it links to, or nothing."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        yield name, name
        return
    choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf") or ()
    for number, choice in enumerate(choices):
        if number:
            yield " or ", ""
        yield from kind(choice)
    if choices:
        return
    if schema.get("type") == "array":
        yield "list of ", ""
        yield from kind(schema.get("items", {}))
    elif isinstance(schema.get("additionalProperties"), Mapping):
        yield "map of ", ""
        yield from kind(schema["additionalProperties"])
    else:
        yield _plain(schema), ""


def _plain(schema: Json) -> str:
    named = schema.get("type", "anything")
    words = [" or ".join(named) if isinstance(named, list) else str(named)]
    words += [str(schema[name]) for name in ("format",) if name in schema]
    if "enum" in schema:
        words.append("one of " + ", ".join(str(value) for value in schema["enum"]))
    if "const" in schema:
        words.append(f"always {schema['const']}")
    words += [f"{rule} {schema[rule]}" for rule in RULES if rule in schema]
    return ", ".join(words)


RULES = (
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "minItems",
    "maxItems",
    "default",
)


def _example(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("libs.web", "pages"),
        autoescape=True,
        undefined=Undefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kind"] = lambda schema: list(kind(schema))
    environment.filters["example"] = _example
    return environment


@cache
def _style() -> str:
    return (files("libs.web.pages") / "documentation.css").read_text("utf-8")


def _headers() -> dict[str, str]:
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return {
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none';"
            " frame-ancestors 'none'"
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }
