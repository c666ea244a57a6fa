"""A location's amendments arrive with it: each once, none lost to another's oddity (`reference/from-nomis.md` §2.7)."""

from typing import Any

from libs.domain.nomis import NomisLocationId
from tests.services.migration.town import Town, seen

LONG = "x" * 240
AMENDMENTS = (
    ("Certified", "N", "Y"),
    ("Certified", "N", "Y"),
    ("Paint Colour", "Red", "Blue"),
    ("Maximum Capacity", "1", "2"),
    ("Comments", LONG, LONG[:-1] + "y"),
    ("Baseline CNA", "2", "2"),
    ("Sequence", None, None),
    (None, None, "Listener Cell"),
)


async def amended(town: Town, nomis_id: NomisLocationId) -> None:
    for label, old, new in AMENDMENTS:
        await town.screens.edit(
            """
            INSERT INTO agy_int_loc_amendments
                   (internal_location_id, amend_date, column_name, old_value, new_value, amend_user_id)
            VALUES ($1, '2019-07-04 05:06:07', $2, $3, $4, 'KSMITH_GEN')
            """,
            nomis_id,
            label,
            old,
            new,
            module="MERGE",
        )


async def imported(town: Town, nomis_id: NomisLocationId) -> list[tuple[Any, ...]]:
    """Return the history of a location that came from NOMIS, as staff see it."""
    mirror = await town.mirror(nomis_id)
    assert mirror is not None
    path = f"/locations/{mirror.location.id}?includeHistory=true"
    async with town.staff.get(path) as answer:
        assert answer.status == 200
        rows = (await answer.json())["changeHistory"]
    return sorted(
        (row["attribute"], row.get("oldValues", [row.get("oldValue")]), row.get("newValues", [row.get("newValue")]))
        for row in rows
        if row["amendedBy"] == "KSMITH_GEN"
    )


async def test_each_amendment_arrives_once_and_an_unknown_label_costs_nothing(town: Town) -> None:
    ids = await town.prison("FBI", landings=1, cells=2)
    await amended(town, ids[-1])
    run = await town.run(prisonIds=["FBI"])
    assert (run["recordsMigrated"], run["recordsFailed"]) == (len(ids), 0)
    history = await imported(town, ids[-1])
    assert {row[0] for row in history} >= {"Certification", "Max capacity"}
    assert len(history) == len({str(row) for row in history})
    again = await town.run(prisonIds=["FBI"])
    assert again["recordsSkipped"] >= len(ids)
    assert await imported(town, ids[-1]) == history
    notes = await town.history.fetch(
        "SELECT subject, what FROM migration_note WHERE migration_id = $1", run["migrationId"]
    )
    assert [tuple(row) for row in notes] == [("dropped history", "Paint Colour")]


async def test_a_location_that_sync_brought_first_gets_its_history_from_the_migration(town: Town) -> None:
    ids = await town.prison("FDI", landings=1, cells=1)
    await amended(town, ids[-1])
    await town.from_nomis.start()
    try:
        await town.screens.edit(
            "UPDATE agency_internal_locations SET comment_text = 'Wet' WHERE internal_location_id = $1", ids[-1]
        )
        await seen(lambda: town.mirror(ids[-1]), "a row that sync brought over")
    finally:
        await town.from_nomis.stop()
    assert await imported(town, ids[-1]) == []
    run = await town.run(prisonIds=["FDI"])
    assert run["recordsFailed"] == 0
    assert {row[0] for row in await imported(town, ids[-1])} >= {"Certification", "Max capacity"}
