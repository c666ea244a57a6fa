"""One trace id from the request at a door to what the handler of its message asks of another service."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from libs.db.pool import Database, DatabaseSettings
from libs.db.pool import connect as connect_database
from libs.messaging.aws import AwsSettings, connect
from libs.messaging.building import create
from libs.messaging.consumer import Consumer
from libs.messaging.limits import ConsumerLimits
from libs.messaging.message import Message
from libs.messaging.outbox import Outbox, Outgoing
from libs.messaging.outcome import Done, Outcome
from libs.messaging.relay import Relay, RelaySettings
from libs.telemetry.tracing import TraceContext
from libs.web.application import application
from libs.web.auth import AuthSettings
from libs.web.health import Health
from libs.web.outgoing import ApiSession, OutgoingSettings, api_session
from libs.web.routing import Needs, Route
from tests.conftest import Auth, BrokerAddress, MakeDatabase, MakeToken
from tests.contracts.queue import TOPOLOGY

PATIENCE = 60
QUICK = RelaySettings(poll_seconds=0.05, takeover_seconds=0)


@dataclass
class Door:
    """Writes a change and its message in one transaction."""

    database: Database

    async def change(self) -> dict[str, str]:
        async with self.database.transaction() as tx:
            await Outbox().add(tx, Outgoing("events", "made", "{}", "A", {"source": "DPS"}))
        return {}


@dataclass
class Other:
    """Another service, which remembers under what it was asked."""

    asked: list[TraceContext | None] = field(default_factory=list)
    some: asyncio.Event = field(default_factory=asyncio.Event)

    async def thing(self, request: web.Request) -> web.Response:
        self.asked.append(TraceContext.read(request.headers.get("traceparent"), request.headers.get("tracestate")))
        self.some.set()
        return web.json_response({})


@dataclass
class Work:
    """Asks the other service about each message."""

    api: ApiSession

    async def handle(self, _: Message) -> Outcome:
        await self.api.request("GET", "/thing")
        return Done()


def now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - as an app does


async def test_one_trace_from_a_request_to_its_handlers_own_call(
    broker: BrokerAddress, auth: Auth, token: MakeToken, database: MakeDatabase
) -> None:
    told = AwsSettings.model_validate({**vars(broker), "prefix": "traces-"})
    dsn = await database("libs/messaging/schema")
    other, stop, caller = Other(), asyncio.Event(), TraceContext("a" * 32, "b" * 16, state="vendor=1")
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(connect_database(DatabaseSettings.model_validate({"dsn": dsn})))
        aws = await stack.enter_async_context(connect(told))
        await create(TOPOLOGY, aws)
        behind = web.Application()
        behind.router.add_get("/thing", other.thing)
        server = await stack.enter_async_context(TestServer(behind))
        api = await stack.enter_async_context(api_session(OutgoingSettings(base_url=str(server.make_url("")))))
        relay = Relay(db, {"events": aws.topic("events")}, QUICK, now=now)
        limits = ConsumerLimits(wait_seconds=0, idle_pause_seconds=0.02)
        consumer = Consumer(aws.queue("work"), {"made": Work(api).handle}, limits, now=now)
        running = [asyncio.create_task(each.run(stop)) for each in (relay, consumer)]
        doors = application(
            service="ours",
            routes=(Route("POST", "/changes", Door(db).change, Needs.role("ROLE_A")),),
            problems={},
            auth=AuthSettings(jwks_url=auth.jwks_url),
            health=Health(),
        )
        client = await stack.enter_async_context(TestClient(TestServer(doors)))
        sent = {"Authorization": f"Bearer {token({'ROLE_A'})}", **caller.headers}
        assert (await client.post("/changes", headers=sent)).status == 200
        async with asyncio.timeout(PATIENCE):
            await other.some.wait()
        stop.set()
        await asyncio.gather(*running)
        hint = TraceContext.read(*await db.fetchrow("SELECT attributes->>'traceparent' FROM outbox") or ())
    [asked] = other.asked
    assert hint is not None
    assert asked is not None
    assert {hint.trace_id, asked.trace_id} == {caller.trace_id}
    assert asked.state == caller.state
    # A new span at each hop.
    assert len({caller.span_id, hint.span_id, asked.span_id}) == 3


async def test_without_a_caller_a_trace_begins_at_the_door_and_ends_with_the_request(
    auth: Auth, token: MakeToken, database: MakeDatabase
) -> None:
    dsn = await database("libs/messaging/schema")
    async with connect_database(DatabaseSettings.model_validate({"dsn": dsn})) as db:
        doors = application(
            service="ours",
            routes=(Route("POST", "/changes", Door(db).change, Needs.role("ROLE_A")),),
            problems={},
            auth=AuthSettings(jwks_url=auth.jwks_url),
            health=Health(),
        )
        async with TestClient(TestServer(doors), headers={"Authorization": f"Bearer {token({'ROLE_A'})}"}) as client:
            for _ in range(2):
                assert (await client.post("/changes", headers={"traceparent": "rubbish"})).status == 200
        found = [TraceContext.read(row[0]) for row in await db.fetch("SELECT attributes->>'traceparent' FROM outbox")]
    assert len({each.trace_id for each in found if each}) == 2
