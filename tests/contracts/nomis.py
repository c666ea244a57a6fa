"""What every `Nomis` does, be it the client over the real stand-in or the fake of it.

A subclass named `Test…` gives the fixture `nomis`: empty, with the prisons KMI and LEI, in which the uses PROG and APP
are defined. `ConditionalNomisContract` is for a NOMIS that has conditional writes, `NomisContract` for any.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any, Protocol

import msgspec
import pytest

from libs.domain.bulk import NomisDetail
from libs.domain.nomis import (
    Amendment,
    CapacityWrite,
    CertificationWrite,
    CreateNomisLocation,
    DeactivateWrite,
    ListedLocation,
    NomisLocation,
    NomisLocationId,
    NomisUsage,
    Profile,
    UpdateNomisLocation,
)
from libs.domain.writing import NomisWrites
from libs.settling.ports import Nomis, NomisKeyTaken, NotAccepted, Stale

UNKNOWN = NomisLocationId(990_001)
PROFILES = (
    Profile(profile_type="HOU_UNIT_ATT", profile_code="DO"),
    Profile(profile_type="HOU_SANI_FIT", profile_code="WD"),
)


class Both(Nomis, Protocol):
    """The port of the walk, and the bulk reads."""

    async def ids_page(self, page: int, size: int) -> tuple[list[ListedLocation], int]:
        """Return (id, parent id) of one page, and the total."""

    async def details(self, ids: Sequence[NomisLocationId]) -> list[NomisDetail]:
        """Return many rows; those that are gone are absent."""


def wing(**changed: Any) -> CreateNomisLocation:
    given = {"location_type": "WING", "prison_id": "KMI", "location_code": "D", "description": "KMI-D"}
    return CreateNomisLocation.model_validate({**given, "unit_type": "NA", **changed})


def cell(parent: NomisLocationId | None = None, **changed: Any) -> CreateNomisLocation:
    given: dict[str, Any] = {
        "location_type": "CELL",
        "prison_id": "KMI",
        "location_code": "014",
        "description": "KMI-D-014",
        "parent_location_id": parent,
        "user_description": "Corner cell",
        "unit_type": "NA",
        "list_sequence": 14,
        "comment": "Awaiting a window",
        "profiles": PROFILES,
        "certified": True,
        "capacity": 2,
        "operational_capacity": 1,
        "cna_capacity": 1,
    }
    return CreateNomisLocation.model_validate({**given, **changed})


def update(**changed: Any) -> UpdateNomisLocation:
    given = {"location_type": "CELL", "location_code": "014", "description": "KMI-D-014"}
    return UpdateNomisLocation.model_validate({**given, **changed})


async def row_of(nomis: Nomis, location_id: NomisLocationId) -> NomisLocation:
    found = await nomis.read(location_id)
    assert found is not None
    return found.location


def labelled(row: NomisLocation) -> list[Amendment]:
    """Leave out amendments of profiles, which have no label."""
    return [amendment for amendment in row.amendments if amendment.column_name is not None]


class NomisContract:
    """The sentences that hold for any NOMIS."""

    async def test_what_was_created_is_read_by_id_and_by_key(self, nomis: Both) -> None:
        above = await nomis.create(wing())
        location_id = await nomis.create(cell(above))
        row = await row_of(nomis, location_id)
        assert await nomis.read_by_key("KMI-D-014") == await nomis.read(location_id)
        assert (row.location_id, row.prison_id, row.location_type, row.location_code) == (
            location_id,
            "KMI",
            "CELL",
            "014",
        )
        assert (row.parent_location_id, row.parent_key, row.active) == (above, "KMI-D", True)
        assert (row.capacity, row.operational_capacity, row.cna_capacity, row.certified) == (2, 1, 1, True)
        assert (row.user_description, row.comment, row.list_sequence, row.unit_type) == (
            "Corner cell",
            "Awaiting a window",
            14,
            "NA",
        )
        assert (set(row.profiles), row.usages) == (set(PROFILES), ())
        assert labelled(row) == []

    async def test_what_is_not_there_is_none(self, nomis: Both) -> None:
        assert await nomis.read(UNKNOWN) is None
        assert await nomis.read_by_key("KMI-NOWHERE") is None

    async def test_a_description_is_taken_once_in_a_prison(self, nomis: Both) -> None:
        await nomis.create(wing())
        with pytest.raises(NomisKeyTaken):
            await nomis.create(wing())
        await nomis.create(wing(prison_id="LEI"))

    async def test_a_row_cannot_take_another_s_description(self, nomis: Both) -> None:
        await nomis.create(wing())
        location_id = await nomis.create(cell())
        with pytest.raises(NomisKeyTaken):
            await nomis.carry_out(location_id, NomisWrites(update=update(description="KMI-D")), None)
        assert (await row_of(nomis, location_id)).description == "KMI-D-014"

    @pytest.mark.parametrize(
        "wrong",
        [{"parent_location_id": UNKNOWN}, {"user_description": "x" * 41}, {"comment": "x" * 241}],
        ids=lambda wrong: next(iter(wrong)),
    )
    async def test_what_nomis_does_not_accept_is_not_stored(self, nomis: Both, wrong: dict[str, Any]) -> None:
        with pytest.raises(NotAccepted):
            await nomis.create(cell(**wrong))
        assert await nomis.read_by_key("KMI-D-014") is None

    async def test_an_update_replaces_all_but_what_has_calls_of_its_own(self, nomis: Both) -> None:
        location_id = await nomis.create(cell())
        listener = Profile(profile_type="HOU_UNIT_ATT", profile_code="LC")
        await nomis.carry_out(location_id, NomisWrites(update=update(profiles=(PROFILES[0], listener))), None)
        row = await row_of(nomis, location_id)
        assert (row.user_description, row.comment, row.list_sequence, row.unit_type) == (None,) * 4
        assert set(row.profiles) == {PROFILES[0], listener}
        assert (row.capacity, row.operational_capacity, row.cna_capacity, row.certified) == (2, 1, 1, True)

    async def test_usages_are_replaced(self, nomis: Both) -> None:
        location_id = await nomis.create(cell(usages=(NomisUsage(internal_location_usage_type="PROG", capacity=4),)))
        wanted = NomisUsage(internal_location_usage_type="APP", sequence=2)
        await nomis.carry_out(location_id, NomisWrites(update=update(usages=(wanted,))), None)
        assert (await row_of(nomis, location_id)).usages == (wanted,)

    async def test_capacity_and_certification_are_overwritten_also_with_null(self, nomis: Both) -> None:
        location_id = await nomis.create(cell())
        writes = NomisWrites(
            capacity=CapacityWrite(capacity=3, operational_capacity=None),
            certification=CertificationWrite(cna_capacity=0, certified=False),
        )
        await nomis.carry_out(location_id, writes, None)
        row = await row_of(nomis, location_id)
        assert (row.capacity, row.operational_capacity, row.cna_capacity, row.certified) == (3, None, 0, False)

    async def test_a_change_of_capacity_is_amended_in_the_api_s_name(self, nomis: Both) -> None:
        location_id = await nomis.create(cell())
        await nomis.carry_out(
            location_id, NomisWrites(capacity=CapacityWrite(capacity=3, operational_capacity=1)), None
        )
        row = await row_of(nomis, location_id)
        [amendment] = labelled(row)
        assert (amendment.column_name, amendment.old_value, amendment.new_value) == ("Maximum Capacity", "2", "3")
        assert amendment.amended_by == row.create_username == row.modify_username

    async def test_a_change_of_profiles_alone_leaves_a_nameless_amendment_and_who_last_wrote_the_row(
        self, nomis: Both
    ) -> None:
        location_id = await nomis.create(cell())
        before = await row_of(nomis, location_id)
        profile = Profile(profile_type="HOU_UNIT_ATT", profile_code="LC")
        same = {name: getattr(before, name) for name in UpdateNomisLocation.model_fields}
        await nomis.carry_out(location_id, NomisWrites(update=update(**same | {"profiles": (profile,)})), None)
        row = await row_of(nomis, location_id)
        made = [each for each in row.amendments if each not in before.amendments]
        assert {(each.column_name, each.amended_by) for each in made} == {(None, row.create_username)}
        assert (row.profiles, row.modify_username) == ((profile,), before.modify_username)

    async def test_a_location_goes_out_of_use_and_back(self, nomis: Both) -> None:
        location_id = await nomis.create(cell())
        gone = DeactivateWrite(deactivate_date=date(2024, 3, 4), reason_code="G", reactivate_date=date(2024, 5, 6))
        await nomis.carry_out(location_id, NomisWrites(deactivate=gone), None)
        row = await row_of(nomis, location_id)
        assert (row.active, row.deactivate_date, row.reason_code) == (False, date(2024, 3, 4), "G")
        assert row.reactivate_date == date(2024, 5, 6)
        for _ in range(2):
            await nomis.carry_out(location_id, NomisWrites(reactivate=True), None)
        row = await row_of(nomis, location_id)
        assert (row.active, row.deactivate_date, row.reason_code, row.reactivate_date) == (True, None, None, None)

    async def test_already_inactive_is_done_and_force_stamps_anew(self, nomis: Both) -> None:
        location_id = await nomis.create(cell())
        first = DeactivateWrite(deactivate_date=date(2024, 3, 4), reason_code="G")
        later = DeactivateWrite(deactivate_date=date(2024, 4, 5), reason_code="J", force=False)
        for wish in (first, later):
            await nomis.carry_out(location_id, NomisWrites(deactivate=wish), None)
        assert (await row_of(nomis, location_id)).reason_code == "G"
        await nomis.carry_out(location_id, NomisWrites(deactivate=later.model_copy(update={"force": True})), None)
        row = await row_of(nomis, location_id)
        assert (row.deactivate_date, row.reason_code) == (date(2024, 4, 5), "J")

    async def test_a_row_that_is_gone_is_stale(self, nomis: Both) -> None:
        with pytest.raises(Stale):
            await nomis.carry_out(UNKNOWN, NomisWrites(update=update()), None)

    async def test_nothing_to_carry_out_is_done(self, nomis: Both) -> None:
        location_id = await nomis.create(cell())
        before = await nomis.read(location_id)
        await nomis.carry_out(location_id, NomisWrites(), None)
        assert await nomis.read(location_id) == before

    async def test_ids_come_in_pages_with_their_parents(self, nomis: Both) -> None:
        above = await nomis.create(wing())
        below = await nomis.create(cell(above))
        assert await nomis.ids_page(0, 1) == ([(above, None, "KMI")], 2)
        assert await nomis.ids_page(1, 1) == ([(below, above, "KMI")], 2)
        assert await nomis.ids_page(2, 1) == ([], 2)

    async def test_details_are_the_rows_that_exist(self, nomis: Both) -> None:
        location_id = await nomis.create(cell())
        row = await row_of(nomis, location_id)
        expected = msgspec.json.decode(row.model_dump_json(by_alias=True), type=NomisDetail)
        assert await nomis.details([UNKNOWN, location_id]) == [expected]


class ConditionalNomisContract(NomisContract):
    """What also holds for a NOMIS with conditional writes."""

    async def test_writes_against_the_row_as_read_are_carried_out_all(self, nomis: Both) -> None:
        location_id = await nomis.create(cell())
        read = await nomis.read(location_id)
        assert read is not None
        assert read.etag is not None
        writes = NomisWrites(
            update=update(comment="x"),
            capacity=CapacityWrite(capacity=3, operational_capacity=1),
            certification=CertificationWrite(cna_capacity=3, certified=True),
            deactivate=DeactivateWrite(deactivate_date=date(2024, 3, 4)),
        )
        await nomis.carry_out(location_id, writes, read.etag)
        row = await row_of(nomis, location_id)
        assert (row.comment, row.capacity, row.cna_capacity, row.active) == ("x", 3, 3, False)

    async def test_a_row_that_moved_is_stale_and_stays(self, nomis: Both) -> None:
        location_id = await nomis.create(cell())
        read = await nomis.read(location_id)
        assert read is not None
        capacity = CapacityWrite(capacity=3, operational_capacity=1)
        await nomis.carry_out(location_id, NomisWrites(capacity=capacity), None)
        with pytest.raises(Stale):
            await nomis.carry_out(location_id, NomisWrites(update=update()), read.etag)
        row = await row_of(nomis, location_id)
        assert (row.comment, row.capacity) == ("Awaiting a window", 3)

    async def test_the_tag_moves_with_the_row_only(self, nomis: Both) -> None:
        location_id = await nomis.create(cell())
        first, second = await nomis.read(location_id), await nomis.read(location_id)
        assert first is not None
        assert second is not None
        assert first.etag == second.etag
        await nomis.carry_out(location_id, NomisWrites(update=update(profiles=PROFILES)), None)
        moved = await nomis.read(location_id)
        assert moved is not None
        assert moved.etag != first.etag
