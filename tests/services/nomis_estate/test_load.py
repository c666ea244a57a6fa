"""An estate in the real tables: everything arrives, and nothing is raised by it."""

import asyncpg
import pytest

from services.nomis.estate.estate import Estate
from services.nomis.estate.load import load
from tests.services.nomis_estate.conftest import PRISONS


async def test_everything_made_is_in_the_tables(empty_nomis: "asyncpg.Connection[asyncpg.Record]") -> None:
    loaded = await load(empty_nomis, Estate(7, "tiny", PRISONS))
    for table, rows in (
        ("agency_locations", loaded.prisons),
        ("agency_internal_locations", loaded.locations),
        ("agy_int_loc_profiles", loaded.profiles),
        ("internal_location_usages", loaded.usages),
        ("int_loc_usage_locations", loaded.usage_locations),
        ("agy_int_loc_amendments", loaded.amendments),
    ):
        assert rows > 0
        assert await empty_nomis.fetchval(f"SELECT count(*) FROM {table}") == rows


async def test_a_load_raises_no_events(nomis: "asyncpg.Connection[asyncpg.Record]") -> None:
    assert await nomis.fetchval("SELECT count(*) FROM xtag_listener_tab") == 0


async def test_rows_keep_who_made_and_changed_them(nomis: "asyncpg.Connection[asyncpg.Record]") -> None:
    makers = await nomis.fetchval("SELECT array_agg(DISTINCT create_user_id) FROM agency_internal_locations")
    assert {"OMS_OWNER"} <= set(makers) <= {"OMS_OWNER", "PRISONER_API_USER"}
    assert await nomis.fetchval("SELECT count(*) FROM agency_internal_locations WHERE modify_user_id IS NOT NULL") > 0
    assert await nomis.fetchval("SELECT max(create_datetime) FROM agency_internal_locations") < await nomis.fetchval(
        "SELECT timestamp '2024-09-30'"
    )


async def test_agencies_say_what_their_levels_are_called(nomis: "asyncpg.Connection[asyncpg.Record]") -> None:
    leeds = await nomis.fetchrow("SELECT * FROM agency_locations WHERE agy_loc_id = 'LEI'")
    albany = await nomis.fetchrow("SELECT * FROM agency_locations WHERE agy_loc_id = 'ALI'")
    assert leeds is not None
    assert albany is not None
    assert (leeds["active_flag"], albany["active_flag"]) == ("Y", "N")
    assert [leeds[f"housing_lev_{level}_code"] for level in range(1, 5)] == ["WING", "LAND", "CELL", None]


async def test_new_rows_get_ids_above_all_that_were_loaded(nomis: "asyncpg.Connection[asyncpg.Record]") -> None:
    highest = await nomis.fetchval("SELECT max(internal_location_id) FROM agency_internal_locations")
    assert await nomis.fetchval("SELECT nextval('internal_location_id')") >= max(700_000, highest + 1)
    highest = await nomis.fetchval("SELECT max(agy_int_loc_amendment_id) FROM agy_int_loc_amendments")
    assert await nomis.fetchval("SELECT nextval('agy_int_loc_amendment_id')") > highest


async def test_another_prison_can_be_loaded_later(screens: "asyncpg.Connection[asyncpg.Record]") -> None:
    more = await load(screens, Estate(7, "tiny", ["BCI"]))
    there = await screens.fetchval("SELECT count(*) FROM agency_internal_locations WHERE agy_loc_id = 'BCI'")
    assert there == more.locations > 0


async def test_a_second_load_of_a_prison_changes_nothing(screens: "asyncpg.Connection[asyncpg.Record]") -> None:
    before = await screens.fetchval("SELECT count(*) FROM agency_internal_locations")
    with pytest.raises(asyncpg.UniqueViolationError):
        await load(screens, Estate(7, "tiny", ["BCI", "LEI"]))
    assert await screens.fetchval("SELECT count(*) FROM agency_internal_locations") == before
