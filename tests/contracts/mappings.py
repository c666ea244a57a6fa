"""What every `Mappings` does, be it the client over the real mapping service or the fake of it.

A subclass named `Test…` gives the fixture `mappings`, empty for each test.
"""

import asyncio
from uuid import UUID

import pytest

from libs.domain.mapping import LocationMapping, MappingType
from libs.domain.nomis import NomisLocationId
from libs.settling.ports import Mappings, MappingTaken

D1 = UUID("5b0e7a52-0c0d-4b6e-9f8b-3f7c1d20c001")
D2 = UUID("5b0e7a52-0c0d-4b6e-9f8b-3f7c1d20c002")
N1, N2, N3 = NomisLocationId(880041), NomisLocationId(880042), NomisLocationId(880043)


def link(
    dps: UUID, nomis: NomisLocationId, kind: MappingType = MappingType.NOMIS_CREATED, label: str | None = None
) -> LocationMapping:
    return LocationMapping(dps_location_id=dps, nomis_location_id=nomis, mapping_type=kind, label=label)


def many(count: int) -> dict[UUID, NomisLocationId]:
    return {UUID(int=n): NomisLocationId(n) for n in range(1, count + 1)}


class MappingsContract:
    """The sentences."""

    async def test_who_asks_at_the_same_time_is_told_of_his_own_alone(self, mappings: Mappings) -> None:
        await mappings.save(link(D1, N1))
        await mappings.save(link(D2, N2))
        from_dps = await asyncio.gather(*(mappings.for_dps(ids) for ids in ([D1], [D2, D1], [UUID(int=7)])))
        from_nomis = await asyncio.gather(*(mappings.for_nomis(ids) for ids in ([N2], [N1, N3], [])))
        assert [{*found} for found in from_dps] == [{D1}, {D1, D2}, set()]
        assert [{*found} for found in from_nomis] == [{N2}, {N1}, set()]

    async def test_what_was_saved_is_found_from_both_sides(self, mappings: Mappings) -> None:
        await mappings.save(link(D1, N1, MappingType.MIGRATED, "2024-04-17T09:31:07"))
        from_dps = await mappings.for_dps([D1])
        from_nomis = await mappings.for_nomis([N1])
        assert from_dps[D1] == from_nomis[N1]
        found = from_dps[D1]
        assert (found.dps_location_id, found.nomis_location_id) == (D1, N1)
        assert (found.mapping_type, found.label) == (MappingType.MIGRATED, "2024-04-17T09:31:07")
        assert found.when_created is not None

    async def test_the_unlinked_are_absent(self, mappings: Mappings) -> None:
        await mappings.save(link(D1, N1))
        assert set(await mappings.for_dps([D1, D2])) == {D1}
        assert set(await mappings.for_nomis([N2, N1])) == {N1}

    async def test_nobody_asked_for_is_nobody_found(self, mappings: Mappings) -> None:
        assert await mappings.for_dps([]) == {}
        assert await mappings.for_nomis([]) == {}

    async def test_the_same_pair_again_is_done_and_changes_nothing(self, mappings: Mappings) -> None:
        await mappings.save(link(D1, N1, MappingType.MIGRATED, "first"))
        before = await mappings.for_dps([D1])
        await mappings.save(link(D1, N1, MappingType.LOCATION_CREATED, "second"))
        assert await mappings.for_dps([D1]) == before

    async def test_a_taken_dps_id_names_its_link(self, mappings: Mappings) -> None:
        await mappings.save(link(D1, N1))
        with pytest.raises(MappingTaken) as taken:
            await mappings.save(link(D1, N2))
        assert pair(taken.value.by_dps) == (D1, N1)
        assert taken.value.by_nomis is None

    async def test_a_taken_nomis_id_names_its_link(self, mappings: Mappings) -> None:
        await mappings.save(link(D1, N1))
        with pytest.raises(MappingTaken) as taken:
            await mappings.save(link(D2, N1))
        assert taken.value.by_dps is None
        assert pair(taken.value.by_nomis) == (D1, N1)

    async def test_two_links_in_the_way_are_both_named(self, mappings: Mappings) -> None:
        await mappings.save(link(D1, N1))
        await mappings.save(link(D2, N2))
        with pytest.raises(MappingTaken) as taken:
            await mappings.save(link(D1, N2))
        assert (pair(taken.value.by_dps), pair(taken.value.by_nomis)) == ((D1, N1), (D2, N2))

    async def test_a_link_is_moved_and_moving_it_again_is_done(self, mappings: Mappings) -> None:
        await mappings.save(link(D1, N1))
        for _ in range(2):
            await mappings.replace(link(D1, N2, MappingType.LOCATION_CREATED), N1)
        assert (await mappings.for_dps([D1]))[D1].mapping_type is MappingType.LOCATION_CREATED
        assert set(await mappings.for_nomis([N1, N2])) == {N2}

    async def test_a_link_that_moved_elsewhere_is_not_moved(self, mappings: Mappings) -> None:
        await mappings.save(link(D1, N3))
        with pytest.raises(MappingTaken) as taken:
            await mappings.replace(link(D1, N2), N1)
        assert pair(taken.value.by_dps) == (D1, N3)

    async def test_a_link_is_not_moved_to_an_id_that_is_taken(self, mappings: Mappings) -> None:
        await mappings.save(link(D1, N1))
        await mappings.save(link(D2, N2))
        with pytest.raises(MappingTaken) as taken:
            await mappings.replace(link(D1, N2), N1)
        assert (pair(taken.value.by_dps), pair(taken.value.by_nomis)) == ((D1, N1), (D2, N2))

    async def test_what_does_not_exist_cannot_be_moved(self, mappings: Mappings) -> None:
        with pytest.raises(MappingTaken) as taken:
            await mappings.replace(link(D1, N2), N1)
        assert (taken.value.by_dps, taken.value.by_nomis) == (None, None)

    async def test_the_link_of_a_row_is_removed_and_no_other(self, mappings: Mappings) -> None:
        await mappings.save(link(D1, N1))
        await mappings.save(link(D2, N2))
        for _ in range(2):
            await mappings.remove_row(N1)
        assert set(await mappings.for_dps([D1, D2])) == {D2}
        assert set(await mappings.for_nomis([N1, N2])) == {N2}

    async def test_more_ids_than_one_call_takes_are_all_looked_up(self, mappings: Mappings) -> None:
        await mappings.save(link(D1, N1))
        asked = many(2500)
        assert set(await mappings.for_dps([*asked, D1])) == {D1}
        assert set(await mappings.for_nomis([*asked.values(), N1])) == {N1}


def pair(mapping: LocationMapping | None) -> tuple[UUID, NomisLocationId] | None:
    return None if mapping is None else (mapping.dps_location_id, mapping.nomis_location_id)
