"""Sync and migration of one prison at once: nothing newer is overwritten by something older, whoever comes first."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from libs.domain.nomis import NomisLocationId
from libs.messaging.outcome import RetryLater
from libs.settling.settler import Settler
from services.migration.records import MigrationFilter, Status
from tests.services.migration.office import Office
from tests.services.migration.town import Town, seen

# Two calls to list and four for each of two pages, before and after each.
MOMENTS = range(1, 21)


class Meddled:
    """A port; at one chosen moment, before or after a call, somebody else acts."""

    def __init__(self, port: Any, moments: list[int], act: Callable[[], Awaitable[None]]) -> None:
        self._port = port
        self._moments = moments
        self._act = act

    def __getattr__(self, name: str) -> Any:
        async def call(*given: Any) -> Any:
            await self._passed()
            answer = await getattr(self._port, name)(*given)
            await self._passed()
            return answer

        return call

    async def _passed(self) -> None:
        self._moments[0] -= 1
        if self._moments[0] == 0:
            await self._act()


def meddled(office: Office, moment: int, act: Callable[[], Awaitable[None]]) -> None:
    moments = [moment]
    office.stages._nomis = Meddled(office.nomis, moments, act)
    office.stages._mappings = Meddled(office.mappings, moments, act)
    office.stages._locations = Meddled(office.locations, moments, act)


async def settled(settler: Settler, nomis_id: NomisLocationId) -> None:
    """Walk as a worker does, again when it asks for it."""
    for _ in range(20):
        try:
            await settler.settle_nomis(nomis_id)
        except RetryLater:
            continue
        return
    raise AssertionError("this walk never ends")


@pytest.mark.parametrize("sync_is_on", [True, False], ids=["sync on", "sync comes later"])
@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_change_at_any_moment_of_a_page_survives(office: Office, moment: int, sync_is_on: bool) -> None:
    wing = office.add("A", location_type="WING")
    cell = office.add("001", wing, comment="old")
    settler = Settler(office.locations, office.nomis, office.mappings)
    acted = staff_edited = False

    async def act() -> None:
        nonlocal acted, staff_edited
        acted = True
        office.nomis.screen_edit(cell, comment="new")
        if sync_is_on:
            await settled(settler, cell)
        if office.derived(cell) in office.locations.locations:
            office.locations.staff_edit(office.derived(cell), max_capacity=3)
            staff_edited = True

    meddled(office, moment, act)
    started = await office.control.start(MigrationFilter(), "BOSS")
    await office.finish(started.migration_id)
    assert acted
    run = await office.runs.run(started.migration_id)
    assert (run.status, run.records_failed, run.records_pending) == (Status.COMPLETED, 0, 0)
    for _ in range(2):
        for row in (wing, cell):
            await settled(settler, row)
    assert len(office.locations.locations) == len(office.mappings.by_dps) == len(office.nomis.rows) == 2
    own, row_now = office.locations.locations[office.derived(cell)], office.nomis.rows[cell]
    assert (own.comments, row_now.comment) == ("new", "new")
    if staff_edited:
        assert (own.max_capacity, row_now.capacity) == (3, 3)


async def screens_at_work(town: Town, prison: str, ids: list[NomisLocationId]) -> None:
    """Change, add, describe and delete rows as screens do; each is an event of its own."""
    edit = town.screens.edit
    await edit("UPDATE agency_internal_locations SET comment_text = 'Wet' WHERE internal_location_id = $1", ids[-1])
    await edit(
        "INSERT INTO agy_int_loc_profiles (internal_location_id, int_loc_profile_type, int_loc_profile_code)"
        " VALUES ($1, 'HOU_UNIT_ATT', 'DO')",
        ids[-2],
    )
    await edit(
        """
        INSERT INTO agency_internal_locations (agy_loc_id, internal_location_code, internal_location_type, description,
            parent_internal_location_id, capacity, operation_capacity, cna_no, certified_flag, unit_type)
        VALUES ($1::text, '099', 'CELL', $1 || '-A-1-099', $2, 2, 2, 2, 'Y', 'NA')
        """,
        prison,
        ids[1],
    )
    await edit("DELETE FROM agency_internal_locations WHERE internal_location_id = $1", ids[-3])


async def staff_at_work(town: Town, nomis_id: NomisLocationId) -> None:
    """Size a cell, again while it is not there yet or is being written."""

    async def done() -> bool:
        mirror = await town.mirror(nomis_id)
        if mirror is None:
            return False
        sizes = {"maxCapacity": 4, "workingCapacity": 1}
        async with town.staff.put(f"/locations/{mirror.location.id}/capacity", json=sizes) as answer:
            return answer.status == 200

    await seen(done, "staff's edit")


@pytest.mark.parametrize(("start", "prison"), [("before", "EEI"), ("during", "EXI"), ("after", "EYI")])
async def test_sync_may_start_before_during_or_after_a_migration(town: Town, start: str, prison: str) -> None:
    ids = await town.prison(prison, landings=3, cells=4)
    try:
        if start == "before":
            await workers_start(town)
            await screens_at_work(town, prison, ids)
            await seen(lambda: town.mirror(ids[-1]), "a row that sync brought over")
            run = await town.run(prisonIds=[prison])
            await staff_at_work(town, ids[-4])
        elif start == "during":
            migration_id = await town.started(prisonIds=[prison])
            await workers_start(town)
            await asyncio.gather(screens_at_work(town, prison, ids), staff_at_work(town, ids[-4]))
            run = await town.ended(migration_id)
        else:
            run = await town.run(prisonIds=[prison])
            await screens_at_work(town, prison, ids)
            await staff_at_work(town, ids[-4])
            await workers_start(town)
        await the_same_end(town, prison, ids)
    finally:
        await town.from_nomis.stop()
        await town.to_nomis.stop()
    assert run["status"] == "COMPLETED"
    assert run["recordsListed"] == run["recordsMigrated"] + run["recordsSkipped"] + run["recordsFailed"]
    assert run["recordsFailed"] == 0


async def workers_start(town: Town) -> None:
    await town.from_nomis.start()
    await town.to_nomis.start()


async def the_same_end(town: Town, prison: str, ids: list[NomisLocationId]) -> None:
    """Every edit is on both sides, the deleted row on neither, the new one on both."""

    async def arrived() -> bool:
        row = await town.nomis.read(ids[-4])
        wet, doubled = await town.mirror(ids[-1]), await town.mirror(ids[-2])
        return (
            row is not None
            and row.location.capacity == 4
            and wet is not None
            and wet.location.comments == "Wet"
            and doubled is not None
            and "DOUBLE_OCCUPANCY" in {attribute.value for attribute in doubled.location.attributes}
        )

    await seen(arrived, "every edit on the other side")
    await town.equal(prison)
    wet = await town.nomis.read(ids[-1])
    assert wet is not None
    assert wet.location.comment == "Wet"
    assert await town.mirror(ids[-3]) is None
    report = await town.run("/migrate/locations/verifications", prisonIds=[prison])
    assert (report["recordsFailed"], report["recordsMigrated"]) == (0, len(ids))
