"""What every `Locations` does, be it the client over the real locations API or the fake of it.

A subclass named `Test…` gives the fixture `locations`, empty for each test.
"""

from typing import Any, Protocol
from uuid import UUID, uuid4

import pytest
from pydantic import JsonValue

from libs.domain.codes import ConvertedCellType
from libs.domain.identity import dps_id_for
from libs.domain.nomis import NomisLocation, NomisLocationId
from libs.domain.shared import project_dps, project_nomis
from libs.domain.sync import Conflict, LocationMirror, MigrateResult, Side, SyncWrite
from libs.domain.writing import dps_create_fields
from libs.settling.ports import HasChildren, KeyTaken, Locations, NotAccepted, RefusedByDps, Stale, Tombstoned
from services.migration.ports import Locations as Migrates
from services.migration.rules.page import history_of
from tests.libs.domain.rows import nomis_cell

N1, N2 = NomisLocationId(771204), NomisLocationId(771205)
ID1, ID2 = dps_id_for(N1), dps_id_for(N2)


class Both(Locations, Migrates, Protocol):
    """The sync doors and the migrate door."""


def first(row: NomisLocation, parent: UUID | None = None) -> SyncWrite:
    return SyncWrite(
        last_updated_by=row.create_username,
        prison_id=row.prison_id,
        create_date=row.create_datetime,
        fields=dps_create_fields(row, str(parent) if parent else None),
        base_as_stored=True,
        key_agreed=True,
        nomis_location_id=row.location_id,
        nomis_description=row.description,
    )


def cell(**changed: Any) -> NomisLocation:
    return nomis_cell(**{"parent_location_id": None, **changed})


def change(**fields: JsonValue) -> SyncWrite:
    return SyncWrite(last_updated_by="OFFICER", fields=fields)


async def make(locations: Locations, row: NomisLocation | None = None, parent: UUID | None = None) -> LocationMirror:
    row = row or cell()
    return await locations.create(dps_id_for(row.location_id), first(row, parent))


def migrated(row: NomisLocation, parent: UUID | None = None) -> dict[str, Any]:
    return {
        "id": str(dps_id_for(row.location_id)),
        "nomisLocationId": row.location_id,
        "nomisDescription": row.description,
        "prisonId": row.prison_id,
        "fields": dps_create_fields(row, str(parent) if parent else None),
        "createDate": row.create_datetime.isoformat(),
        "lastUpdatedBy": row.create_username,
        "history": history_of(row.amendments),
    }


class LocationsContract:
    """The sentences."""

    async def test_a_location_that_nobody_made_is_not_there(self, locations: Both) -> None:
        assert await locations.mirror(uuid4()) is None

    async def test_what_was_created_projects_like_the_row_it_came_from(self, locations: Both) -> None:
        row = cell()
        made = await make(locations, row)
        seen = await locations.mirror(ID1)
        assert seen == made
        assert project_dps(made.location) == project_nomis(row, None)
        assert (made.location.key, made.sync.nomis_location_id) == ("NWI-017", N1)
        assert made.sync.base is not None
        assert (made.sync.base["key"], made.sync.base["maxCapacity"]) == ("NWI-017", 2)

    async def test_creating_again_is_stale_and_changes_nothing(self, locations: Both) -> None:
        made = await make(locations)
        with pytest.raises(Stale):
            await make(locations)
        assert await locations.mirror(ID1) == made

    async def test_a_write_changes_the_fields_it_names_and_no_other(self, locations: Both) -> None:
        made = await make(locations)
        after = await locations.write(ID1, change(maxCapacity=3, comments=None), made.sync.etag)
        assert (after.location.max_capacity, after.location.comments) == (3, None)
        assert (after.location.working_capacity, after.location.code) == (1, "017")
        assert after.location.last_modified_by == "OFFICER"
        assert after.sync.version == made.sync.version + 1

    async def test_a_write_with_an_old_tag_is_stale(self, locations: Both) -> None:
        made = await make(locations)
        await locations.write(ID1, change(maxCapacity=3), made.sync.etag)
        with pytest.raises(Stale):
            await locations.write(ID1, change(maxCapacity=4), made.sync.etag)
        seen = await locations.mirror(ID1)
        assert seen is not None
        assert seen.location.max_capacity == 3

    async def test_remembering_something_moves_the_tag_and_not_the_version(self, locations: Both) -> None:
        made = await make(locations)
        noted = SyncWrite(last_updated_by="SYNC", published={"comments": ["x"]})
        after = await locations.write(ID1, noted, made.sync.etag)
        assert after.sync.published == {"comments": ["x"]}
        assert (after.sync.version, after.sync.base) == (made.sync.version, made.sync.base)
        assert after.sync.etag != made.sync.etag
        assert after.location.last_modified_by == made.location.last_modified_by

    async def test_a_base_is_replaced_and_the_key_agreed_is_the_one_after_the_write(self, locations: Both) -> None:
        made = await make(locations)
        write = SyncWrite(last_updated_by="SYNC", fields={"code": "018"}, base={"code": "018"}, key_agreed=True)
        after = await locations.write(ID1, write, made.sync.etag)
        assert after.sync.base == {"code": "018", "key": "NWI-018"}

    async def test_a_taken_path_names_its_holder(self, locations: Both) -> None:
        await make(locations)
        with pytest.raises(KeyTaken) as taken:
            await make(locations, cell(location_id=N2))
        assert taken.value.holder == ID1
        other = await make(locations, cell(location_id=N2, location_code="018", description="NWI-018"))
        with pytest.raises(KeyTaken) as moved:
            await locations.write(ID2, change(code="017"), other.sync.etag)
        assert moved.value.holder == ID1

    async def test_a_changed_code_renames_what_is_below(self, locations: Both) -> None:
        wing = await make(locations, cell(location_type="WING", location_code="A", description="NWI-A"))
        below = await make(locations, cell(location_id=N2), parent=ID1)
        assert below.location.key == "NWI-A-017"
        await locations.write(ID1, change(code="B"), wing.sync.etag)
        seen = await locations.mirror(ID2)
        assert seen is not None
        assert seen.location.key == "NWI-B-017"
        assert seen.sync == below.sync

    async def test_a_deleted_leaf_leaves_a_tombstone_and_deleting_again_is_done(self, locations: Both) -> None:
        made = await make(locations)
        await locations.delete(ID1, made.sync.etag)
        with pytest.raises(Tombstoned):
            await locations.mirror(ID1)
        with pytest.raises(Tombstoned):
            await make(locations)
        await locations.delete(ID1, made.sync.etag)

    async def test_a_parent_is_not_deleted_and_neither_is_one_that_moved(self, locations: Both) -> None:
        wing = await make(locations, cell(location_type="WING", location_code="A", description="NWI-A"))
        below = await make(locations, cell(location_id=N2), parent=ID1)
        with pytest.raises(HasChildren):
            await locations.delete(ID1, wing.sync.etag)
        await locations.write(ID2, change(maxCapacity=3), below.sync.etag)
        with pytest.raises(Stale):
            await locations.delete(ID2, below.sync.etag)

    async def test_a_holding_cell_is_converted_as_it_arrives_and_takes_no_update(self, locations: Both) -> None:
        made = await make(locations, cell(unit_type="HOLC"))
        assert made.location.converted_cell_type is ConvertedCellType.HOLDING_ROOM
        assert made.location.max_capacity is None
        with pytest.raises(RefusedByDps):
            await locations.write(ID1, change(comments="x"), made.sync.etag)
        noted = SyncWrite(last_updated_by="SYNC", published={})
        assert (await locations.write(ID1, noted, made.sync.etag)).sync.state_version == made.sync.state_version + 1

    async def test_a_value_that_dps_cannot_hold_is_refused_by_name(self, locations: Both) -> None:
        made = await make(locations)
        for fields, named in (
            ({"locationType": "CASTLE"}, "locationType"),
            ({"colour": "blue"}, "colour"),
            ({"maxCapacity": "many"}, "maxCapacity"),
        ):
            with pytest.raises(NotAccepted, match=named):
                await locations.write(ID1, change(**fields), made.sync.etag)

    async def test_conflicts_are_taken_with_the_write(self, locations: Both) -> None:
        made = await make(locations)
        conflict = Conflict(
            field="comments", base="a", dps="b", nomis=None, won=Side.DPS, reason="changed on both sides"
        )
        noted = SyncWrite(last_updated_by="SYNC", conflicts=(conflict,))
        assert (await locations.write(ID1, noted, made.sync.etag)).sync.state_version == made.sync.state_version + 1

    async def test_a_page_is_created_whatever_its_order_and_again_it_exists(self, locations: Both) -> None:
        wing = cell(location_type="WING", location_code="A", description="NWI-A")
        page = [migrated(cell(location_id=N2), ID1), migrated(wing)]
        assert await locations.validate([]) == []
        rehearsed = await locations.validate(page)
        assert await locations.mirror(ID1) is None
        first_try = await locations.migrate(page)
        assert first_try == rehearsed
        assert [(o.id, o.result) for o in first_try] == [(ID2, MigrateResult.CREATED), (ID1, MigrateResult.CREATED)]
        assert [o.result for o in await locations.migrate(page)] == [MigrateResult.EXISTS] * 2
        assert [o.result for o in await locations.validate(page)] == [MigrateResult.EXISTS] * 2
        seen = await locations.mirror(ID2)
        assert seen is not None
        assert (seen.location.key, seen.sync.nomis_location_id, seen.sync.version) == ("NWI-A-017", N2, 1)
        assert seen.sync.base is not None
        assert seen.sync.base["key"] == "NWI-A-017"

    async def test_a_bad_location_of_a_page_is_told_why_and_the_others_are_kept(self, locations: Both) -> None:
        twin = NomisLocationId(771206)
        orphan = NomisLocationId(771207)
        page = [migrated(cell()), migrated(cell(location_id=twin)), migrated(cell(location_id=orphan), uuid4())]
        outcomes = await locations.migrate(page)
        assert [o.result for o in outcomes] == [MigrateResult.CREATED, MigrateResult.FAILED, MigrateResult.NO_PARENT]
        assert outcomes[1].reason == "duplicate path"

    async def test_who_has_the_path_without_a_row_is_adopted_again_and_again_by_one_row_alone(
        self, locations: Both
    ) -> None:
        ours = first(cell()).model_copy(update={"nomis_location_id": None, "nomis_description": None})
        own = await locations.create(uuid4(), ours)
        row, twin = migrated(cell()), migrated(cell(location_id=N2))
        for _ in range(2):
            [outcome] = await locations.migrate([row])
            assert (outcome.id, outcome.result) == (own.location.id, MigrateResult.ADOPTED)
        [refused] = await locations.migrate([twin])
        assert (refused.result, refused.reason) == (MigrateResult.FAILED, "duplicate path")
        seen = await locations.mirror(own.location.id)
        assert seen is not None
        assert (seen.sync.nomis_location_id, seen.location) == (N1, own.location)
