"""A worker's doors over a real broker: types are held and let go again without a restart, by who may."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import ValidationError

from libs.messaging.audit import QUEUE, QueueAuditor
from libs.messaging.aws import Aws
from libs.messaging.building import create
from libs.messaging.envelope import opened
from libs.messaging.limits import ConsumerLimits
from libs.messaging.message import Message
from libs.messaging.outcome import Done, Outcome, RetryLater
from libs.messaging.queue import Delivery, Parcel
from libs.telemetry.metrics import process_registry
from libs.web.application import application
from libs.web.auth import AuthSettings
from libs.web.health import Health, HealthSettings
from libs.worker.consuming import PROBLEMS, consuming
from libs.worker.scopes import prison_of
from libs.worker.settings import SwitchUnclear, WorkerSettings, feature_defaults
from libs.worker.upkeep import Upkeep
from tests.conftest import Auth, MakeToken, namespaced
from tests.contracts.queue import TOPOLOGY as OF_QUEUES

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
PATIENCE = 60
ADMIN = "ROLE_QUEUE_ADMIN"

# As `work`, but nobody subscribes it.
AUDIT = OF_QUEUES.queues["work"].model_copy(update={"subscriptions": ()})
TOPOLOGY = OF_QUEUES.model_copy(update={"queues": {**OF_QUEUES.queues, QUEUE: AUDIT}})


@dataclass
class Work:
    """Handles, and tells who waits."""

    effects: Counter[str] = field(default_factory=Counter)
    some: asyncio.Event = field(default_factory=asyncio.Event)
    away: bool = False

    async def handle(self, message: Message) -> Outcome:
        if self.away:
            raise RetryLater("GET /x failed", away="nomis")
        self.effects[json.loads(message.body)["n"]] += 1
        self.some.set()
        return Done()

    async def until(self, *names: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while not set(names) <= set(self.effects):
                self.some.clear()
                await self.some.wait()


@dataclass
class House:
    aws: Aws
    client: TestClient[web.Request, web.Application]
    work: Work
    token: MakeToken

    async def call(self, method: str, path: str, body: object = None, role: str = ADMIN) -> tuple[int, Any]:
        bearer = {"Authorization": f"Bearer {self.token({role}, username='X')}"}
        async with self.client.request(method, path, json=body, headers=bearer) as answer:
            return answer.status, await answer.json()

    async def acts(self) -> list[dict[str, Any]]:
        """What was noted for the audit, in the order in which it was done."""
        found: dict[str, dict[str, Any]] = {}
        queue = self.aws.queue(QUEUE)
        while len(found) < (await queue.depth()).visible + (await queue.depth()).in_flight:
            for each in await queue.receive(10, wait_seconds=0, visibility_seconds=30):
                act = json.loads(each.body)
                found[each.attributes["eventId"]] = {**act, "details": json.loads(act["details"])}
        return list(found.values())

    async def parked(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while (await self.aws.queue("work-parked").depth()).visible != count:  # noqa: ASYNC110 - the broker does not call
                await asyncio.sleep(0)

    async def send(self, name: str, prison: str = "LEI") -> None:
        body = json.dumps({"n": name, "prisonId": prison})
        assert await self.aws.queue("work").send([Parcel(body, {"eventType": "made"})]) == [None]


@pytest.fixture
async def house(clients: Aws, auth: Auth, token: MakeToken) -> AsyncIterator[House]:
    async with opened_house(clients, auth, token, allow_purge=False) as house:
        yield house


@asynccontextmanager
async def opened_house(clients: Aws, auth: Auth, token: MakeToken, *, allow_purge: bool) -> AsyncIterator[House]:
    aws, work, registry = namespaced(clients), Work(), process_registry()
    await create(TOPOLOGY, aws)
    limits = ConsumerLimits(wait_seconds=0, idle_pause_seconds=0.02)
    started = consuming(
        aws,
        "work",
        {"made": work.handle},
        limits,
        now=lambda: AT,
        registry=registry,
        scope=prison_of,
        upkeep=Upkeep(refresh_seconds=0.1),
        notes=QueueAuditor("a-worker", lambda: AT, aws.queue(QUEUE)),
        allow_purge=allow_purge,
    )
    async with started as consumed:
        app = application(
            service="worker",
            routes=consumed.routes,
            problems=PROBLEMS,
            auth=AuthSettings(jwks_url=auth.jwks_url),
            health=Health(consumed.checks, HealthSettings(cache_seconds=0.1), lesser=consumed.checks),
            info=consumed.info,
            registry=registry,
        )
        async with TestClient(TestServer(app)) as client:
            yield House(aws, client, work, token)


async def test_a_type_is_held_and_let_go_without_a_restart_and_nothing_is_lost(house: House) -> None:
    status, told = await house.call("PUT", "/queue-admin/switches/made", {"mode": "hold"})
    assert (status, told) == (200, {"eventTypes": {"made": "hold"}, "prisons": [], "parkedCount": 0})
    assert (await house.call("GET", "/info"))[1] == {
        "build": {"name": "worker"},
        "event-feature-switches": {"made": "hold"},
    }
    bearer = {"Authorization": f"Bearer {house.token({'ROLE_METRICS'})}"}
    async with house.client.get("/metrics", headers=bearer) as answer:
        numbers = (await answer.text()).splitlines()
    assert [line for line in numbers if line.startswith("messaging_feature_switch{")] == [
        'messaging_feature_switch{event_type="made",mode="on"} 0.0',
        'messaging_feature_switch{event_type="made",mode="drop"} 0.0',
        'messaging_feature_switch{event_type="made",mode="hold"} 1.0',
    ]
    await house.send("one")
    await house.send("two")
    await house.parked(2)
    await house.call("PUT", "/queue-admin/switches/made", {"mode": "hold", "prisonId": "MDI"})
    assert not house.work.effects
    _, told = await house.call("PUT", "/queue-admin/switches/made", {"mode": "on"})
    assert told["prisons"] == [{"eventType": "made", "prisonId": "MDI", "mode": "hold"}]
    # By itself, though another prison's are still held.
    await house.work.until("one", "two")
    await house.send("three", "MDI")
    await house.parked(1)
    await house.call("PUT", "/queue-admin/switches/made", {"mode": "on", "prisonId": "MDI"})
    status, told = await house.call("PUT", "/queue-admin/replay-parked")
    assert status == 200
    await house.work.until("three")
    assert house.work.effects == {"one": 1, "two": 1, "three": 1}


async def test_health_tells_how_old_the_oldest_is_and_a_lost_queue_degrades_it(house: House) -> None:
    async with asyncio.timeout(PATIENCE):
        # The first poll and the first look at the depths may still be out.
        while True:
            status, told = await house.call("GET", "/health")
            details = told["components"]["work-health"]["details"]
            if told["status"] == "UP" and {"pollerLastSuccessSecondsAgo", "sampledAt"} <= set(details):
                break
    assert status == 200
    assert (details["redriveRunning"], details["oldestMessageAgeSeconds"]) == (False, "0")
    assert details["sampledAt"] == AT.isoformat()
    assert details["breaker"] == "CLOSED"
    assert details["pollerLastSuccessSecondsAgo"].isdigit()
    dead = await house.aws.control.get_queue_url(QueueName=house.aws.real_name("work-dlq"))
    await house.aws.control.delete_queue(QueueUrl=dead["QueueUrl"])
    async with asyncio.timeout(PATIENCE):
        # What was answered is remembered for a moment.
        while told["status"] == "UP":
            status, told = await house.call("GET", "/health")
    assert (status, told["status"]) == (200, "DEGRADED")
    assert (told["components"]["work-health"]["status"]) == "DOWN"


async def test_single_dead_letters_are_shown_with_their_reasons_sent_back_and_deleted(house: House) -> None:
    attributes = {"eventType": "made", "failureReason": "no such prison", "failureAt": "then", "who": "a person"}
    await house.aws.queue("work-dlq").send([Parcel(json.dumps({"n": n}), attributes) for n in ("one", "two")])
    await house.aws.queue("work-dlq").send([Parcel("{}", {"eventType": "made", "redriveCount": "3"})])
    _, told = await house.call("GET", "/queue-admin/get-dlq-messages/work-dlq")
    seen = {letter["body"].get("n"): letter for letter in told["messages"]}
    assert (seen["one"]["failureReason"], seen["one"]["exhausted"]) == ("no such prison", False)
    assert seen["one"]["attributes"] == {"eventType": "made"}
    assert (seen[None]["failureReason"].startswith("not recorded"), seen[None]["exhausted"]) == (True, True)
    one, two = seen["one"]["messageId"], seen["two"]["messageId"]
    status, told = await house.call("PUT", "/queue-admin/retry-messages/work-dlq", {"messageIds": [one, "nowhere"]})
    assert (status, told) == (200, {"messagesMovedCount": 1, "notFound": ["nowhere"]})
    await house.work.until("one")
    status, told = await house.call("PUT", "/queue-admin/delete-messages/work-dlq", {"messageIds": [two]})
    assert (status, told) == (200, {"messagesDeletedCount": 1, "notFound": []})
    _, told = await house.call("GET", "/queue-admin/get-dlq-messages/work-dlq")
    assert [letter["redriveCount"] for letter in told["messages"]] == [3]


async def test_a_worker_whose_service_is_away_degrades_its_health_and_says_why(house: House) -> None:
    house.work.away = True
    for n in range(5):
        await house.send(str(n))
    async with asyncio.timeout(PATIENCE):
        while True:
            status, told = await house.call("GET", "/health")
            component = told["components"]["work-health"]
            if component["details"].get("breaker") == "OPEN":
                break
    assert (status, told["status"], component["status"]) == (200, "DEGRADED", "DOWN")
    assert (component["details"]["error"], component["details"]["breaker"]) == ("paused: nomis is away", "OPEN")


async def test_the_role_alone_purges_nothing(house: House) -> None:
    await house.aws.queue("work-dlq").send([Parcel("{}", {"eventType": "made"})])
    status, told = await house.call("PUT", "/queue-admin/purge-queue/work-dlq")
    assert (status, "ALLOW_PURGE" in told["developerMessage"]) == (403, True)
    assert (await house.aws.queue("work-dlq").depth()).visible == 1


async def test_what_people_do_to_queues_is_noted_with_their_names(clients: Aws, auth: Auth, token: MakeToken) -> None:
    chosen = {"messageIds": ["nowhere"]}
    async with opened_house(clients, auth, token, allow_purge=True) as house:
        asked = [
            await house.call("PUT", "/queue-admin/retry-dlq/work-dlq?rate=5&exhausted=true"),
            await house.call("PUT", "/queue-admin/retry-all-dlqs"),
            await house.call("PUT", "/queue-admin/retry-messages/work-dlq", chosen),
            await house.call("PUT", "/queue-admin/delete-messages/work-dlq", chosen),
            await house.call("PUT", "/queue-admin/purge-queue/work-dlq"),
            await house.call("PUT", "/queue-admin/switches/made", {"mode": "hold", "prisonId": "LEI"}),
            await house.call("PUT", "/queue-admin/replay-parked"),
            # Nothing is under way, so nothing is done.
            await house.call("DELETE", "/queue-admin/redrives/work-dlq"),
        ]
        acts = await house.acts()
    assert {status for status, _ in asked} == {200}
    assert {(act["who"], act["service"], act["when"]) for act in acts} == {("X", "a-worker", "2026-11-24T10:00:00Z")}
    assert sorted((act["what"], act["subjectType"], act["subjectId"], str(act["details"])) for act in acts) == [
        ("DEAD_LETTERS_DELETE_REQUESTED", "QUEUE_NAME", "work-dlq", str(chosen)),
        ("DEAD_LETTERS_RETRY_REQUESTED", "QUEUE_NAME", "work-dlq", str(chosen)),
        ("DEAD_LETTERS_RETRY_REQUESTED", "QUEUE_NAME", "work-dlq", "{'rate': 5.0, 'exhausted': True}"),
        ("DEAD_LETTERS_RETRY_REQUESTED", "QUEUE_NAME", "work-dlq", "{}"),
        ("EVENT_SWITCH_REQUESTED", "EVENT_TYPE", "made", "{'prisonId': 'LEI', 'mode': 'hold'}"),
        ("PARKED_MESSAGES_REPLAY_REQUESTED", "QUEUE_NAME", "work-parked", "{}"),
        ("QUEUE_PURGE_REQUESTED", "QUEUE_NAME", "work-dlq", "{}"),
    ]


async def test_what_cannot_be_noted_is_not_done(clients: Aws, auth: Auth, token: MakeToken) -> None:
    async with opened_house(clients, auth, token, allow_purge=True) as house:
        await house.aws.queue("work-dlq").send([Parcel("{}", {"eventType": "made"})])
        audit = await house.aws.control.get_queue_url(QueueName=house.aws.real_name(QUEUE))
        await house.aws.control.delete_queue(QueueUrl=audit["QueueUrl"])
        statuses = [
            (await house.call("PUT", path, body))[0]
            for path, body in (
                ("/queue-admin/purge-queue/work-dlq", None),
                ("/queue-admin/retry-dlq/work-dlq", None),
                ("/queue-admin/switches/made", {"mode": "drop"}),
            )
        ]
        assert statuses == [503, 503, 503]
        assert (await house.aws.queue("work-dlq").depth()).visible == 1
        _, told = await house.call("GET", "/queue-admin/switches")
        assert told["eventTypes"] == {"made": "on"}


def test_polls_that_do_not_wait_are_refused_where_each_is_paid_for() -> None:
    told = {
        **{f"api_base_url_{each}": "http://x" for each in ("oauth", "nomis", "mapping", "locations")},
        "client_id": "x",
        "client_secret": "x",
        "http_port": 0,
        "queue_wait_seconds": 0,
    }
    with pytest.raises(ValidationError, match="queue_wait_seconds: 0 is for a broker given by aws_endpoint_url"):
        WorkerSettings.model_validate({**told, "queue_idle_pause_seconds": 0.05})
    embedded = {**told, "aws_endpoint_url": "http://x"}
    with pytest.raises(ValidationError, match="queue_idle_pause_seconds: must not be 0"):
        WorkerSettings.model_validate(embedded)
    assert WorkerSettings.model_validate({**embedded, "queue_idle_pause_seconds": 0.05}).queue_wait_seconds == 0


async def test_people_see_what_waits_what_died_and_how_fast_it_goes(house: House) -> None:
    await house.send("one")
    await house.work.until("one")
    await house.call("PUT", "/queue-admin/switches/made", {"mode": "hold"})
    await house.send("two")
    await house.parked(1)
    letter = Parcel("{}", {"failureReason": "no such parent"})
    await house.aws.queue("work-dlq").send([letter, letter, Parcel("{}")])
    async with asyncio.timeout(PATIENCE):
        # A message is counted once it is deleted, which is after its copy shows; and the replayer may have it in hand
        # at this moment, looking whether it is held still.
        while True:
            status, (told,) = await house.call("GET", "/queue-admin/queues")
            if told["parked"] == 1 and told["traffic"]["minutes"][-1]["ends"].keys() >= {"done", "parked"}:
                break
    counts = ("queue", "waiting", "dead", "parked", "oldestSeconds")
    assert (status, [told[each] for each in counts]) == (200, ["work", 0, 3, 1, 0.0])
    assert told["redrive"]["status"] == "NONE"
    traffic = told["traffic"]
    assert (len(traffic["minutes"]), traffic["minutes"][-1]["ends"]) == (60, {"done": 1, "parked": 1})
    assert traffic["perSecond"] == 1.0
    assert traffic["lagSeconds"]["median"] >= 0
    _, peeked = await house.call("GET", "/queue-admin/get-dlq-messages/work-dlq")
    reasons = [("no such parent", 2), ("not recorded", 1)]
    assert [(each["failureReason"].partition(":")[0], each["count"]) for each in peeked["reasons"]] == reasons


async def test_who_is_refused_for_now_is_told_when_to_come_again(house: House) -> None:
    await house.aws.queue("work-dlq").send([Parcel("one"), Parcel("two")])
    bearer = {"Authorization": f"Bearer {house.token({ADMIN})}"}
    found = []
    for _ in range(2):
        async with house.client.put("/queue-admin/retry-dlq/work-dlq?rate=0.1", headers=bearer) as answer:
            found.append((answer.status, answer.headers.get("Retry-After")))
    assert found == [(200, None), (409, "10")]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/queue-admin/switches", None),
        ("GET", "/queue-admin/queues", None),
        ("PUT", "/queue-admin/switches/made", {"mode": "drop"}),
        ("PUT", "/queue-admin/replay-parked", None),
        ("PUT", "/queue-admin/retry-messages/work-dlq", {"messageIds": ["x"]}),
        ("PUT", "/queue-admin/delete-messages/work-dlq", {"messageIds": ["x"]}),
        ("PUT", "/queue-admin/purge-queue/work-dlq", None),
    ],
)
async def test_only_who_may_administer_queues_may_switch(house: House, method: str, path: str, body: object) -> None:
    assert (await house.call(method, path, body, role="ROLE_MIGRATE_LOCATIONS"))[0] == 403


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/queue-admin/switches/unheard-of", {"mode": "hold"}, 404),
        ("/queue-admin/switches/made", {"mode": "sometimes"}, 400),
        ("/queue-admin/switches/made", {"mode": "hold", "prisonId": "lei:x"}, 400),
        ("/queue-admin/switches/made", {}, 400),
    ],
)
async def test_what_is_unclear_is_refused(house: House, path: str, body: object, status: int) -> None:
    assert (await house.call("PUT", path, body))[0] == status


def test_the_originals_variables_set_a_switch_at_start() -> None:
    found = feature_defaults(
        {
            "FEATURE_EVENT_LOCATION_INSIDE_PRISON_CREATED": "false",
            "FEATURE_EVENT_AGENCY_INTERNAL_LOCATIONS-UPDATED": "hold",
            "FEATURE_EVENT_LOCATIONS_LOCATION_INSIDE_PRISON_DELETED": "false",
            "FEATURE_EVENT_LOCATION_INSIDE_PRISON_DELETED": "true",
            "OTHER": "x",
        },
        "locations",
    )
    assert found["location.inside.prison.created"] == "drop"
    assert found["AGENCY_INTERNAL_LOCATIONS-UPDATED"] == "hold"
    assert found["location.inside.prison.deleted"] == "drop"
    assert found.get("location.inside.prison.amended", "on") == "on"
    with pytest.raises(SwitchUnclear, match="FEATURE_EVENT_X: one of true, false, on, drop, hold"):
        feature_defaults({"FEATURE_EVENT_X": "perhaps"}, "locations")


@pytest.mark.parametrize(
    ("body", "prison"),
    [
        ({"additionalInformation": {"key": "LEI-A-1-003"}}, "LEI"),
        ({"additionalInformation": {"locationKey": "MDI-B"}}, "MDI"),
        ({"prisonId": "WWI", "description": "LEI-X"}, "WWI"),
        ({"description": "LEI-X"}, "LEI"),
        ({"dpsLocationId": "x"}, None),
        ([1], None),
        ({"additionalInformation": "odd"}, None),
    ],
)
def test_a_message_is_about_a_prison_or_none(body: object, prison: str | None) -> None:
    delivery = Delivery("r", "m", json.dumps(body), {"eventType": "made"}, 1, AT)
    assert prison_of(opened(delivery, "work")) == prison
