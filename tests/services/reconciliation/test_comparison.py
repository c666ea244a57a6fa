"""One location as both sides have it: every field, what differs, and why nothing could settle it."""

import pytest

from libs.domain.identity import dps_id_for
from libs.domain.nomis import NomisLocationId
from libs.domain.shared import Share
from libs.domain.sync import Side
from services.reconciliation.errors import LocationUnknown
from services.reconciliation.reconcile.comparison import Comparisons
from services.reconciliation.reconcile.looking import Look
from services.reconciliation.records import DueLocation, Finding
from services.reconciliation.store.due import DueStore
from tests.auditing import AUDITOR
from tests.fakes.fake_bulk import BulkLocations, BulkMappings, BulkNomis
from tests.services.reconciliation.conftest import Bench


@pytest.fixture
def comparisons(bench: Bench) -> Comparisons:
    look = Look(BulkNomis(bench.nomis), BulkMappings(bench.mappings), BulkLocations(bench.locations))
    return Comparisons(look, DueStore(bench.database, AUDITOR))


def in_dps(nomis_id: int) -> DueLocation:
    return DueLocation(Side.DPS, str(dps_id_for(NomisLocationId(nomis_id))))


def in_nomis(nomis_id: int) -> DueLocation:
    return DueLocation(Side.NOMIS, str(nomis_id))


async def test_every_field_is_shown_and_those_that_differ_are_marked(bench: Bench, comparisons: Comparisons) -> None:
    *_, cell = await bench.wing()
    bench.nomis.screen_edit(cell, comment="Edited")
    found = await comparisons.of(in_dps(cell))
    assert (found.verdict.finding, found.linked, found.parked) == (Finding.DIFFERENT, True, None)
    fields = {each.field: each for each in found.fields}
    assert [each.field for each in found.fields if each.differs] == ["comments"]
    assert (fields["comments"].dps, fields["comments"].nomis) == ("Door re-hung", "Edited")
    assert fields["usages"].share is Share.NOMIS_OWN
    assert fields["key"].dps == fields["key"].nomis == "NWI-A-1-004"
    assert await comparisons.of(in_nomis(cell)) == found


async def test_of_equal_sides_nothing_is_found(bench: Bench, comparisons: Comparisons) -> None:
    wing, *_ = await bench.wing()
    found = await comparisons.of(in_dps(wing))
    assert (found.verdict.finding, any(each.differs for each in found.fields)) == (None, False)


async def test_one_half_alone_has_no_fields_beside_it(bench: Bench, comparisons: Comparisons) -> None:
    alone = await bench.add("N", linked=False)
    found = await comparisons.of(in_nomis(alone))
    assert (found.verdict.finding, found.linked, found.fields) == (Finding.MISSING_IN_DPS, False, ())


async def test_a_word_that_dps_does_not_have_is_said_and_not_shown_beside(
    bench: Bench, comparisons: Comparisons
) -> None:
    cell = await bench.add("1")
    bench.nomis.screen_edit(cell, unit_type="ODD")
    found = await comparisons.of(in_dps(cell))
    assert (found.verdict.finding, found.fields) == (Finding.DIFFERENT, ())
    assert "ODD" in found.verdict.reason


async def test_what_nothing_could_settle_says_why(bench: Bench, comparisons: Comparisons) -> None:
    cell = await bench.add("1")
    await bench.database.execute(
        "INSERT INTO due (side, id, prison_id, due_at, since, parked_at, reason, key)"
        " VALUES ('NOMIS', $1, 'NWI', $2, $2, $2, 'three rounds', 'NWI-1')",
        str(cell),
        bench.time,
    )
    found = await comparisons.of(in_dps(cell))
    assert found.parked is not None
    assert (found.parked.reason, found.parked.parked_at) == ("three rounds", bench.time)


async def test_what_neither_side_has_is_unknown(comparisons: Comparisons) -> None:
    with pytest.raises(LocationUnknown, match="no location 404"):
        await comparisons.of(in_nomis(404))
