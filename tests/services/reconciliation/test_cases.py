"""The cases R01 to R22 of `reference/to-nomis.md` §5, by number.

Where the design overrides a case it keeps its number, says so here and in `docs/deviations.md`.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from libs.domain.attributes import Attribute
from libs.domain.bulk import Mirrors
from libs.domain.codes import ConvertedCellType, LocationType, ResidentialHousingType, UsageType
from libs.domain.identity import dps_id_for
from libs.domain.nomis import NomisUsage, Profile
from libs.domain.sync import Usage
from services.reconciliation.records import Finding, Mismatch, Run, Status
from services.reconciliation.settings import RunLimits
from tests.conftest import ROOT
from tests.fakes.fake_bulk import BulkLocations, BulkMappings, BulkNomis
from tests.libs.domain.rows import dps_cell
from tests.services.reconciliation.conftest import SMALL, Bench

AGREEING = {"R02", "R04", "R08", "R09", "R10", "R11", "R12", "R14", "R17", "R18", "R19", "R21"}
DEVIATING = {f"R{n:02d}" for n in range(1, 23)} - AGREEING

Case = Callable[[Bench], Awaitable[None]]


def fields(found: Sequence[Mismatch]) -> list[str]:
    return sorted(difference["field"] for each in found for difference in each.differences)


async def compared(bench: Bench, dps: Mapping[str, Any], **nomis: Any) -> list[str]:
    """Make one pair, change its DPS half, and return the fields that are reported."""
    cell = await bench.add("1", **nomis)
    bench.locations.staff_edit(dps_id_for(cell), **dps)
    return fields((await bench.report())[1])


class Counted(BulkNomis):
    """Notes the pages of ids that were asked for."""

    pages = 0

    async def ids(self, size: int, prison_id: str | None = None) -> Any:
        async for page in super().ids(size, prison_id):
            self.pages += 1
            yield page


async def r01(bench: Bench) -> None:
    """Pages follow the last id, so an exact multiple has no empty page behind it."""
    for n in range(40):
        await bench.add(f"{n:02}")
    nomis = Counted(bench.nomis)
    run, found = await bench.report(runs=bench.runs_with(RunLimits(ids_page=20), nomis=nomis))
    assert (nomis.pages, run.compared, found) == (2, 40, [])


async def r02(bench: Bench) -> None:
    run, found = await bench.report()
    assert (run.status, run.nomis_rows, run.dps_locations, found) == (Status.COMPLETED, 0, 0, [])


class Away(BulkNomis):
    """Does not answer."""

    async def total(self) -> int:
        raise ConnectionError


async def r03(bench: Bench) -> None:
    """Nothing starts; the door answers 503 (test_doors.py)."""
    with pytest.raises(ConnectionError):
        await bench.runs_with(SMALL, nomis=Away(bench.nomis)).request(None, "OPERATOR", settles=False)
    assert await bench.store.runs(10) == []


async def r04(bench: Bench) -> None:
    assert await compared(bench, {"order_within_parent_location": None}, list_sequence=3) == [
        "orderWithinParentLocation"
    ]


async def r05(bench: Bench) -> None:
    """No text is no text."""
    assert await compared(bench, {"local_name": None}, user_description="") == []


async def r06(bench: Bench) -> None:
    """The value is compared, not only whether there is one."""
    other = {"residential_housing_type": ResidentialHousingType.NORMAL_ACCOMMODATION}
    assert "residentialHousingType" in await compared(bench, other, unit_type="REC")


async def r07(bench: Bench) -> None:
    """A number of nought is a number: DPS's two are missing in NOMIS."""
    dps = {"max_capacity": 2, "working_capacity": 1, "certified": False}
    nomis = {"operational_capacity": 0, "capacity": None, "cna_capacity": 0, "certified": True}
    assert await compared(bench, dps, **nomis) == ["certified", "maxCapacity", "workingCapacity"]


async def r08(bench: Bench) -> None:
    assert await compared(bench, {"max_capacity": 2}, capacity=3) == ["maxCapacity"]


async def r09(bench: Bench) -> None:
    cell = await bench.add("1", unit_type="HOLC", capacity=3)
    assert bench.locations.locations[dps_id_for(cell)].converted_cell_type is ConvertedCellType.HOLDING_ROOM
    assert (await bench.report())[1] == []


async def r10(bench: Bench) -> None:
    assert await compared(bench, {}, location_type="LAND", capacity=3) == []
    assert next(iter(bench.locations.locations.values())).location_type is LocationType.LANDING


async def r11(bench: Bench) -> None:
    pairs = [
        *(("NON_ASSO_TYP", "X"), ("HOU_USED_FOR", "V"), ("HOU_USED_FOR", "7")),
        *(("SUP_LVL_TYPE", "N/A"), ("SUP_LVL_TYPE", "NA"), ("HOU_SANI_FIT", "ST")),
    ]
    profiles = tuple(Profile(profile_type=kind, profile_code=code) for kind, code in pairs)
    both = {"attributes": (Attribute.VULNERABLE_PRISONER_UNIT, Attribute.NOT_APPLICABLE)}
    assert await compared(bench, both, profiles=profiles) == []


async def r12(bench: Bench) -> None:
    uses = tuple(NomisUsage(internal_location_usage_type=use, sequence=1) for use in ("VISIT", "PROG"))
    one = {"usages": (Usage(usage_type=UsageType.VISIT, sequence=1),)}
    room = {"location_type": "VISIT", "unit_type": None, "profiles": (), "usages": uses}
    assert await compared(bench, one, **room) == ["usages"]


async def r13(bench: Bench) -> None:
    """Whether it is in use is compared, as the original does since."""
    assert "active" in await compared(bench, {"active": False})


async def r14(bench: Bench) -> None:
    await bench.add("1", prison_id="TRN", linked=False)
    run, found = await bench.report()
    assert (run.ignored, found) == (1, [])


async def r15(bench: Bench) -> None:
    """What is missed is a mismatch and is counted."""
    await bench.add("1", linked=False)
    run, found = await bench.report()
    assert ([each.finding for each in found], run.mismatches) == ([Finding.MISSING_IN_DPS], 1)


async def r16(bench: Bench) -> None:
    """Equal totals prove nothing."""
    for n in range(3):
        await bench.add(f"{n}")
    await bench.add("X", prison_id="TRN", linked=False)
    await bench.add("N", linked=False)
    bench.locations.staff_create(dps_cell(id=uuid4(), parent_id=None, code="D"))
    run, found = await bench.report()
    assert run.nomis_rows - run.ignored == run.dps_locations == 4
    assert {each.finding for each in found} == {Finding.MISSING_IN_DPS, Finding.MISSING_IN_NOMIS}


async def r17(bench: Bench) -> None:
    await bench.wing()
    own = bench.locations.staff_create(dps_cell(id=uuid4(), parent_id=None, code="D"))
    run, found = await bench.report()
    assert [(each.finding, each.dps_location_id) for each in found] == [(Finding.MISSING_IN_NOMIS, own.id)]
    assert (run.nomis_rows, run.dps_locations, run.mismatches) == (6, 7, 1)


async def r18(bench: Bench) -> None:
    for n in range(14):
        bench.nomis.screen_edit(await bench.add(f"{n:02}"), comment="Edited")
    with capture_logs() as told:
        await bench.report()
    [success] = [each for each in told if each["event"] == "locations-reports-reconciliation-success"]
    assert success["mismatch-count"] == "14"
    assert len([name for name in success if re.fullmatch(r"(\d+|null),([0-9a-f-]{36}|null)", name)]) == 10


class Failing(BulkMappings):
    """Fails as often as it is told to."""

    failures = 2

    async def pairs(self, after: int, up_to: int, size: int) -> Any:
        if self.failures:
            self.failures -= 1
            raise TimeoutError
        return await super().pairs(after, up_to, size)


async def outcome(bench: Bench, failures: int) -> Run:
    mappings = Failing(bench.mappings)
    mappings.failures = failures
    runs = bench.runs_with(SMALL, mappings=mappings)
    run_id = await runs.request(None, "OPERATOR", settles=False)
    while await runs.work():
        pass
    return await bench.store.run(run_id)


async def r19(bench: Bench) -> None:
    await bench.add("1")
    run = await outcome(bench, 2)
    assert (run.status, run.compared, run.failure) == (Status.COMPLETED, 1, None)


async def r20(bench: Bench) -> None:
    """Half a report is none: the run starts again, and fails with its reason when that does not help."""
    await bench.add("1")
    run = await outcome(bench, 1000)
    assert (run.status, run.attempts, run.failure) == (Status.FAILED, 3, "TimeoutError: ")


async def r21(bench: Bench) -> None:
    await bench.wing()
    for n in range(3):
        await bench.add(f"{n}", prison_id="TRN", linked=False)
    for _ in range(2):
        run, found = await bench.report()
        assert (run.ignored, found) == (3, [])


class Forgetful(BulkLocations):
    """Does not know any location that it is asked for."""

    async def mirrors(self, ids: Sequence[str]) -> Mirrors:
        assert ids is not None
        return Mirrors(content=[])


async def r22(bench: Bench) -> None:
    """A link to a location that DPS does not have is a mismatch and is counted."""
    await bench.add("1")
    run, found = await bench.report(runs=bench.runs_with(SMALL, locations=Forgetful(bench.locations)))
    assert ([each.finding for each in found], run.mismatches) == ([Finding.STRAY_MAPPING], 1)


CASES: Mapping[str, Case] = MappingProxyType(
    {
        case.__name__.upper(): case
        for case in (
            *(r01, r02, r03, r04, r05, r06, r07, r08, r09, r10, r11),
            *(r12, r13, r14, r15, r16, r17, r18, r19, r20, r21, r22),
        )
    }
)


@pytest.mark.parametrize("number", [f"R{n:02d}" for n in range(1, 23)])
async def test_case(bench: Bench, number: str) -> None:
    await CASES[number](bench)


def test_the_deviating_cases_are_documented() -> None:
    page = (ROOT / "docs" / "deviations.md").read_text(encoding="utf-8")
    section = page.split("## Reconciliation")[1].split("\n## ")[0]
    assert re.findall(r"^\| (R\d\d) \|", section, re.MULTILINE) == sorted(DEVIATING)
