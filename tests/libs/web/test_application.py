"""The kit as a client sees it."""

from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Annotated
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from structlog.testing import capture_logs
from yarl import URL

from infra.local.ports import free_port
from libs.web.application import application
from libs.web.auth import AuthSettings, Caller
from libs.web.health import Health
from libs.web.limits import HttpLimits
from libs.web.problems import Problem
from libs.web.routing import Needs, Reply, Route
from tests.conftest import Auth, MakeToken

Client = TestClient[web.Request, web.Application]


class Colour(StrEnum):
    RED = "RED"
    BLUE = "BLUE"


class Room(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)

    room_code: Annotated[str, Field(max_length=3, pattern="[A-Z]+")]
    colour: Colour = Colour.RED
    seats: Annotated[int, Field(ge=1, le=9)] = 1
    note: str | None = None


class Paging(BaseModel):
    page: Annotated[int, Field(ge=0)] = 0
    colours: Annotated[list[Colour], Field(alias="colour")] = []


class Line(msgspec.Struct, rename="camel"):
    line_no: Annotated[int, msgspec.Meta(ge=1)]


class RoomTaken(Exception):
    pass


class Rooms:
    async def read(self, room_id: UUID, caller: Caller) -> Room:
        if room_id.int == 0:
            raise RoomTaken(f"{room_id} is taken by {caller.username}")
        return Room(room_code="ABC")

    async def make(self, body: Room) -> Reply[Room]:
        return Reply(body, headers={"ETag": '"1"'})

    async def page(self, query: Paging) -> list[Room]:
        return [Room(room_code="A", colour=colour) for colour in query.colours]

    async def lines(self, body: list[Line]) -> list[Line]:
        return body

    async def forget(self, room_id: UUID) -> None:
        assert room_id.version == 4

    async def break_down(self) -> None:
        raise RuntimeError("secret sauce")

    async def look_up(self) -> None:
        await asyncpg.connect(host="127.0.0.1", port=free_port(), user="nobody", database="none")


READ = Needs.role("ROLE_READ")
WRITE = Needs.role("ROLE_WRITE", scope="write")


@pytest.fixture(scope="module")
async def client(auth: Auth) -> AsyncIterator[Client]:
    rooms = Rooms()
    app = application(
        service="rooms",
        routes=[
            Route("GET", "/rooms/{room_id}", rooms.read, READ, problems=[RoomTaken]),
            Route("POST", "/rooms", rooms.make, WRITE, status=201),
            Route("GET", "/rooms", rooms.page, READ),
            Route("POST", "/lines", rooms.lines, WRITE),
            Route("DELETE", "/rooms/{room_id}", rooms.forget, WRITE, status=204),
            Route("GET", "/broken", rooms.break_down, READ),
            Route("GET", "/away", rooms.look_up, READ),
        ],
        problems={RoomTaken: Problem(409, "Room taken", 1409, "Conflict: ")},
        auth=AuthSettings(jwks_url=auth.jwks_url, issuer=auth.issuer),
        health=Health(),
        limits=HttpLimits(body_bytes_max=10_000),
    )
    async with TestClient(TestServer(app)) as opened:
        yield opened


@pytest.fixture
def reader(token: MakeToken) -> dict[str, str]:
    return {"Authorization": f"Bearer {token({'ROLE_READ'}, username='ANN')}"}


@pytest.fixture
def writer(token: MakeToken) -> dict[str, str]:
    return {"Authorization": f"Bearer {token({'ROLE_WRITE'})}"}


async def test_a_model_goes_out_in_camel_case_without_nulls(client: Client, reader: dict[str, str]) -> None:
    answer = await client.get(f"/rooms/{uuid4()}", headers=reader)
    assert answer.status == 200
    assert await answer.json() == {"roomCode": "ABC", "colour": "RED", "seats": 1}


async def test_a_domain_error_becomes_the_body_of_the_table(client: Client, reader: dict[str, str]) -> None:
    answer = await client.get(f"/rooms/{UUID(int=0)}", headers=reader)
    assert answer.status == 409
    assert answer.content_type == "application/problem+json"
    text = f"{UUID(int=0)} is taken by ANN"
    assert await answer.json() == {
        "status": 409,
        "errorCode": 1409,
        "userMessage": f"Conflict: {text}",
        "developerMessage": text,
        "type": "urn:problem-type:room-taken",
        "title": "Room taken",
        "detail": text,
        "instance": f"/rooms/{UUID(int=0)}",
    }


async def test_a_reply_carries_headers_and_the_routes_status(client: Client, writer: dict[str, str]) -> None:
    answer = await client.post("/rooms", json={"roomCode": "AB", "unknown": 1}, headers=writer)
    assert (answer.status, answer.headers["ETag"]) == (201, '"1"')


async def test_no_content_has_no_body(client: Client, writer: dict[str, str]) -> None:
    answer = await client.delete(f"/rooms/{uuid4()}", headers=writer)
    assert (answer.status, await answer.read()) == (204, b"")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"roomCode": "ABCD"}', "roomCode: string should have at most 3 characters"),
        ('{"roomCode": "A", "seats": 0}', "seats: input should be greater than or equal to 1"),
        ("{}", "roomCode: field required"),
        ('{"roomCode": "A", "colour": "PINK"}', "colour: input should be 'RED' or 'BLUE'"),
        ('{"roomCode": 1}', "roomCode: input should be a valid string"),
        ("{", "body: invalid JSON"),
        ("", "body: a JSON body is required"),
        ('{"roomCode": "ABCD", "colour": "PINK"}', "colour: input should be 'RED' or 'BLUE'; roomCode: string"),
        ('{"roomCode": "A", "note": "\\u0000"}', "body: must not contain a NUL character"),
    ],
)
async def test_a_bad_body_names_the_field_and_the_rule(
    client: Client, writer: dict[str, str], body: str, said: str
) -> None:
    answer = await client.post("/rooms", data=body, headers=writer | {"Content-Type": "application/json"})
    assert answer.status == 400
    assert (await answer.json())["developerMessage"].startswith(said)


@pytest.mark.parametrize(
    "body", [b"\xff", b'"\\ud800"', b"[" * 9000, b"[NaN]", b"\xef\xbb\xbf[]", b'[{"lineNo": 1e400}]', b'{"lineNo": 1}']
)
async def test_hostile_bodies_are_bad_requests(client: Client, writer: dict[str, str], body: bytes) -> None:
    for path in ("/rooms", "/lines"):
        answer = await client.post(path, data=body, headers=writer | {"Content-Type": "application/json"})
        assert answer.status == 400


async def test_a_body_that_is_not_encoded_as_announced_is_a_bad_request(client: Client, writer: dict[str, str]) -> None:
    announced = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    async with client.post("/rooms", data=b"garbage", headers=writer | announced, compress=False) as answer:
        assert answer.status == 400


@pytest.mark.parametrize("path", ["/rooms/%00", "/rooms/%ff", "/rooms?page=%00", "/rooms?page=%ff"])
async def test_hostile_addresses_are_bad_requests(client: Client, reader: dict[str, str], path: str) -> None:
    answer = await client.get(URL(path, encoded=True), headers=reader)
    assert answer.status == 400


async def test_a_repeated_query_key_becomes_a_list(client: Client, reader: dict[str, str]) -> None:
    answer = await client.get("/rooms?colour=RED&colour=BLUE&other=1", headers=reader)
    assert [room["colour"] for room in await answer.json()] == ["RED", "BLUE"]


async def test_bad_parameters_are_told(client: Client, reader: dict[str, str]) -> None:
    bad_query = await client.get("/rooms?page=-1", headers=reader)
    bad_path = await client.get("/rooms/1", headers=reader)
    assert (bad_query.status, bad_path.status) == (400, 400)
    assert (await bad_query.json())["developerMessage"].startswith("page: input should be greater")
    assert (await bad_path.json())["developerMessage"].startswith("room_id: input should be a valid UUID")


async def test_structs_go_in_and_out(client: Client, writer: dict[str, str]) -> None:
    answer = await client.post("/lines", json=[{"lineNo": 1}], headers=writer)
    assert await answer.json() == [{"lineNo": 1}]
    refused = await client.post("/lines", json=[{"lineNo": 1}, {"lineNo": 0}], headers=writer)
    assert refused.status == 400
    assert (await refused.json())["developerMessage"].startswith("1.lineNo: expected `int` >= 1")


async def test_without_a_token_even_an_unknown_path_is_401(client: Client) -> None:
    for path in ("/rooms", "/nowhere"):
        answer = await client.get(path)
        assert (answer.status, await answer.read()) == (401, b"")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_with_a_token_unknown_paths_and_methods_are_told(client: Client, reader: dict[str, str]) -> None:
    nowhere = await client.get("/nowhere", headers=reader)
    wrong = await client.put("/rooms", headers=reader)
    assert (nowhere.status, wrong.status) == (404, 405)
    assert wrong.headers["Allow"] == "GET, HEAD, POST"


async def test_a_missing_role_or_scope_is_403(client: Client, reader: dict[str, str], token: MakeToken) -> None:
    readonly = {"Authorization": f"Bearer {token({'ROLE_WRITE'}, scopes=('read',))}"}
    for headers in (reader, readonly):
        answer = await client.post("/rooms", json={"roomCode": "A"}, headers=headers)
        assert answer.status == 403
        assert (await answer.json())["status"] == 403


async def test_other_content_types_are_415_and_too_much_is_413(client: Client, writer: dict[str, str]) -> None:
    for kind in ("text/plain", "application/json; charset=latin-1"):
        answer = await client.post("/rooms", data=b"{}", headers=writer | {"Content-Type": kind})
        assert answer.status == 415
    large = await client.post("/rooms", json={"roomCode": "A" * 20_000}, headers=writer)
    assert large.status == 413


async def test_an_unexpected_error_shows_nothing_of_itself(client: Client, reader: dict[str, str]) -> None:
    answer = await client.get("/broken", headers=reader)
    assert answer.status == 500
    assert "secret" not in await answer.text()


async def test_a_database_that_is_away_is_a_503_that_shows_nothing_of_it(
    client: Client, reader: dict[str, str]
) -> None:
    with capture_logs() as told:
        answer = await client.get("/away", headers=reader)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert (await answer.json())["userMessage"] == "the database is away"
    assert [event["log_level"] for event in told if event["event"] in {"database-away", "request-failed"}] == [
        "warning"
    ]


async def test_a_read_that_went_well_is_told_to_who_asks_only(
    client: Client, reader: dict[str, str], writer: dict[str, str]
) -> None:
    with capture_logs() as told:
        await client.get(f"/rooms/{uuid4()}", headers=reader)
        await client.get("/rooms/1", headers=reader)
        await client.post("/rooms", json={"roomCode": "A"}, headers=writer)
    requests = [event for event in told if event["event"] == "request"]
    assert [(event["log_level"], event["status"]) for event in requests] == [
        ("debug", 200),
        ("info", 400),
        ("info", 201),
    ]


async def test_open_doors_need_no_token(client: Client) -> None:
    for path in ("/health", "/health/ping", "/health/liveness", "/health/readiness", "/info", "/v3/api-docs"):
        answer = await client.get(path)
        assert answer.status == 200, path


async def test_the_document_knows_routes_models_and_problems(client: Client) -> None:
    document = await (await client.get("/v3/api-docs")).json()
    read = document["paths"]["/rooms/{room_id}"]["get"]
    assert set(read["responses"]) == {"200", "400", "401", "403", "409", "429", "500", "503"}
    assert "roomCode" in str(document["components"]["schemas"])
    assert document["paths"]["/rooms"]["get"]["parameters"][0]["name"] == "page"
