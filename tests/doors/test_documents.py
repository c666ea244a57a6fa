"""The document of every service is OpenAPI 3.1, its examples fit, and people can read it without a script."""

from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import Any

import aiohttp
import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.doors.services import SERVICES, Served

Document = dict[str, Any]


@pytest.fixture(params=SERVICES)
def served(house: Mapping[str, Served], request: pytest.FixtureRequest) -> Served:
    return house[request.param]


@pytest.fixture
async def document(served: Served) -> Document:
    async with aiohttp.ClientSession() as client, client.get(f"{served.url}/v3/api-docs") as answer:
        read: Document = await answer.json()
        return read


def operations(document: Document) -> Iterator[tuple[str, Document]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def examples(operation: Document) -> Iterator[tuple[str, Document, Any]]:
    """Give (where, schema, example) for each that the operation shows."""
    for parameter in operation["parameters"]:
        if "example" in parameter:
            yield parameter["name"], parameter["schema"], parameter["example"]
    bodies = {"body": operation.get("requestBody", {})} | operation["responses"]
    for where, body in bodies.items():
        for media in body.get("content", {}).values():
            shown = [each["value"] for each in media.get("examples", {}).values()]
            shown += [media["example"]] if "example" in media else []
            yield from ((where, media["schema"], each) for each in shown)


async def test_the_document_is_valid(document: Document) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


async def test_every_example_fits_its_schema(document: Document) -> None:
    wrong = []
    for name, operation in operations(document):
        for where, schema, example in examples(operation):
            checked = OAS31Validator({**schema, "components": document["components"]})
            wrong += [f"{name} {where}: {error.message}" for error in checked.iter_errors(example)]
    assert wrong == []


async def test_every_body_and_parameter_is_shown_by_an_example(document: Document) -> None:
    without = []
    for name, operation in operations(document):
        # What a pattern means its own model must show; the page has the pattern at least.
        shown = (each for each in operation["parameters"] if "pattern" not in each["schema"])
        without += [f"{name} {each['name']}" for each in shown if "example" not in each]
        bodies = operation.get("requestBody", {"content": {}})["content"]
        without += [f"{name} body" for media in bodies.values() if "example" not in media]
    assert without == []


async def test_every_operation_says_who_may_what_it_does_and_how_it_fails(document: Document) -> None:
    for name, operation in operations(document):
        assert operation["security"][0]["bearer"], name
        assert operation["summary"], name
        assert {"401", "403", "500", "503"} <= set(operation["responses"]), name
        refusals = [answer for status, answer in operation["responses"].items() if status >= "400" and status != "401"]
        assert all(answer["content"]["application/problem+json"]["examples"] for answer in refusals), name


class Reader(HTMLParser):
    """What a browser would load or run, and where links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.ids: set[str] = set()
        self.links: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.tags.add(tag)
        self.ids.add(named.get("id") or "")
        self.links.add(named.get("href") or named.get("src") or "")


@pytest.mark.parametrize("path", ["/swagger-ui", "/swagger-ui/", "/swagger-ui/index.html"])
async def test_the_page_has_every_operation_and_needs_nothing_else(
    served: Served, document: Document, path: str
) -> None:
    async with aiohttp.ClientSession() as client, client.get(served.url + path) as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
        assert "script-src" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
        reader = Reader()
        reader.feed(await answer.text())
    assert {operation["operationId"] for _, operation in operations(document)} <= reader.ids
    assert not reader.tags & {"script", "img", "iframe", "link", "object", "form"}
    inside = {link.removeprefix("#") for link in reader.links if link.startswith("#")}
    assert inside <= reader.ids
    assert {link for link in reader.links if link and not link.startswith("#")} == {"/v3/api-docs"}
