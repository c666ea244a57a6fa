"""A rehearsal says beforehand, location by location, what the migration will say, and writes nothing."""

from typing import Any
from uuid import UUID

import pytest

from libs.domain.mapping import LocationMapping, MappingType
from libs.domain.nomis import Amendment, NomisUsage, Profile
from services.migration.records import ItemQuery, ItemRow, Kind, MigrationFilter, Status, Subject
from services.migration.rules.losses import losses
from tests.libs.domain.rows import dps_cell, nomis_cell
from tests.services.migration.office import Died, Office, two_wings


def messy(office: Office) -> None:
    """Build an estate with one of everything that can go wrong; of two at one path the first to come stays."""
    office.newest_first = False
    two_wings(office)
    known = office.add("K")
    dps_known = office.locations.staff_create(dps_cell(code="K", parent_id=None))
    link = LocationMapping(
        dps_location_id=dps_known.id, nomis_location_id=known, mapping_type=MappingType.NOMIS_CREATED
    )
    office.mappings._put(link)
    below_known = office.add("1", known, location_type="LAND")
    twin = office.add("1X", known)
    office.nomis.screen_edit(twin, location_code="1")
    office.add("001", twin)
    office.add("002", below_known)
    office.add("G", prison_id="ZZGHI")
    castle = office.add("O", location_type="CASTLE")
    office.add("001", castle)
    office.locations.staff_create(dps_cell(id=UUID(int=7), code="H", parent_id=None))
    adopted = office.add("H", location_type="WING")
    office.add("001", adopted)
    office.add("L", location_type="LAND", prison_id="LEI")
    first = office.add("C", location_type="WING", prison_id="MDI")
    second = office.add("C2", location_type="WING", prison_id="MDI")
    office.nomis.screen_edit(second, location_code="C")
    office.add("001", first)
    office.add("002", second)


async def told(office: Office, kind: Kind) -> list[ItemRow]:
    started = await office.control.start(MigrationFilter(), "BOSS", kind)
    await office.finish(started.migration_id)
    run = await office.runs.run(started.migration_id)
    assert run.status is Status.COMPLETED
    assert run.records_listed == run.records_migrated + run.records_skipped + run.records_failed
    return await office.failures.items(started.migration_id, ItemQuery(size=500))


def verdicts(rows: list[ItemRow]) -> list[tuple[int, str, str | None]]:
    return [(row.nomis_location_id, row.state.value, row.reason) for row in rows]


async def test_the_migration_keeps_every_word_of_its_rehearsal(office: Office) -> None:
    messy(office)
    rehearsed = await told(office, Kind.REHEARSAL)
    assert {row.reason for row in rehearsed} >= {
        "duplicate path",
        "parent not in DPS",
        "mapped already",
        "adopted: DPS had the key already",
        "location type 'CASTLE' has no counterpart in DPS",
    }
    assert verdicts(rehearsed) == verdicts(await told(office, Kind.MIGRATION))


async def test_a_rehearsal_writes_nothing(office: Office) -> None:
    messy(office)
    before = (dict(office.locations.locations), dict(office.mappings.by_dps), dict(office.nomis.rows))
    await told(office, Kind.REHEARSAL)
    assert (office.locations.locations, office.mappings.by_dps, office.nomis.rows) == before
    assert (office.nomis.calls, office.locations.conflicts) == ([], [])


@pytest.mark.parametrize("dies_in", range(2, 60, 7))
async def test_a_rehearsal_that_dies_anywhere_says_the_same_in_the_end(office: Office, dies_in: int) -> None:
    messy(office)
    office.dies_in[0] = dies_in
    started = await office.control.start(MigrationFilter(), "BOSS", Kind.REHEARSAL)
    try:
        await office.finish(started.migration_id)
    except Died:
        office.queue.clear()
    office.dies_in[0] = 0
    if await office.runs.active_id() is not None:
        await office.finish(started.migration_id)
    rehearsed = await office.failures.items(started.migration_id, ItemQuery(size=500))
    assert verdicts(rehearsed) == verdicts(await told(office, Kind.MIGRATION))


async def test_a_dps_id_that_is_linked_to_another_row_is_foretold(office: Office) -> None:
    row = office.add("A", location_type="WING")
    other = office.add("B", location_type="WING")
    taken = LocationMapping(
        dps_location_id=office.derived(row), nomis_location_id=other, mapping_type=MappingType.LOCATION_CREATED
    )
    office.mappings._put(taken)
    rehearsed = await told(office, Kind.REHEARSAL)
    assert [row.state.value for row in rehearsed] == ["failed", "skipped"]
    assert rehearsed[0].reason is not None
    assert rehearsed[0].reason.startswith("mapping: linked already")
    assert verdicts(rehearsed) == verdicts(await told(office, Kind.MIGRATION))


NOTHING: dict[str, Any] = {"profiles": (), "amendments": (), "usages": ()}


def amendment(label: str | None) -> Amendment:
    return Amendment.model_validate(
        {
            "amendDateTime": "2019-03-04T05:06:07",
            "columnName": label,
            "oldValue": "a",
            "newValue": "b",
            "amendedBy": "A",
        }
    )


@pytest.mark.parametrize(
    ("changed", "subject", "what"),
    [
        ({"location_type": "BLK", "unit_type": None}, Subject.FOLDED, "type BLK becomes WING"),
        ({"profiles": (Profile(profile_type="HOU_USED_FOR", profile_code="V"),)}, Subject.FOLDED, None),
        ({"profiles": (Profile(profile_type="HOU_USED_FOR", profile_code="MB"),)}, Subject.PROFILE, "HOU_USED_FOR/MB"),
        ({"profiles": (Profile(profile_type="NON_ASSO_TYP", profile_code="X"),)}, Subject.PROFILE, "NON_ASSO_TYP/X"),
        ({"usages": (NomisUsage(internal_location_usage_type="OTH"),)}, Subject.FOLDED, "usage OTH becomes OTHER"),
        ({"active": False, "reason_code": "K"}, Subject.FOLDED, "reason K becomes OTHER"),
        ({"active": False, "reason_code": None}, Subject.FOLDED, "reason none becomes OTHER"),
        ({"unit_type": "HOLC"}, Subject.FOLDED, None),
        ({"amendments": (amendment("Paint Colour"), amendment("Paint Colour"))}, Subject.HISTORY, "Paint Colour"),
    ],
)
def test_each_loss_is_named_once(changed: dict[str, Any], subject: Subject, what: str | None) -> None:
    [note] = losses(nomis_cell(**{**NOTHING, **changed}))
    assert note.subject is subject
    assert what is None or note.what == what


def test_two_usages_that_fold_to_one_are_told() -> None:
    both = (NomisUsage(internal_location_usage_type="OTH"), NomisUsage(internal_location_usage_type="OTHER"))
    subjects = [note.subject for note in losses(nomis_cell(**{**NOTHING, "usages": both}))]
    assert subjects == [Subject.FOLDED, Subject.USAGE]


def test_what_dps_holds_as_it_is_loses_nothing() -> None:
    kept = {"active": False, "reason_code": "J", "amendments": (amendment("Certified"), amendment(None))}
    assert losses(nomis_cell(**kept)) == ()
