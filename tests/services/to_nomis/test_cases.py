"""The numbered cases of `reference/to-nomis.md` §5 (L01–L37), through the real runner, handlers and walk, over fakes.

Where the design overrides a case it keeps its number, says so here and in `docs/deviations.md`.
"""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from infra.local.settings import ROOT
from libs.domain.attributes import Attribute
from libs.domain.codes import DeactivatedReason, LocationType, UsageType
from libs.domain.mapping import LocationMapping, MappingType
from libs.domain.nomis import CreateNomisLocation, NomisLocationId
from libs.domain.sync import LocationMirror, Usage
from libs.domain.writing import NomisWrites
from libs.messaging.endings import Ending, Runner
from libs.messaging.envelope import opened
from libs.messaging.lanes import Lanes
from libs.messaging.queue import Delivery
from libs.messaging.switching import AllOn
from libs.settling.settler import Settler
from libs.web.outgoing import RemoteUnavailable
from services.to_nomis.app import handlers
from services.to_nomis.publish import Publisher
from tests.fakes.fake_locations import FakeLocations
from tests.fakes.fake_nomis import FakeNomis
from tests.libs.domain.rows import CELL_ID, CELL_NOMIS, LANDING_ID, LANDING_NOMIS, dps_cell
from tests.simulation.house import House, dps_landing, nomis_landing

DAY = datetime(2024, 5, 3)  # noqa: DTZ001 - London, no zone


class Failing:
    """A port of which one call fails a number of times."""

    def __init__(self, port: Any, method: str, times: int) -> None:
        self._port, self._method, self._left = port, method, times

    def __getattr__(self, name: str) -> Any:
        if name == self._method and self._left:
            self._left -= 1
            return self._fail
        return getattr(self._port, name)

    async def _fail(self, *_: Any, **__: Any) -> Any:
        raise RemoteUnavailable("PUT", "/locations", "failed: TimeoutError")


class Strange(FakeLocations):
    """Answers with an attribute that nobody knows."""

    async def mirror(self, location_id: UUID) -> LocationMirror | None:
        mirror = await super().mirror(location_id)
        assert mirror is not None
        told = json.loads(mirror.model_dump_json(by_alias=True))
        told["location"]["attributes"] = ["BRAND_NEW_VALUE"]
        return LocationMirror.model_validate(told)


class Off:
    """Every event type is switched off."""

    def mode(self, event_type: str) -> Any:  # noqa: ARG002 - the port's signature
        return "drop"


@dataclass
class Stage:
    """A landing on both sides, a cell to work with, and what a test reads afterwards."""

    house: House
    outcomes: list[Ending] = field(default_factory=list)
    locations: Any = None
    nomis: Any = None
    mappings: Any = None
    switches: Any = field(default_factory=AllOn)

    async def deliver(self, kind: str, source: str | None = "DPS", *, body: str | None = None) -> Ending:
        """Hand over one event, in its SNS envelope, as SQS would."""
        told: dict[str, Any] = {"id": str(CELL_ID), "key": "NWI-2-017"}
        if source is not None:
            told["source"] = source
        inner = body or json.dumps(
            {"eventType": f"location.inside.prison.{kind}", "version": "1.0", "additionalInformation": told}
        )
        envelope = {
            "Type": "Notification",
            "MessageId": "m1",
            "TopicArn": "arn",
            "Message": inner,
            "MessageAttributes": {"eventType": {"Type": "String", "Value": f"location.inside.prison.{kind}"}},
        }
        return await self.raw(json.dumps(envelope))

    async def raw(self, body: str) -> Ending:
        settler = Settler(
            self.locations or self.house.locations,
            self.nomis or self.house.nomis,
            self.mappings or self.house.mappings,
        )
        runner = Runner(handlers(Publisher(settler)), "dlq", None, self.switches, 5, Lanes())
        delivery = Delivery("r", "m1", body, {}, 1, datetime(2026, 1, 1, tzinfo=UTC))
        self.outcomes.append(await runner.run(opened(delivery, "to-nomis-locations")))
        return self.outcomes[-1]

    @property
    def row(self) -> Any:
        link = self.house.mappings.by_dps[CELL_ID]
        return self.house.nomis.rows[link.nomis_location_id]


async def landing_only(**cell: Any) -> Stage:
    """A landing on both sides, and a cell that only DPS has."""
    house = House()
    house.locations.staff_create(dps_landing())
    house.nomis.rows[LANDING_NOMIS] = nomis_landing()
    link = LocationMapping(
        dps_location_id=LANDING_ID, nomis_location_id=LANDING_NOMIS, mapping_type=MappingType.MIGRATED
    )
    await house.mappings.save(link)
    house.locations.staff_create(dps_cell(**cell))
    return Stage(house)


async def furnished() -> Stage:
    """Landing and cell on both sides, agreed on."""
    house = House()
    await house.furnish()
    return Stage(house)


Case = Callable[[], Awaitable[None]]
CASES: dict[str, Case]
# What agrees with the epoch; every other number deviates.
AGREEING = frozenset({1, 2, 3, 5, 7, 15, 19, 21, 24, 28, 33, 35})
DEVIATING = frozenset(f"L{n:02d}" for n in range(1, 38) if n not in AGREEING)


async def created_cell_arrives(source: str | None) -> None:
    stage = await landing_only()
    ending = await stage.deliver("created", source)
    assert (ending.outcome, ending.reason) == ("done", "location-create-success")
    row = stage.row
    assert (row.location_code, row.location_type, row.prison_id, row.description) == ("017", "CELL", "NWI", "NWI-2-017")
    assert (row.parent_location_id, row.certified, row.cna_capacity) == (LANDING_NOMIS, True, 1)
    assert (row.capacity, row.operational_capacity, row.unit_type, row.list_sequence) == (2, 1, "NA", 17)
    assert (row.user_description, row.comment, row.usages) == (None, "Door re-hung", ())
    assert {(p.profile_type, p.profile_code) for p in row.profiles} == {("HOU_UNIT_ATT", "SO"), ("HOU_SANI_FIT", "SCB")}
    assert stage.house.mappings.by_dps[CELL_ID].mapping_type is MappingType.LOCATION_CREATED


async def l01() -> None:
    await created_cell_arrives("DPS")


async def l02() -> None:
    stage = await landing_only()
    ending = await stage.deliver("created", "NOMIS")
    assert (ending.outcome, ending.reason) == ("ignored", "location-create-ignored")
    assert stage.house.nomis.calls == []


async def l03() -> None:
    await created_cell_arrives(None)


async def l04() -> None:
    stage = await furnished()
    assert (await stage.deliver("created")).outcome == "done"
    assert stage.house.nomis.calls == []


async def l05() -> None:
    stage = await landing_only()
    stage.mappings = Failing(stage.house.mappings, "for_dps", 1)
    assert (await stage.deliver("created")).outcome == "retry"
    assert stage.house.nomis.calls == []


async def l06() -> None:
    stage = await landing_only()
    await stage.house.mappings.remove(LANDING_ID)
    del stage.house.nomis.rows[LANDING_NOMIS]
    assert (await stage.deliver("created")).outcome == "done"
    assert stage.house.nomis.calls == ["create", "create"]


async def l07() -> None:
    stage = await landing_only()
    strange = Strange()
    strange.rows, strange.states = stage.house.locations.rows, stage.house.locations.states
    stage.locations = strange
    for _ in range(3):
        assert (await stage.deliver("created")).outcome == "failed"
    assert stage.house.nomis.calls == []


async def unshared_attribute(attribute: Attribute) -> None:
    stage = await landing_only(attributes=(attribute,))
    assert (await stage.deliver("created")).outcome == "done"
    assert stage.row.profiles == ()
    assert stage.house.cell.attributes == (attribute,)


async def l08() -> None:
    await unshared_attribute(Attribute.ELIGIBLE)


async def l09() -> None:
    await unshared_attribute(Attribute.WING)


async def l10() -> None:
    stage = await landing_only()
    stage.mappings = Failing(stage.house.mappings, "save", 1)
    assert [(await stage.deliver("created")).outcome for _ in range(2)] == ["retry", "done"]
    assert stage.house.nomis.calls == ["create"]


async def taken_mapping() -> None:
    stage = await landing_only()
    other = NomisLocationId(771150)

    class Racing(FakeNomis):
        async def create(self, location: CreateNomisLocation) -> NomisLocationId:
            made = await super().create(location)
            await stage.house.mappings.save(
                LocationMapping(
                    dps_location_id=CELL_ID, nomis_location_id=other, mapping_type=MappingType.LOCATION_CREATED
                )
            )
            return made

    racing = Racing()
    racing.rows = stage.house.nomis.rows
    stage.nomis = racing
    ending = await stage.deliver("created")
    assert ending.outcome == "retry"
    assert str(other) in ending.reason


async def l13() -> None:
    stage = await furnished()
    mapping = {"dpsLocationId": str(CELL_ID), "nomisLocationId": CELL_NOMIS, "mappingType": "LOCATION_CREATED"}
    body = {"Type": "RETRY_CREATE_MAPPING", "Message": json.dumps({"mapping": mapping, "entityName": "location"})}
    ending = await stage.raw(json.dumps(body))
    assert (ending.outcome, ending.reason) == ("done", "location-create-mapping-retry-success")


async def l15() -> None:
    usage = (
        Usage(usage_type=UsageType.APPOINTMENT, capacity=40, sequence=1),
        Usage(usage_type=UsageType.OTHER, sequence=99),
    )
    stage = await landing_only(
        code="CHAP",
        location_type=LocationType.FAITH_AREA,
        residential_housing_type=None,
        local_name="Chapel",
        usages=usage,
        attributes=(),
        parent_id=None,
    )
    assert (await stage.deliver("created")).outcome == "done"
    row = stage.row
    assert (row.location_type, row.unit_type, row.parent_location_id) == ("FAIT", None, None)
    assert (row.certified, row.cna_capacity, row.capacity, row.operational_capacity) == (False, None, None, None)
    assert [(u.internal_location_usage_type, u.capacity or None, u.sequence) for u in row.usages] == [
        ("APP", 40, 1),
        ("OTHER", None, 99),
    ]


async def l16() -> None:
    stage = await furnished()
    stage.house.locations.staff_edit(CELL_ID, local_name="Corner", max_capacity=3)
    ending = await stage.deliver("amended")
    assert (ending.reason, ending.facts["nomisLocationId"]) == ("location-amend-success", str(CELL_NOMIS))
    assert stage.house.nomis.calls == ["update", "capacity"]


async def l17() -> None:
    stage = await furnished()
    stage.house.locations.staff_edit(LANDING_ID, comments="x", working_capacity=50)
    before = stage.house.nomis.rows[LANDING_NOMIS]
    await stage.house.settler.settle_dps(LANDING_ID)
    after = stage.house.nomis.rows[LANDING_NOMIS]
    assert (after.comment, after.operational_capacity) == ("x", before.operational_capacity)
    assert stage.house.nomis.calls == ["update"]


async def l18() -> None:
    stage = await furnished()
    stage.house.nomis.screen_edit(CELL_NOMIS, unit_type=None, location_type="FAIT", capacity=30)
    await stage.house.settler.settle_nomis(CELL_NOMIS)
    stage.house.locations.staff_edit(CELL_ID, local_name="Chapel")
    assert (await stage.deliver("amended")).outcome == "done"
    assert (stage.row.capacity, stage.row.user_description) == (30, "Chapel")


async def l19() -> None:
    stage = await furnished()
    stage.house.locations.staff_edit(CELL_ID, comments="new")
    stage.locations = Failing(stage.house.locations, "mirror", 1)
    assert [(await stage.deliver("amended")).outcome for _ in range(2)] == ["retry", "done"]
    assert stage.house.nomis.calls == ["update"]


async def l20() -> None:
    stage = await furnished()
    stage.house.locations.staff_edit(CELL_ID, comments="new", certified=False)

    class HalfWay(FakeNomis):
        failures = 1

        async def carry_out(self, location_id: NomisLocationId, writes: NomisWrites, etag: str | None) -> None:
            if writes.certification is not None and self.failures:
                self.failures -= 1
                await super().carry_out(location_id, NomisWrites(update=writes.update), etag)
                raise RemoteUnavailable("PUT", "/certification", "failed: TimeoutError")
            await super().carry_out(location_id, writes, etag)

    half = HalfWay()
    half.rows = stage.house.nomis.rows
    stage.nomis = half
    assert [(await stage.deliver("amended")).outcome for _ in range(2)] == ["retry", "done"]
    assert half.calls == ["update", "certification"]
    assert (stage.row.comment, stage.row.certified) == ("new", False)


async def l21() -> None:
    stage = await furnished()
    stage.house.locations.staff_edit(CELL_ID, comments="new")
    stage.nomis = Failing(stage.house.nomis, "carry_out", 3)
    assert [(await stage.deliver("amended")).outcome for _ in range(3)] == ["retry"] * 3


async def l22() -> None:
    stage = await landing_only()
    assert (await stage.deliver("amended")).outcome == "done"
    assert stage.house.nomis.calls == ["create"]


async def deactivated(reason: DeactivatedReason, code: str, **more: Any) -> Stage:
    stage = await furnished()
    stage.house.locations.staff_edit(CELL_ID, active=False, deactivated_reason=reason, deactivated_date=DAY, **more)
    assert (await stage.deliver("deactivated")).reason == "location-deactivate-success"
    assert (stage.row.active, stage.row.reason_code, stage.row.deactivate_date) == (False, code, DAY.date())
    assert stage.house.nomis.calls == ["deactivate"]
    return stage


async def l23() -> None:
    stage = await deactivated(DeactivatedReason.MOTHBALLED, "I", proposed_reactivation_date=date(2024, 9, 30))
    assert stage.row.reactivate_date == date(2024, 9, 30)


async def l24() -> None:
    await deactivated(DeactivatedReason.OTHER, "F", archived=True)


async def l25() -> None:
    await deactivated(DeactivatedReason.PEST, "F")


async def l26() -> None:
    stage = await deactivated(DeactivatedReason.DAMAGED, "J")
    stage.house.locations.staff_edit(CELL_ID, deactivated_reason=DeactivatedReason.MOTHBALLED)
    assert (await stage.deliver("deactivated")).outcome == "done"
    assert stage.row.reason_code == "I"


async def l27() -> None:
    stage = await landing_only()
    del stage.house.locations.rows[CELL_ID]
    assert (await stage.deliver("deactivated")).outcome == "ignored"
    assert stage.house.nomis.calls == []


async def l28() -> None:
    stage = await deactivated(DeactivatedReason.DAMAGED, "J")
    stage.house.locations.staff_edit(CELL_ID, active=True, deactivated_reason=None, deactivated_date=None)
    assert (await stage.deliver("reactivated")).reason == "location-reactivate-success"
    assert (stage.row.active, stage.row.reason_code) == (True, None)


async def l29() -> None:
    stage = await furnished()
    assert (await stage.deliver("reactivated")).outcome == "done"
    assert stage.house.nomis.calls == []


async def l30() -> None:
    stage = await furnished()
    await stage.house.locations.delete(CELL_ID, stage.house.locations.states[CELL_ID].etag)
    assert (await stage.deliver("deleted")).reason == "location-delete-success"
    assert stage.house.nomis.calls == ["capacity", "certification", "deactivate"]
    assert CELL_ID in stage.house.mappings.by_dps


async def l31() -> None:
    stage = await furnished()
    stage.house.locations.staff_edit(CELL_ID, max_capacity=4)
    assert (await stage.deliver("capacity.changed")).outcome == "done"
    assert stage.row.capacity == 4


async def l32() -> None:
    stage = await furnished()
    stage.house.locations.staff_edit(CELL_ID, certified=False)
    assert (await stage.deliver("certification.changed")).outcome == "done"
    assert stage.row.certified is False


async def l33() -> None:
    stage = await landing_only()
    stage.switches = Off()
    assert (await stage.deliver("created")).outcome == "ignored"
    assert stage.house.nomis.calls == []


async def l34() -> None:
    stage = await landing_only()
    assert (await stage.raw(json.dumps({"Type": "SubscriptionConfirmation"}))).outcome == "unprocessable"


async def l35() -> None:
    stage = await furnished()
    ending = await stage.deliver("amended", body=json.dumps({"eventType": "x", "additionalInformation": {"id": "1"}}))
    assert ending.outcome == "unprocessable"
    assert "additionalInformation" in ending.reason


async def l36() -> None:
    stage = await furnished()
    stage.house.locations.staff_edit(CELL_ID, local_name="n" * 41)
    assert (await stage.deliver("amended")).outcome == "done"
    assert stage.row.user_description == "n" * 40


async def l37() -> None:
    stage = await landing_only(attributes=(Attribute.SAFE_CELL,))
    assert (await stage.deliver("created")).outcome == "done"
    assert [(p.profile_type, p.profile_code) for p in stage.row.profiles] == [("HOU_UNIT_ATT", "SC")]


CASES = {name.upper(): case for name, case in tuple(globals().items()) if re.fullmatch(r"l\d\d", name)} | {
    "L11": taken_mapping,
    "L12": taken_mapping,
    "L14": l10,
}


@pytest.mark.parametrize("number", [f"L{n:02d}" for n in range(1, 38)])
async def test_case(number: str) -> None:
    await CASES[number]()


def test_the_deviating_cases_are_documented() -> None:
    page = (ROOT / "docs" / "deviations.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| (L\d\d) \|", page, re.MULTILINE)) == DEVIATING
