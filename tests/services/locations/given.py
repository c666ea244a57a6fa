"""What stands before a numbered case, and before each of its calls: the table's `given` in deeds."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from msgspec.structs import replace

from tests.services.locations.cases import BY_ID, Z0, World, requests_of
from tests.services.locations.f1 import F1
from tests.services.locations.f2 import F2, INSIDE
from tests.services.locations.prison import put

BEFORE = -1
Step = Callable[[World, int], Awaitable[None]]


async def prepare(case_id: str, world: World, call: int) -> None:
    """Do what the table says, before all calls (`BEFORE`) or before the nth."""
    if case_id in _STEPS:
        await _STEPS[case_id](world, call)


def _after(case_id: str) -> Step:
    async def given(world: World, call: int) -> None:
        if call == BEFORE:
            for each in requests_of(BY_ID[case_id]):
                await world.call(each)
            await world.events()

    return given


def _after_asking(path: str, body: dict[str, str]) -> Step:
    async def given(world: World, call: int) -> None:
        if call == BEFORE:
            await world.call({"method": "PUT", "path": path, "auth": "MAINT+write", "body": body})
            await world.events()

    return given


def _people(when: int, *cells: str) -> Step:
    async def given(world: World, call: int) -> None:
        if call == when:
            for cell in cells:
                await world.put_in(cell)
        elif call > when >= 0:
            await world.release()

    return given


async def _commented(world: World, call: int) -> None:
    if call == BEFORE:
        await world.connection.execute(
            "UPDATE location SET comments = 'Old', order_within_parent_location = 7 WHERE path_hierarchy = 'C-4-011'"
        )


async def _z0(world: World, call: int) -> None:
    if call == BEFORE:
        [cell] = [row for row in F1 if row.path_hierarchy == "C-4-011"]
        z0 = replace(cell, id=Z0, path_hierarchy="C-4-Z0", code="Z0", working_capacity=0)
        await put(world.connection, [z0])


async def _f2(world: World, call: int) -> None:
    if call == BEFORE:
        await world.connection.execute("DELETE FROM location WHERE prison_id = 'KTI'")
        await put(world.connection, F2)
        for cell in INSIDE:
            await world.put_in(cell)


_STEPS: Mapping[str, Step] = MappingProxyType(
    {
        "S07": _after_asking("/locations/{C-4-010}/convert-cell-to-non-res-cell", {"convertedCellType": "OFFICE"}),
        "S12": _commented,
        "S17": _after("S16"),
        "X02": _people(1, "C-4-010", "C-4-011"),
        "X04": _after_asking("/locations/{C-4-010}/deactivate/temporary", {"deactivationReason": "DAMAGED"}),
        "X06": _after("X03"),
        "X07": _after("X03"),
        "X08": _after("X03"),
        "K02": _people(1, "C-4-010", "C-4-010"),
        "K03": _people(BEFORE, "C-4-011"),
        "K04": _z0,
        "K08": _after("K06"),
        "K09": _after("K06"),
        "R10": _f2,
    }
)
