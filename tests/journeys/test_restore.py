"""Restores of older databases, rehearsed as the runbook has them: both sides end equal again."""

import asyncio
from pathlib import Path

import asyncpg

from infra.local.demo.desk import Desk, NotSeen, open_desk, seen
from infra.local.demo.scenario import NEW_ROOM, Scenario, a_cell, migrate, reconcile
from infra.local.postgres import SUPERUSER, find_binaries
from infra.local.supervisor import Estate
from libs.domain.nomis import NomisLocationId
from tests.chaos.equality import Both, differences, read
from tests.journeys.conftest import opened

SECONDS = 60.0
LOCATIONS, MAPPING = "locations", "mapping"
BESIDE, LOST = "{}_restored", "{}_lost"
REPORTS = "/locations/reports/reconciliation"


async def ran(program: str, *words: str) -> None:
    """Run a program of PostgreSQL's; it must end well."""
    asked = await asyncio.create_subprocess_exec(
        str(find_binaries() / program), *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    told, _ = await asked.communicate()
    assert asked.returncode == 0, told.decode()


async def restore_beside(estate: Estate, name: str, dump: Path) -> None:
    """Restore a dump into a database that nobody uses yet."""
    beside = BESIDE.format(name)
    async with estate.postgres.admin() as admin:
        await admin.execute(f'CREATE DATABASE {beside} OWNER "{name}"')
        await ran(
            "pg_restore",
            "--exit-on-error",
            "--no-owner",
            f"--role={name}",
            f"--dbname={estate.postgres.dsn(beside, SUPERUSER)}",
            str(dump),
        )
        await admin.execute(f"REVOKE ALL ON DATABASE {beside} FROM PUBLIC")


async def swap(estate: Estate, name: str) -> None:
    """Put what was restored into the place of the database while the services run."""
    async with estate.postgres.admin() as admin:
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await admin.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", name)
        await admin.execute(f"ALTER DATABASE {name} RENAME TO {LOST.format(name)}")
        await admin.execute(f"ALTER DATABASE {BESIDE.format(name)} RENAME TO {name}")


async def begin_feed_anew(estate: Estate) -> None:
    """Let readers of changes begin again."""
    restored = await asyncpg.connect(estate.postgres.dsn(LOCATIONS))
    await restored.execute("UPDATE change_epoch SET epoch = epoch + 1")
    await restored.close()


def dsns(estate: Estate) -> dict[str, str]:
    return {name: found["dsn"] for name, found in estate.endpoints["databases"].items()}


async def equal(estate: Estate) -> Both:
    """Wait until an independent comparison finds nothing; return what both hold."""

    async def look() -> Both | None:
        both = await read(dsns(estate))
        return None if differences(both) else both

    try:
        return await seen(look, "both sides equal", SECONDS)
    except NotSeen as error:
        raise AssertionError([str(each) for each in differences(await read(dsns(estate)))]) from error


async def repaired(desk: Desk) -> None:
    """Compare everything, and have what was found settled."""
    run = await reconcile(desk)
    await desk.reconciliation.request("PUT", f"{REPORTS}/{run['runId']}/repair", ok=(202,))


async def test_after_the_restore_of_an_older_dump_both_sides_end_equal(tmp_path: Path) -> None:
    async with opened(tmp_path / "estate") as house:
        estate, desk = house.estate, house.desk
        await migrate(desk)
        scenario = Scenario(desk, *await a_cell(desk))
        await scenario.create_in_nomis()
        await equal(estate)
        dumps = {name: tmp_path / f"{name}.dump" for name in (LOCATIONS, MAPPING)}
        for name, dump in dumps.items():
            await ran("pg_dump", "--format=custom", f"--file={dump}", dsns(estate)[name])

        await scenario.capacity()
        await scenario.screen_edit()
        await scenario.both_at_once()
        await scenario.create_in_dps()
        await scenario.deactivate()
        await scenario.remove()
        before = await equal(estate)

        await restore_beside(estate, LOCATIONS, dumps[LOCATIONS])
        # Looked at before the services have it: workers may begin to mend at once.
        old = differences(
            await read(dsns(estate) | {LOCATIONS: estate.postgres.dsn(BESIDE.format(LOCATIONS), LOCATIONS)})
        )
        changed = {"local_name", "comments", "max_capacity"}
        assert {each.field for each in old} == {"only in NOMIS", "only in DPS"} | changed
        await swap(estate, LOCATIONS)
        await begin_feed_anew(estate)
        # The first desk's connection went with the database.
        async with open_desk(estate) as again:
            await repaired(again)
            after = await equal(estate)
            # Edits of both sides and the cell made in DPS, under its id, are back from NOMIS.
            assert {nomis_id: after.nomis[nomis_id] for nomis_id in before.nomis} == before.nomis
            assert {dps_id: after.dps[dps_id] for dps_id in before.dps} == before.dps
            # That NOMIS deleted the room was known to the lost database alone: it is back until it is deleted again.
            [room] = after.nomis.keys() - before.nomis.keys()
            assert after.nomis[room]["code"] == NEW_ROOM
            await Scenario(again, scenario.dps_id, scenario.nomis_id, made_in_nomis=NomisLocationId(room)).remove()
            made_again = await equal(estate)
            assert made_again.dps == before.dps

            # Of the mappings it is the same: what was linked since is found again, what is gone is unlinked.
            await restore_beside(estate, MAPPING, dumps[MAPPING])
            old = differences(
                await read(dsns(estate) | {MAPPING: estate.postgres.dsn(BESIDE.format(MAPPING), MAPPING)})
            )
            assert {each.field for each in old} == {"only in NOMIS", "only in DPS", "mapping to no row"}
            await swap(estate, MAPPING)
            await repaired(again)
            linked = await equal(estate)
            assert (linked.nomis, linked.dps, linked.dps_of) == (made_again.nomis, made_again.dps, made_again.dps_of)
