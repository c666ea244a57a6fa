"""The numbered migration cases of `reference/from-nomis.md` §6 (F45–F73).

Cases of doors go over HTTP to the whole town; cases of messages go through the real stages and store of an office.
Where the design overrides a case it keeps its number, says so here and in `docs/deviations.md`.
"""

import json
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from infra.local.settings import ROOT
from libs.domain.mapping import LocationMapping, MappingType
from libs.domain.nomis import Amendment, NomisLocationId, NomisUsage, Profile
from libs.messaging.aws import AwsSettings
from libs.messaging.aws import connect as connect_aws
from libs.messaging.queue import Parcel
from libs.web.outgoing import RemoteUnavailable
from services.migration.records import ItemQuery, ItemRow, ItemState, MigrationFilter, Status
from services.migration.stages.work import LIST, PAGE, Call
from tests.conftest import MakeToken
from tests.libs.domain.rows import dps_cell
from tests.services.migration.office import SMALL, Office, two_wings
from tests.services.migration.town import Town, seen
from tests.services.to_nomis.test_cases import Failing

ALL = MigrationFilter()
BASE = "/migrate/locations"
OfficeCase = Callable[[Office], Awaitable[None]]
TownCase = Callable[[Town], Awaitable[None]]


async def started(office: Office, count: int = 0) -> str:
    for number in range(count):
        office.add(f"B{number}", location_type="BOX", unit_type=None)
    return (await office.control.start(ALL, "BOSS")).migration_id


async def counts(office: Office, migration_id: str) -> tuple[Status, int, int, int]:
    run = await office.runs.run(migration_id)
    return run.status, run.records_migrated, run.records_skipped, run.records_failed


async def only_item(office: Office, migration_id: str) -> ItemRow:
    [row] = await office.failures.items(migration_id, ItemQuery())
    return row


# Through the doors


async def emptied(town: Town) -> None:
    await town.history.execute("DELETE FROM migration_history")


async def town_total(town: Town) -> int:
    found = await town.screens.column("SELECT count(*) FROM agency_internal_locations")
    return int(found[0])


async def f45(town: Town) -> None:
    await emptied(town)
    await town.prison("CFI")
    total = await town_total(town)
    with capture_logs() as logs:
        async with town.operator.post(BASE, json={}) as answer:
            assert answer.status == 202
            told = await answer.json()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", told["migrationId"])
    assert told == {
        "type": "LOCATIONS",
        "migrationId": told["migrationId"],
        "estimatedCount": total,
        "body": {"prisonIds": []},
    }
    [event] = [log for log in logs if log["event"] == "locations-migration-started"]
    assert event["estimatedCount"] == str(total)
    assert not {"fromDate", "toDate"} & event.keys()
    run = await town.ended(told["migrationId"])
    assert (run["status"], run["estimatedRecordCount"], run["startedBy"]) == ("COMPLETED", total, "BOSS")


async def f46(town: Town) -> None:
    await emptied(town)
    dates = {"fromDate": "2024-01-01", "toDate": "2024-01-31"}
    with capture_logs() as logs:
        async with town.operator.post(BASE, json=dates) as answer:
            told = await answer.json()
    assert told["body"] == {**dates, "prisonIds": []}
    [event] = [log for log in logs if log["event"] == "locations-migration-started"]
    assert (event["fromDate"], event["toDate"]) == ("2024-01-01", "2024-01-31")
    run = await town.ended(told["migrationId"])
    assert (json.loads(run["filter"]), run["recordsListed"]) == (dates, await town_total(town))


async def f63(town: Town) -> None:
    async with town.operator.post(f"{BASE}/nope/cancel") as answer:
        assert answer.status == 404
        assert "nope" in (await answer.json())["userMessage"]


async def f64(town: Town) -> None:
    await emptied(town)
    await town.prison("DAI", landings=6, cells=5)
    migration_id = await town.started(prisonIds=["DAI"])
    with capture_logs() as logs:
        async with town.operator.post(f"{BASE}/{migration_id}/cancel") as answer:
            assert (answer.status, await answer.text()) == (202, "")
    run = await town.ended(migration_id)
    assert [log["event"] for log in logs if "cancel" in log["event"]][:1] == ["locations-migration-cancel-requested"]
    assert run["status"] == "CANCELLED"
    assert run["recordsListed"] == run["recordsMigrated"] + run["recordsSkipped"] + run["recordsFailed"]


async def four_rows(town: Town) -> None:
    """Four ended runs; the second and the fourth with a failure."""
    await emptied(town)
    for hour in range(1, 5):
        migration_id = f"2024-01-0{hour}T0{hour}:00:00"
        await town.history.execute(
            """
            INSERT INTO migration_history (migration_id, when_started, when_ended, started_by, filter, status,
                   estimated_record_count, listing_complete)
            VALUES ($1::text, $1::text::timestamp AT TIME ZONE 'Europe/London', now(), 'BOSS', $2, 'COMPLETED', 1, true)
            """,
            migration_id,
            json.dumps({"fromDate": f"2024-0{hour}-01"}),
        )
        if hour % 2 == 0:
            await town.history.execute(
                "INSERT INTO migration_item (migration_id, nomis_id, state) VALUES ($1, 1, 'failed')", migration_id
            )


async def f68(town: Town) -> None:
    await four_rows(town)
    rows = await town.get(f"{BASE}/history")
    ids = [row["migrationId"] for row in rows]
    assert ids == ["2024-01-04T04:00:00", "2024-01-03T03:00:00", "2024-01-02T02:00:00", "2024-01-01T01:00:00"]
    failed = await town.get(f"{BASE}/history?includeOnlyFailures=true")
    assert [row["recordsFailed"] for row in failed] == [1, 1]
    exact = await town.get(f"{BASE}/history?fromDateTime=2024-01-02T02:00:00&toDateTime=2024-01-03T03:00:00")
    assert [row["migrationId"] for row in exact] == ids[1:3]
    late = await town.get(f"{BASE}/history?fromDateTime=2024-01-02T02:00:01&toDateTime=2024-01-03T02:59:59")
    assert late == []


async def f69(town: Town) -> None:
    await emptied(town)

    async def counted() -> bool:
        told: dict[str, Any] = await town.get(f"{BASE}/active-migration")
        return told == {"toBeProcessedCount": 0, "beingProcessedCount": 0}

    await seen(counted, "nothing but the counts of an idle queue")


async def f70(town: Town) -> None:
    await four_rows(town)
    await town.history.execute(
        """
        INSERT INTO migration_history
               (migration_id, when_started, started_by, filter, estimated_record_count, paused, listing_complete)
        VALUES ('2024-07-11T08:05:30', '2024-07-11T07:05:30Z', 'BOSS', '{}', 23, true, true);
        INSERT INTO migration_item (migration_id, nomis_id, state)
        SELECT '2024-07-11T08:05:30', n, 'migrated' FROM generate_series(1, 1234) n
        """
    )
    told = await town.get(f"{BASE}/active-migration")
    assert (told["migrationId"], told["recordsMigrated"], told["status"]) == ("2024-07-11T08:05:30", 1234, "STARTED")
    assert (told["whenStarted"], told["estimatedRecordCount"], told["migrationType"]) == (
        "2024-07-11T08:05:30",
        23,
        "LOCATIONS",
    )
    assert {"toBeProcessedCount", "beingProcessedCount"} <= told.keys()
    await emptied(town)


async def f72(town: Town) -> None:
    await emptied(town)
    ids = await town.prison("DGI", landings=5, cells=4)
    assert len(ids) == 26
    settings = AwsSettings(endpoint_url=town.broker.endpoint_url, region=town.broker.region)
    async with connect_aws(settings) as broker:
        assert await broker.queue("migration-locations-dlq").send([Parcel("junk", {"eventType": "x"})]) == [None]
    with capture_logs() as logs:
        run = await town.run(prisonIds=["DGI"])
    names = [log["event"] for log in logs]
    assert (names.count("locations-migration-started"), names.count("locations-migration-completed")) == (1, 1)
    assert (run["recordsMigrated"], run["recordsFailed"]) == (26, 0)
    assert await town.differences("DGI") == []
    async with town.operator.put("/queue-admin/purge-queue/migration-locations-dlq") as answer:
        assert answer.status == 200


# Through the stages


async def f47(office: Office) -> None:
    migration_id = await started(office, 10)
    assert [call.type for call in office.queue] == [LIST]
    await office.work_once()
    assert [(call.type, call.page) for call in office.queue] == [(PAGE, 0), (PAGE, 1), (PAGE, 2)]
    assert {call.migration_id for call in office.queue} == {migration_id}


async def f48(office: Office) -> None:
    migration_id = await started(office)
    await office.work()
    assert await counts(office, migration_id) == (Status.COMPLETED, 0, 0, 0)


async def f49(office: Office) -> None:
    migration_id = await started(office, 10)
    await office.work_once()
    lease = await office.pages.lease(migration_id, 1, office.time, office.patience)
    assert lease is not None
    assert [item.nomis_id for item in lease.items] == sorted(office.nomis.rows)[SMALL.page : 2 * SMALL.page]


async def f50(office: Office) -> None:
    migration_id = await started(office, 10)
    await office.work_once()
    await office.runs.request_cancel(migration_id, "BOSS")
    assert await office.pages.lease(migration_id, 1, office.time, office.patience) is None
    await office.work()
    assert await counts(office, migration_id) == (Status.CANCELLED, 0, 10, 0)
    assert office.locations.locations == {}


EXAMPLE = {
    "description": "WDI-C-2-014",
    "location_code": "014",
    "prison_id": "WDI",
    "unit_type": "SPLC",
    "capacity": 2,
    "operational_capacity": 1,
    "cna_capacity": 1,
    "list_sequence": 14,
    "user_description": "C2-14",
    "comment": "near office",
    "active": False,
    "deactivate_date": "2024-05-01",
    "reason_code": "J",
    "reactivate_date": "2024-12-01",
    "modify_username": "KSMITH_GEN",
    "profiles": (
        Profile(profile_type="HOU_UNIT_ATT", profile_code="SO"),
        Profile(profile_type="HOU_SANI_FIT", profile_code="ACB"),
        Profile(profile_type="HOU_USED_FOR", profile_code="MB"),
    ),
    "usages": (NomisUsage(internal_location_usage_type="PROG", capacity=4),),
}


def changed_capacity(label: str | None = "Maximum Capacity") -> Amendment:
    return Amendment.model_validate(
        {
            "amendDateTime": "2019-03-04T05:06:07",
            "columnName": label,
            "oldValue": "2",
            "newValue": "3",
            "amendedBy": "KSMITH_GEN",
        }
    )


async def f51(office: Office) -> None:
    parent = office.add("C", prison_id="WDI", location_type="WING")
    nomis_id = office.add("014", parent, **EXAMPLE, amendments=(changed_capacity(),))
    migration_id = await started(office)
    sent: list[dict[str, Any]] = []
    office.watched(sent)
    await office.work()
    [cell] = [wish for wish in sent if wish["nomisLocationId"] == nomis_id]
    assert cell["history"] == [
        {
            "attribute": "CAPACITY",
            "oldValue": "2",
            "newValue": "3",
            "amendedBy": "KSMITH_GEN",
            "amendedDate": "2019-03-04T05:06:07",
        }
    ]
    assert (cell["prisonId"], cell["createDate"], cell["lastUpdatedBy"]) == ("WDI", "2011-02-03T04:05:06", "KSMITH_GEN")
    assert cell["fields"] == {
        "code": "014",
        "locationType": "CELL",
        "localName": "C2-14",
        "comments": "near office",
        "orderWithinParentLocation": 14,
        "residentialHousingType": "SPECIALIST_CELL",
        "parentId": str(office.derived(parent)),
        "maxCapacity": 2,
        "workingCapacity": 1,
        "certified": True,
        "capacityOfCertifiedCell": 1,
        "attributes": ["AUDITABLE_CELL_BELL", "SINGLE_OCCUPANCY"],
        "usages": [["PROGRAMMES_ACTIVITIES", 4, 0]],
        "active": False,
        "deactivatedDate": "2024-05-01",
        "deactivatedReason": "DAMAGED",
        "proposedReactivationDate": "2024-12-01",
    }
    link = office.mappings.by_nomis[nomis_id]
    assert (link.mapping_type, link.label) == (MappingType.MIGRATED, migration_id)


async def f52(office: Office) -> None:
    nomis_id = office.add("K")
    own = office.locations.staff_create(dps_cell(code="K", parent_id=None))
    link = LocationMapping(dps_location_id=own.id, nomis_location_id=nomis_id, mapping_type=MappingType.NOMIS_CREATED)
    await office.mappings.save(link)
    migration_id = await started(office)
    await office.work()
    assert await counts(office, migration_id) == (Status.COMPLETED, 0, 1, 0)
    assert office.mappings.by_nomis[nomis_id].mapping_type is MappingType.NOMIS_CREATED


async def f53(office: Office) -> None:
    office.add("K", prison_id="UNKNWN")
    migration_id = await started(office)
    await office.work()
    row = await only_item(office, migration_id)
    assert (row.state, row.reason) == (ItemState.SKIPPED, "ignored agency UNKNWN")
    assert office.locations.locations == {}


async def f54(office: Office) -> None:
    office.add("014", parent_location_id=999_999)
    migration_id = await started(office)
    await office.work()
    row = await only_item(office, migration_id)
    assert (row.state, row.reason) == (ItemState.FAILED, "parent not in DPS")


async def f55(office: Office) -> None:
    parent = office.add("C", location_type="CASTLE")
    office.add("014", parent)
    migration_id = await started(office)
    await office.work_once()
    await office.work_once()
    office.nomis.screen_edit(parent, location_type="WING")
    await office.control.retry(migration_id, office.retry_all, "BOSS")
    await office.finish(migration_id)
    assert await counts(office, migration_id) == (Status.COMPLETED, 2, 0, 0)


async def f56(office: Office) -> None:
    nomis_id = office.add("C", location_type="WING")
    office.stages._mappings = Failing(office.mappings, "save_many", 1)
    migration_id = await started(office)
    await office.work_once()
    with pytest.raises(RemoteUnavailable):
        await office.work_once()
    assert len(office.locations.locations) == 1
    await office.finish(migration_id)
    assert await counts(office, migration_id) == (Status.COMPLETED, 1, 0, 0)
    assert office.mappings.by_nomis[nomis_id].label == migration_id


async def f57(office: Office) -> None:
    nomis_id = office.add("C", location_type="WING")
    taken = LocationMapping(
        dps_location_id=office.derived(nomis_id),
        nomis_location_id=NomisLocationId(1),
        mapping_type=MappingType.LOCATION_CREATED,
    )
    await office.mappings.save(taken)
    migration_id = await started(office)
    await office.work()
    row = await only_item(office, migration_id)
    assert row.state is ItemState.FAILED
    assert row.reason is not None
    assert row.reason.startswith(f"mapping: linked already: {office.derived(nomis_id)} to 1")


async def f58(office: Office) -> None:
    office.add("C", location_type="WING", amendments=(changed_capacity("Paint Colour"), changed_capacity()))
    migration_id = await started(office)
    await office.work()
    assert await counts(office, migration_id) == (Status.COMPLETED, 1, 0, 0)
    assert await office.notes(migration_id) == [("dropped history", "Paint Colour")]


async def waits(office: Office) -> None:
    """A run ends when no item is pending, and not before, however empty the queue is (F59–F62)."""
    migration_id = await started(office, 10)
    await office.work_once()
    office.queue.clear()
    for _ in range(20):
        await office.stages.go_on(migration_id)
    assert (await office.runs.run(migration_id)).status is Status.STARTED
    await office.finish(migration_id)
    assert await counts(office, migration_id) == (Status.COMPLETED, 10, 0, 0)


f59 = f60 = waits


async def f61(office: Office) -> None:
    office.add("O", location_type="CASTLE")
    migration_id = await started(office, 2)
    with capture_logs() as logs:
        await office.work()
    assert await counts(office, migration_id) == (Status.COMPLETED, 2, 0, 1)
    [event] = [log for log in logs if log["event"] == "locations-migration-completed"]
    assert (event["migrationId"], event["estimatedCount"], event["durationMinutes"]) == (migration_id, "3", "0")


async def f62(office: Office) -> None:
    migration_id = await started(office, 1)
    await office.work()
    await office.mappings.remove(office.derived(next(iter(office.nomis.rows))))
    assert await counts(office, migration_id) == (Status.COMPLETED, 1, 0, 0)


async def cancels(office: Office) -> None:
    """A cancel waits for pages in work and for nothing else (F65–F67)."""
    two_wings(office)
    migration_id = await started(office)
    await office.work_once()
    await office.work_once()
    lease = await office.pages.lease(migration_id, 1, office.time, office.patience)
    assert lease is not None
    with capture_logs() as logs:
        await office.control.cancel(migration_id, "BOSS")
        assert (await office.runs.run(migration_id)).status is Status.CANCELLED_REQUESTED
        office.queue.clear()
        office.time += 2 * office.patience + timedelta(seconds=1)
        await office.stages.sweep()
    assert await counts(office, migration_id) == (Status.CANCELLED, 2, 12, 0)
    assert [log["event"] for log in logs if "cancelled" in log["event"]] == ["locations-migration-cancelled"]


f65 = f66 = f67 = cancels


async def test_a_message_of_a_run_that_was_wiped_is_ignored(office: Office) -> None:
    for kind in (LIST, PAGE):
        assert type(await office.deliver(Call(type=kind, migration_id="gone"))).__name__ == "Ignored"


async def f73(office: Office) -> None:
    office.add("C", location_type="WING")
    migration_id = await started(office)
    await office.work_once()
    page = office.queue.pop()
    lease = await office.pages.lease(migration_id, page.page, office.time, office.patience)
    assert lease is not None
    outcome = await office.deliver(Call(type=PAGE, migration_id=migration_id, page=page.page))
    assert type(outcome).__name__ == "Ignored"
    verdicts = await office.stages._migrate(migration_id, lease.prisons, lease.items)
    again = await office.stages._migrate(migration_id, lease.prisons, lease.items)
    assert [v.state for v in verdicts] == [v.state for v in again] == [ItemState.MIGRATED]
    assert len(office.locations.locations) == 1


THROUGH_DOORS = (45, 46, 63, 64, 68, 69, 70, 72)
THROUGH_STAGES = (*range(47, 63), 65, 66, 67, 73)
CASES: dict[str, Any] = {name: case for name, case in tuple(globals().items()) if re.fullmatch(r"f\d\d", name)}
# What agrees with the epoch in everything that can be seen from outside.
AGREEING = frozenset({45, 46, 52, 53, 55, 61, 63, 68, 69, 70, 71})
DEVIATING = frozenset(f"F{n}" for n in range(45, 74) if n not in AGREEING)


@pytest.mark.parametrize("number", THROUGH_DOORS)
async def test_case_through_the_doors(town: Town, number: int) -> None:
    case: TownCase = CASES[f"f{number}"]
    await case(town)


@pytest.mark.parametrize("number", THROUGH_STAGES)
async def test_case_through_the_stages(office: Office, number: int) -> None:
    case: OfficeCase = CASES[f"f{number}"]
    await case(office)


async def test_f71_history_of_all_types_is_for_administrators(town: Town, token: MakeToken) -> None:
    await four_rows(town)
    path = "/history?migrationTypes=LOCATIONS&filterContains=2024-01"
    assert [row["migrationId"] for row in await town.get(path)] == ["2024-01-01T01:00:00"]
    assert await town.get("/history?migrationTypes=VISITS") == []
    others = {"Authorization": f"Bearer {token({'ROLE_MIGRATE_LOCATIONS'})}"}
    async with town.operator.get(path, headers=others) as answer:
        assert answer.status == 403
    await emptied(town)


def test_every_case_is_played_and_each_that_deviates_is_documented() -> None:
    assert sorted((*THROUGH_DOORS, *THROUGH_STAGES, 71)) == list(range(45, 74))
    page = (ROOT / "docs" / "deviations.md").read_text(encoding="utf-8")
    documented = {n for n in re.findall(r"^\| (F\d\d) \|", page, re.MULTILINE) if n >= "F45"}
    assert documented == DEVIATING
