"""Every door that changes anything says how the audit hears of it: by which act, or why by none.

What the acts hold, and that they commit with the change or come before it, is tested where the doors are:
`test_audit.py` of each service, and `tests/libs/worker/test_consuming.py` for the doors that all workers have.
"""

import asyncio
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

import aiohttp
import orjson
import pytest

from libs.messaging.audit import QUEUE
from libs.messaging.aws import AwsSettings, connect
from libs.messaging.sqs import SqsQueue
from libs.web.application import ROUTES
from tests.conftest import ROOT, BrokerAddress, MakeToken
from tests.doors.services import Served

READS = "reads, though not by GET"
SYNC = "a worker copies what somebody did in NOMIS, which keeps who did it; noted too with AUDIT_SYNC"
MIGRATED = "a worker carries out a run whose start was noted"
LINKS = "a worker writes which rows belong together while it carries out what was noted or came from NOMIS"
WIPES = "closed unless ALLOW_WIPE is set, as it is nowhere but on one machine"
CHANGED = "LOCATION_CREATED LOCATION_AMENDED LOCATION_DEACTIVATED LOCATION_REACTIVATED"

QUEUES = MappingProxyType(
    {
        "DELETE /queue-admin/redrives/{dlqName}": "DEAD_LETTERS_RETRY_CANCEL_REQUESTED",
        "PUT /queue-admin/delete-messages/{dlqName}": "DEAD_LETTERS_DELETE_REQUESTED",
        "PUT /queue-admin/purge-queue/{queueName}": "QUEUE_PURGE_REQUESTED",
        "PUT /queue-admin/replay-parked": "PARKED_MESSAGES_REPLAY_REQUESTED",
        "PUT /queue-admin/retry-all-dlqs": "DEAD_LETTERS_RETRY_REQUESTED",
        "PUT /queue-admin/retry-dlq/{dlqName}": "DEAD_LETTERS_RETRY_REQUESTED",
        "PUT /queue-admin/retry-messages/{dlqName}": "DEAD_LETTERS_RETRY_REQUESTED",
        "PUT /queue-admin/switches/{eventType}": "EVENT_SWITCH_REQUESTED",
    }
)
OUTBOX = MappingProxyType(
    {
        "PUT /queue-admin/outbox/discard-dead": "OUTBOX_ROWS_DISCARDED",
        "PUT /queue-admin/outbox/retry-dead": "OUTBOX_ROWS_REVIVED",
    }
)
DOORS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "mapping": {
            "POST /api/locations/dps": READS,
            "POST /api/locations/nomis": READS,
            "POST /mapping/locations/find": READS,
            "POST /mapping/locations": LINKS,
            "POST /mapping/locations/batch": LINKS,
            "POST /mapping/locations/replace": LINKS,
            "DELETE /mapping/locations/dps/{dpsLocationId}": LINKS,
            "DELETE /mapping/locations/nomis/{nomisLocationId}": LINKS,
            "DELETE /mapping/locations": WIPES,
        },
        "locations": {
            **OUTBOX,
            "POST /locations/keys": READS,
            "POST /locations/validate": READS,
            "POST /migrate/locations/validate": READS,
            "POST /sync/locations/find": READS,
            **dict.fromkeys(
                (
                    "DELETE /locations/sync/delete",
                    "POST /locations/sync/delete",
                    "POST /locations/sync/upsert",
                    "POST /sync/locations/batch",
                    "POST /sync/upsert",
                    "DELETE /sync/delete/{locationId}",
                    "PUT /sync/locations/{locationId}",
                    "DELETE /sync/locations/{locationId}",
                ),
                SYNC,
            ),
            **dict.fromkeys(
                ("POST /locations/migrate", "POST /migrate/location", "POST /migrate/locations/batch"), MIGRATED
            ),
            "PUT /sync/prisons/{prisonId}/stage": "LOCATION_SWITCH_OVER_STEP",
            "PUT /conflicts/{conflictId}/acknowledge": "LOCATION_CONFLICT_ACKNOWLEDGED",
            "PUT /conflicts/{conflictId}/choose/{side}": "LOCATION_CONFLICT_DECIDED",
            "POST /signed-op-cap": "SIGNED_OP_CAP_AMENDED",
            **dict.fromkeys(
                (
                    "POST /locations/create-wing",
                    "POST /locations/non-residential",
                    "POST /locations/residential",
                    "PATCH /locations/non-residential/key/{key}",
                    "PATCH /locations/non-residential/{locationId}",
                    "PATCH /locations/residential/key/{key}",
                    "PATCH /locations/residential/{locationId}",
                    "PUT /locations/bulk/capacity-update",
                    "PUT /locations/bulk/deactivate/temporary",
                    "PUT /locations/bulk/reactivate",
                    "PUT /locations/{locationId}/capacity",
                    "PUT /locations/{locationId}/change-local-name",
                    "PUT /locations/{locationId}/convert-cell-to-non-res-cell",
                    "PUT /locations/{locationId}/convert-to-cell",
                    "PUT /locations/{locationId}/deactivate/permanent",
                    "PUT /locations/{locationId}/deactivate/temporary",
                    "PUT /locations/{locationId}/reactivate",
                    "PUT /locations/{locationId}/specialist-cell-types",
                    "PUT /locations/{locationId}/update-non-res-cell",
                    "PUT /locations/{locationId}/update/temporary-deactivation",
                    "PUT /locations/{locationId}/used-for-type",
                ),
                CHANGED,
            ),
        },
        "migration": {
            **QUEUES,
            **OUTBOX,
            "DELETE /history": "MIGRATION_HISTORY_DELETED",
            "POST /migrate/locations": "MIGRATION_STARTED",
            "POST /migrate/locations/rehearsals": "MIGRATION_STARTED",
            "POST /migrate/locations/verifications": "MIGRATION_STARTED",
            "POST /migrate/locations/{migrationId}/cancel": "MIGRATION_CANCEL_REQUESTED",
            "POST /migrate/locations/{migrationId}/pause": "MIGRATION_PAUSED",
            "POST /migrate/locations/{migrationId}/resume": "MIGRATION_RESUMED",
            "POST /migrate/locations/{migrationId}/retry": "MIGRATION_RETRIED",
        },
        "to-nomis": {**QUEUES, "PUT /locations/{dpsLocationId}/repair": "LOCATION_REPAIR_REQUESTED"},
        "from-nomis": {**QUEUES, "POST /locations/id/{internalLocationId}/repair": "LOCATION_REPAIR_REQUESTED"},
        "reconciliation": {
            **QUEUES,
            **OUTBOX,
            "PUT /locations/repair/dps/{dpsLocationId}": "LOCATION_REPAIR_REQUESTED",
            "PUT /locations/repair/nomis/{nomisLocationId}": "LOCATION_REPAIR_REQUESTED",
            "PUT /locations/repair/prison/{prisonId}": "LOCATION_REPAIR_REQUESTED",
            "PUT /locations/reports/reconciliation/{runId}/repair": "LOCATION_REPAIR_REQUESTED",
            "PUT /locations/reports/reconciliation": "LOCATION_RECONCILIATION_REQUESTED",
            # The locations API takes the step, and notes it there under the person's name.
            "PUT /switch-over/{prisonId}": "LOCATION_SWITCH_OVER_STEP",
        },
    }
)
EXEMPT = frozenset({READS, SYNC, MIGRATED, LINKS, WIPES})


async def test_every_door_that_changes_anything_says_how_the_audit_hears_of_it(house: Mapping[str, Served]) -> None:
    changing = {
        name: {f"{route.method} {route.path}" for route in served.app[ROUTES] if route.method != "GET"}
        for name, served in house.items()
        # A stand-in that is not deployed; its rows keep who changed them, as NOMIS does.
        if name != "nomis"
    }
    assert changing == {name: set(doors) for name, doors in DOORS.items()}


def test_every_act_is_one_that_the_code_notes() -> None:
    sources = [path.read_text() for part in ("services", "libs") for path in (ROOT / part).rglob("*.py")]
    named = {act for doors in DOORS.values() for told in doors.values() if told not in EXEMPT for act in told.split()}
    made = {word for source in sources for word in re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', source)}
    # These are put together from the event's type.
    made |= set(CHANGED.split())
    assert named <= made


@pytest.mark.parametrize(
    ("service", "door", "subject"),
    [
        ("from-nomis", "POST /locations/id/987654321/repair", ("NOMIS_LOCATION_ID", "987654321")),
        ("to-nomis", f"PUT /locations/{UUID(int=1)}/repair", None),
    ],
)
async def test_a_repair_is_noted_before_it_is_tried_and_not_where_there_is_nothing(
    house: Mapping[str, Served],
    broker: BrokerAddress,
    token: MakeToken,
    service: str,
    door: str,
    subject: tuple[str, str] | None,
) -> None:
    method, path = door.split(" ")
    served, who = house[service], f"REPAIRS-{service.upper()}"
    bearer = {"Authorization": f"Bearer {token(served.roles, username=who)}"}
    async with aiohttp.ClientSession(headers=bearer) as client, client.request(method, served.url + path) as answer:
        # NOMIS has no such row, and that is settled; DPS has no such location, and that is a 404.
        assert answer.status == (200 if subject else 404), await answer.text()
    settings = AwsSettings(endpoint_url=broker.endpoint_url, region=broker.region)
    async with connect(settings) as aws:
        found = await acts_of(who, aws.queue(QUEUE))
    assert [(act["what"], act["subjectType"], act["subjectId"]) for act in found] == (
        [("LOCATION_REPAIR_REQUESTED", *subject)] if subject else []
    )


async def acts_of(who: str, queue: SqsQueue) -> list[dict[str, Any]]:
    """Read all that is on the audit queue, and give back what others are to find there."""
    seen: dict[str, Any] = {}
    while got := await queue.receive(10, wait_seconds=0, visibility_seconds=20):
        seen |= {each.message_id: each for each in got}
    await asyncio.gather(*(queue.change_visibility([(each.receipt, 0)]) for each in seen.values()))
    return [act for each in seen.values() if (act := orjson.loads(each.body))["who"] == who]
