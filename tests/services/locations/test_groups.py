"""Locations by group, type and use, on fixture F1; groups as configured and without configuration."""

import pytest

from services.locations.rules.groups import Groups, GroupsUnreadable
from tests.services.locations.asking import Asking, holds
from tests.services.locations.prison import cell, put, row

GROUPS = Groups({"KTI": {"East": ["KTI-C-.+"], "East_Up": ["KTI-C-4-.+", "KTI-D-.+"], "Zone 10": ["KTI-Z-.+"]}})
PRISON = "GET /locations/prison/KTI"


async def keys(f1: Asking, line: str) -> list[str]:
    return [each["key"] for each in await f1.ask("VIEW", line)]


async def test_without_configuration_the_groups_are_wings_in_use_with_what_is_right_below(f1: Asking) -> None:
    await put(f1.connection, [row(90, "C-4-9", f1.id("C-4")), row(91, "C-6", f1.id("C"), local_name="TOP LANDING")])
    await f1.connection.execute("UPDATE location SET active = false WHERE path_hierarchy = 'D-E'")
    assert await f1.ask("VIEW", f"{PRISON}/groups") == [
        {
            "name": "C",
            "key": "C",
            "children": [
                {"name": "4", "key": "4", "children": []},
                {"name": "5", "key": "5", "children": []},
                {"name": "Top Landing", "key": "6", "children": []},
            ],
        },
        {"name": "D", "key": "D", "children": []},
    ]


async def test_the_groups_that_come_with_the_service_are_listed(f1: Asking) -> None:
    groups = await f1.ask("VIEW", "GET /locations/prison/HEI/groups")
    holds(groups[-1], {"name": "Segregation Unit", "children": [{"key": "Landing 1"}, {"key": "Landing 2"}]})
    prefix = await f1.ask("VIEW", "GET /locations/prison/HEI/group/Segregation Unit_Landing 1/location-prefix")
    assert prefix == {"locationPrefix": "HEI-S-1-"}


async def test_r08_a_group_that_is_not_configured_has_no_prefix(f1: Asking) -> None:
    told = await f1.ask("VIEW", "GET /locations/prison/XYI/group/Block 9/location-prefix", status=404)
    assert told["errorCode"] == 111


async def test_cells_of_a_group_go_by_path_where_none_is_configured(f1: Asking) -> None:
    assert await keys(f1, "GET /locations/groups/KTI/C_4") == ["KTI-C-4-010", "KTI-C-4-011"]
    assert await keys(f1, "GET /locations/groups/KTI/C_5") == []
    assert await keys(f1, "GET /locations/groups/KTI/D") == []


async def test_cells_of_a_group_go_by_their_whole_key_where_one_is_configured(f1: Asking) -> None:
    await put(f1.connection, [cell(n, f"S-1-{n}", None, "HEI") for n in (10, 9)] + [cell(3, "S-11", None, "HEI")])
    assert await keys(f1, "GET /locations/groups/HEI/Segregation Unit_Landing 1") == ["HEI-S-1-9", "HEI-S-1-10"]


async def test_locations_are_listed_by_stored_type_and_own_state(f1: Asking) -> None:
    await f1.connection.execute("UPDATE location SET converted_cell_type = 'OFFICE' WHERE path_hierarchy = 'C-4-010'")
    await f1.connection.execute("UPDATE location SET active = false WHERE path_hierarchy = 'C-4'")
    assert await keys(f1, f"{PRISON}/location-type/CELL") == ["KTI-C-4-010", "KTI-C-4-011"]
    assert await keys(f1, f"{PRISON}/location-type/LANDING") == ["KTI-C-5", "KTI-D-E"]
    assert "errorCode" not in await f1.ask("VIEW", f"{PRISON}/location-type/CASTLE", status=400)


async def test_rooms_are_listed_by_use_whatever_their_state(f1: Asking) -> None:
    await f1.connection.execute("UPDATE location SET active = false, archived = true WHERE path_hierarchy = 'C-VIS'")
    assert await keys(f1, f"{PRISON}/non-residential-usage-type/VISIT") == ["KTI-C-VIS"]
    assert await keys(f1, f"{PRISON}/non-residential-usage-type/PROPERTY") == []
    assert "errorCode" not in await f1.ask("VIEW", f"{PRISON}/non-residential-usage-type/NAPS", status=400)


def test_configured_groups_are_listed_with_their_subgroups_in_natural_order() -> None:
    assert GROUPS.of("KTI") == [
        {"name": "East", "key": "East", "children": [{"name": "Up", "key": "Up", "children": []}]},
        {"name": "Zone 10", "key": "Zone 10", "children": []},
    ]
    assert GROUPS.of("RDI") == []
    assert [GROUPS.prefix("KTI", name) for name in ("East", "East_Up", "West")] == ["KTI-C-", "KTI-C-4-,KTI-D-", None]
    holds_up = GROUPS.holds("KTI", "East_Up")
    assert [holds_up(path) for path in ("C-4-1", "D-1", "C-5-1")] == [True, True, False]


def test_a_pattern_that_is_none_is_found_at_the_start() -> None:
    with pytest.raises(GroupsUnreadable, match="KTI East: 'KTI-\\['"):
        Groups({"KTI": {"East": ["KTI-["]}})
