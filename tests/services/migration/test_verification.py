"""Every location compared on both sides after a run or by itself, looked at twice, and told in a report to sign."""

import re
from base64 import b64encode
from hashlib import sha256
from typing import Any

import pytest

from libs.db.pool import Database
from libs.domain.mapping import LocationMapping, MappingType
from libs.domain.nomis import NomisLocationId, Profile
from services.migration.errors import MigrationNotFound, NotVerified
from services.migration.records import ItemQuery, ItemState, MigrationFilter, MigrationRun, Status, VerificationWish
from services.migration.rules.signing import SignOff
from services.migration.store.reports import ReportStore
from services.migration.views import sign_off
from tests.services.migration.office import Died, Office, two_wings


async def migrated(office: Office) -> str:
    started = await office.control.start(MigrationFilter(), "BOSS")
    await office.finish(started.migration_id)
    return started.migration_id


async def verified(office: Office, migration_id: str | None = None, **wish: Any) -> MigrationRun:
    started = await office.control.verify(VerificationWish(migration_id=migration_id, **wish), "BOSS")
    await office.finish(started.migration_id)
    run = await office.runs.run(started.migration_id)
    assert run.status is Status.COMPLETED
    assert run.records_listed == run.records_migrated + run.records_skipped + run.records_failed
    return run


async def report(history: Database, migration_id: str) -> SignOff:
    return await ReportStore(history, 5, 3).sign_off(migration_id)


async def reasons(office: Office, run: MigrationRun) -> dict[int, str | None]:
    rows = await office.failures.items(run.migration_id, ItemQuery(state=ItemState.FAILED))
    return {row.nomis_location_id: row.reason for row in rows}


async def test_what_was_copied_is_equal_and_the_report_is_clean(office: Office, history: Database) -> None:
    two_wings(office)
    office.add("G", prison_id="ZZGHI")
    office.add("X", prison_id="LEI", location_type="BLK")
    migration_id = await migrated(office)
    run = await verified(office, migration_id)
    assert (run.records_listed, run.records_migrated, run.of_migration_id) == (15, 15, migration_id)
    signed = await report(history, migration_id)
    assert (signed.clean, signed.verification_id, signed.migration_id) == (True, run.migration_id, migration_id)
    leeds, north, ghost = signed.prisons
    assert (leeds.prison_id, north.prison_id, ghost.prison_id) == ("LEI", "NWI", "ZZGHI")
    assert [(note.what, note.count) for note in leeds.notes] == [("type BLK becomes WING", 1)]
    assert north.verified == north.migrated
    assert ghost.verified is None
    assert signed == await report(history, run.migration_id)
    assert len(signed.digest) == 64
    everything = await verified(office)
    assert (everything.records_migrated, everything.records_skipped) == (15, 1)


async def test_what_a_create_that_came_twice_left_over_is_skipped_and_is_no_difference(office: Office) -> None:
    office.add("K")
    spare = office.add("L")
    out_of_use: dict[str, Any] = {
        "active": False,
        "certified": False,
        "cna_capacity": 0,
        "operational_capacity": 0,
        "capacity": 0,
    }
    office.nomis.screen_edit(spare, description=f"{office.nomis.rows[spare].prison_id}-~{spare}", **out_of_use)
    run = await office.runs.run(await migrated(office))
    assert (run.records_migrated, run.records_skipped) == (1, 1)
    assert spare not in office.mappings.by_nomis
    everything = await verified(office)
    assert (everything.records_migrated, everything.records_skipped) == (1, 1)


async def test_everything_that_differs_is_found_and_named(office: Office, history: Database) -> None:
    two_wings(office)
    ids = sorted(office.nomis.rows)
    migration_id = await migrated(office)
    by_staff, by_screen, unlinked, deleted, unknown, gone, odd, long_text, soft = ids[3:6] + ids[6:7] + ids[9:14]
    office.locations.staff_edit(office.derived(by_staff), comments="Wet", max_capacity=9)
    office.nomis.screen_edit(by_screen, user_description="Corner")
    await office.mappings.remove(office.derived(unlinked))
    office.locations.tombstones[office.derived(deleted)] = deleted
    del office.locations.rows[office.derived(deleted)]
    del office.locations.rows[office.derived(unknown)]
    del office.nomis.rows[gone]
    office.nomis.screen_edit(odd, location_type="CASTLE")
    office.locations.staff_edit(office.derived(long_text), comments="w" * 250)
    office.nomis.screen_edit(long_text, comment="w" * 240)
    office.locations.tombstones[office.derived(soft)] = soft
    del office.locations.rows[office.derived(soft)]
    office.nomis.screen_edit(soft, active=False, certified=False, capacity=0, operational_capacity=0, cna_capacity=0)
    run = await verified(office, migration_id)
    assert await reasons(office, run) == {
        by_staff: "differs: comments, maxCapacity",
        by_screen: "differs: localName",
        unlinked: "in NOMIS, linked to no DPS location",
        deleted: "in NOMIS, deleted in DPS",
        unknown: "linked to a location that DPS does not have",
        gone: "gone from NOMIS, still in DPS",
        odd: "location type 'CASTLE' has no counterpart in DPS",
    }
    [prison] = (await report(history, migration_id)).prisons
    assert not prison.clean
    assert [(d.nomis_location_id, d.field, d.nomis, d.dps) for d in prison.differences] == [
        (by_staff, "comments", "Door re-hung", "Wet"),
        (by_staff, "maxCapacity", 2, 9),
        (by_screen, "localName", "Corner", ""),
    ]
    assert prison.differences_total == 3
    assert ("comments longer than NOMIS's 240 characters", 1) in [(note.what, note.count) for note in prison.notes]
    assert {failure.count for failure in prison.failures} == {1}


async def test_a_change_on_its_way_has_arrived_by_the_second_look(office: Office, history: Database) -> None:
    two_wings(office)
    cell = sorted(office.nomis.rows)[3]
    migration_id = await migrated(office)
    office.nomis.screen_edit(cell, comment="Wet")
    started = await office.control.verify(VerificationWish(migration_id=migration_id), "BOSS")
    await office.work()
    assert (await office.runs.run(started.migration_id)).records_pending == 1
    office.locations.staff_edit(office.derived(cell), comments="Wet")
    await office.finish(started.migration_id)
    run = await office.runs.run(started.migration_id)
    assert (run.records_migrated, run.records_failed) == (14, 0)
    assert (await report(history, migration_id)).clean
    [row] = await office.failures.items(run.migration_id, ItemQuery(after=cell - 1, size=1))
    assert (row.attempts, row.reason) == (2, None)


async def test_even_when_nothing_is_equal_it_looks_twice(office: Office) -> None:
    cell = office.add("A", location_type="WING")
    migration_id = await migrated(office)
    office.nomis.screen_edit(cell, comment="Wet")
    run = await verified(office, migration_id)
    [row] = await office.failures.items(run.migration_id, ItemQuery())
    assert (row.state, row.attempts) == (ItemState.FAILED, 2)


async def test_it_can_be_of_some_prisons_and_only_of_a_run_that_there_is(office: Office, history: Database) -> None:
    office.add("A", prison_id="LEI")
    office.add("B", prison_id="MDI")
    migration_id = await migrated(office)
    with pytest.raises(NotVerified, match=migration_id):
        await report(history, migration_id)
    run = await verified(office, prison_ids=("LEI",))
    assert (run.records_migrated, run.records_skipped) == (1, 1)
    with pytest.raises(MigrationNotFound, match="nope"):
        await office.control.verify(VerificationWish(migration_id="nope"), "BOSS")


@pytest.mark.parametrize("dies_in", range(2, 40, 5))
async def test_a_verification_that_dies_anywhere_ends_the_same(office: Office, history: Database, dies_in: int) -> None:
    two_wings(office)
    cell = sorted(office.nomis.rows)[3]
    migration_id = await migrated(office)
    office.nomis.screen_edit(cell, comment="Wet")
    started = await office.control.verify(VerificationWish(migration_id=migration_id), "BOSS")
    office.dies_in[0] = dies_in
    try:
        await office.finish(started.migration_id)
    except Died:
        office.queue.clear()
    office.dies_in[0] = 0
    if await office.runs.active_id() is not None:
        await office.finish(started.migration_id)
    run = await office.runs.run(started.migration_id)
    assert (run.records_migrated, await reasons(office, run)) == (13, {cell: "differs: comments"})
    [prison] = (await report(history, migration_id)).prisons
    assert prison.differences_total == 1


async def test_the_page_escapes_what_people_typed_and_loads_nothing(office: Office, history: Database) -> None:
    wing = office.add("A", location_type="WING")
    migration_id = await migrated(office)
    office.nomis.screen_edit(
        wing,
        user_description="<script>alert(1)</script>",
        profiles=(Profile(profile_type="HOU_USED_FOR", profile_code="<MB>"),),
    )
    await verified(office, migration_id)
    shown = sign_off.page(await report(history, migration_id))
    assert "<script" not in shown
    assert "alert(1)" in shown
    assert "&lt;MB&gt;" in shown
    assert not re.search(r"(src|href|action)=|@import|url\(| style=| on\w+=", shown)
    style = re.search(r"<style>(.*?)</style>", shown, re.DOTALL)
    assert style is not None
    digest = b64encode(sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in sign_off.HEADERS["Content-Security-Policy"]
    assert sign_off.HEADERS["Content-Security-Policy"].startswith("default-src 'none';")
    assert "Not clean" in shown
    assert shown.count("Signature</span>") == 1


async def test_a_link_to_the_wrong_location_is_seen_by_its_fields(office: Office) -> None:
    first, second = office.add("A", location_type="WING"), office.add("B", location_type="WING")
    await migrated(office)
    for row in (first, second):
        await office.mappings.remove(office.derived(row))
    for row, other in ((first, second), (second, first)):
        office.mappings._put(crossed(row, office, other))
    run = await verified(office)
    assert set((await reasons(office, run)).values()) == {"differs: code, key"}


def crossed(row: NomisLocationId, office: Office, other: NomisLocationId) -> LocationMapping:
    return LocationMapping(
        dps_location_id=office.derived(other), nomis_location_id=row, mapping_type=MappingType.MIGRATED
    )
