"""Conflicts: listed and filtered, acknowledged, and turned round by an edit like any other."""

from typing import Any

import pytest

from tests.conftest import MakeToken
from tests.services.locations.test_staff_doors import ID, Kti, kti

__all__ = ["kti"]


async def record(kti: Kti, path: str, *conflicts: dict[str, Any]) -> list[int]:
    """Have sync record conflicts of a location; return their ids."""
    plain = {"base": None, "dps": None, "nomis": None, "won": "DPS", "reason": "changed on both sides"}
    sent = {"lastUpdatedBy": "OFFICER", "conflicts": [plain | each for each in conflicts]}
    async with kti.client.put(f"/sync/locations/{ID[path]}", json=sent) as answer:
        assert answer.status == 200
    return [row["id"] for row in await kti.connection.fetch("SELECT id FROM conflict ORDER BY id")][-len(conflicts) :]


NAMES = {"field": "localName", "dps": "Ours", "nomis": "Theirs"}


async def test_conflicts_are_listed_by_page_and_filtered(kti: Kti) -> None:
    ids = await record(kti, "C", NAMES, {"field": "comments", "dps": "a", "nomis": "b", "won": "NOMIS"})
    ids += await record(kti, "D", NAMES)
    first = await kti.ask("GET", "/conflicts?size=2")
    rest = await kti.ask("GET", f"/conflicts?after={first[-1]['id']}")
    assert [each["id"] for each in first + rest] == ids
    assert first[0] | NAMES == first[0]
    assert (first[0]["key"], first[0]["detectedBy"], first[0]["won"]) == ("KTI-C", "OFFICER", "DPS")
    for wish, expected in (
        ("field=comments", ids[1:2]),
        ("won=NOMIS", ids[1:2]),
        (f"locationId={ID['D']}", ids[2:]),
        ("acknowledged=true", []),
        ("acknowledged=false", ids),
        ("prisonId=KTI", ids),
        ("prisonId=LEI", []),
    ):
        assert [each["id"] for each in await kti.ask("GET", f"/conflicts?{wish}")] == expected, wish


async def test_a_conflict_is_acknowledged_once_by_a_person(kti: Kti) -> None:
    [conflict] = await record(kti, "C", NAMES)
    seen = await kti.ask("PUT", f"/conflicts/{conflict}/acknowledge")
    assert seen["acknowledgedBy"] == "BOSS"
    assert await kti.ask("PUT", f"/conflicts/{conflict}/acknowledge") == seen
    assert [each["id"] for each in await kti.ask("GET", "/conflicts?acknowledged=true")] == [conflict]
    await kti.ask("PUT", "/conflicts/999999/acknowledge", status=404)
    await kti.ask("GET", "/conflicts/999999", status=404)


@pytest.mark.parametrize(
    ("path", "conflict", "column", "expected", "event"),
    [
        ("C-4-010", {"field": "comments", "dps": "Ours", "nomis": "Theirs"}, "comments", "Theirs", "amended"),
        ("C-4-010", {"field": "maxCapacity", "dps": 2, "nomis": 5}, "max_capacity", 5, "capacity.changed"),
        # Amendments, by which an edit in the gap is known, tell of numbers in text.
        ("C-4-010", {"field": "maxCapacity", "dps": 2, "nomis": "5"}, "max_capacity", 5, "capacity.changed"),
        ("C-4-010", {"field": "certified", "dps": True, "nomis": False}, "certified", False, "certification.changed"),
        ("C-4-010", {"field": "attributes", "dps": [], "nomis": ["CAT_B"]}, "attributes", ["CAT_B"], "amended"),
        ("C-4-010", {"field": "active", "dps": True, "nomis": False}, "active", False, "deactivated"),
        ("D-E-007", {"field": "deactivatedReason", "dps": "DAMAGED", "nomis": "MOTHBALLED"}, None, None, "deactivated"),
        ("D-E-007", {"field": "deactivatedDate", "dps": None, "nomis": "2026-06-01"}, None, None, "deactivated"),
        ("C-VIS", {"field": "usages", "dps": [], "nomis": [["VISIT", 9, 2]]}, None, None, "amended"),
        ("C-4", {"field": "parentId", "dps": None, "nomis": str(ID["D"])}, "path_hierarchy", "D-4", "amended"),
        ("C-4", {"field": "code", "dps": "4", "nomis": "9"}, "path_hierarchy", "C-9", "amended"),
    ],
)  # fmt: skip
async def test_choosing_the_other_value_is_an_edit_of_dps(
    kti: Kti, path: str, conflict: dict[str, Any], column: str | None, expected: Any, event: str
) -> None:
    [number] = await record(kti, path, conflict)
    await kti.connection.execute("DELETE FROM outbox")
    version = await kti.connection.fetchval("SELECT version FROM location WHERE id = $1", ID[path])
    await kti.ask("PUT", f"/conflicts/{number}/choose/NOMIS")
    row = await kti.connection.fetchrow("SELECT * FROM location WHERE id = $1", ID[path])
    assert row is not None
    assert (row["version"], row["updated_by"]) == (version + 1, "BOSS")
    if column is not None:
        assert row[column] == expected
    assert (event, f"KTI-{row['path_hierarchy']}") in await kti.events()
    kept = await kti.ask("GET", f"/conflicts/{number}")
    assert (kept["chosen"], kept["acknowledgedBy"]) == ("NOMIS", "BOSS")


async def test_a_move_that_is_chosen_renames_and_announces_what_is_below(kti: Kti) -> None:
    [number] = await record(kti, "C-4", {"field": "code", "dps": "4", "nomis": "9"})
    await kti.connection.execute("DELETE FROM outbox")
    await kti.ask("PUT", f"/conflicts/{number}/choose/NOMIS")
    assert {key for _, key in await kti.events()} == {"KTI-C-9", "KTI-C-9-010", "KTI-C-9-011"}


async def test_choosing_what_won_changes_nothing_but_is_noted(kti: Kti) -> None:
    [number] = await record(kti, "C-4-010", {"field": "maxCapacity", "dps": 2, "nomis": 5})
    await kti.connection.execute("DELETE FROM outbox")
    await kti.ask("PUT", f"/conflicts/{number}/choose/DPS")
    assert await kti.events() == []
    assert (await kti.ask("GET", f"/conflicts/{number}"))["chosen"] == "DPS"


async def test_a_deletion_has_no_value_to_choose_and_a_wrong_one_is_refused(kti: Kti) -> None:
    gone, odd = await record(
        kti,
        "C-4-010",
        {"field": "deleted", "dps": False, "nomis": True},
        {"field": "locationType", "dps": "CELL", "nomis": "CASTLE"},
    )
    await kti.ask("PUT", f"/conflicts/{gone}/choose/NOMIS", status=409)
    await kti.ask("PUT", f"/conflicts/{odd}/choose/NOMIS", status=400)
    await kti.ask("PUT", f"/conflicts/{odd}/choose/BOTH", status=400)
    assert (await kti.ask("GET", f"/conflicts/{odd}")).get("chosen") is None


async def test_a_code_that_is_taken_and_a_circle_are_refused(kti: Kti) -> None:
    taken, circle = await record(
        kti,
        "C-4",
        {"field": "code", "dps": "4", "nomis": "VIS"},
        {"field": "parentId", "dps": None, "nomis": str(ID["C-4-010"])},
    )
    await kti.ask("PUT", f"/conflicts/{taken}/choose/NOMIS", status=409)
    await kti.ask("PUT", f"/conflicts/{circle}/choose/NOMIS", status=400)


async def test_staff_see_and_answer_conflicts_of_their_caseload_only(kti: Kti, token: MakeToken) -> None:
    [number] = await record(kti, "C", NAMES)
    elsewhere = token({"ROLE_MAINTAIN_LOCATIONS", "ROLE_VIEW_LOCATIONS"}, username="FAR", prisons={"LEI"})
    kti.headers = {"Authorization": f"Bearer {elsewhere}"}
    assert await kti.ask("GET", "/conflicts") == []
    for method, path in (
        ("GET", "/conflicts?prisonId=KTI"),
        ("GET", f"/conflicts/{number}"),
        ("PUT", f"/conflicts/{number}/acknowledge"),
        ("PUT", f"/conflicts/{number}/choose/NOMIS"),
    ):
        await kti.ask(method, path, status=403)


async def test_operators_see_and_acknowledge_conflicts_everywhere_and_edit_only_in_their_caseload(
    kti: Kti, token: MakeToken
) -> None:
    [number] = await record(kti, "C", NAMES)
    roles = {"ROLE_MAINTAIN_LOCATIONS", "ROLE_RECONCILE_LOCATIONS"}
    kti.headers = {"Authorization": f"Bearer {token(roles, username='OPS', prisons={'LEI'})}"}
    assert [each["id"] for each in await kti.ask("GET", "/conflicts?prisonId=KTI")] == [number]
    assert "acknowledgedBy" not in await kti.ask("GET", f"/conflicts/{number}")
    assert (await kti.ask("PUT", f"/conflicts/{number}/acknowledge"))["acknowledgedBy"] == "OPS"
    await kti.ask("PUT", f"/conflicts/{number}/choose/NOMIS", status=403)
