"""The numbered sync cases of `reference/from-nomis.md` §6 (F01–F44), through the real runner, handlers and walk.

Where the design overrides a case it keeps its number, says so here and in `docs/deviations.md`. Cases 45–73 are the
migration's: `tests/services/migration`.
"""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from infra.local.settings import ROOT
from libs.domain.codes import ConvertedCellType, DeactivatedReason
from libs.domain.events import OffenderEventType
from libs.domain.identity import dps_id_for
from libs.domain.mapping import LocationMapping, MappingType
from libs.domain.nomis import NomisLocationId, Profile
from libs.domain.sync import LocationMirror, SyncWrite
from libs.messaging.endings import Ending, Runner
from libs.messaging.envelope import Undecodable, opened
from libs.messaging.lanes import Lanes
from libs.messaging.queue import Delivery
from libs.messaging.switching import AllOn
from libs.settling.ports import NotAccepted
from libs.settling.settler import Settler
from libs.web.outgoing import RemoteUnavailable
from services.from_nomis.app import handlers
from services.from_nomis.sync import Synchroniser
from tests.fakes.fake_locations import FakeLocations
from tests.fakes.fake_nomis import API_USER
from tests.libs.domain.rows import CELL_ID, CELL_NOMIS, LANDING_ID, LANDING_NOMIS, nomis_cell
from tests.services.to_nomis.test_cases import Failing, Off
from tests.simulation.house import House

L, P, U = OffenderEventType.LOCATION, OffenderEventType.PROFILE, OffenderEventType.USAGE
NEW = NomisLocationId(700_000)
CREATED = "locations-created-synchronisation-success"
UPDATED = "locations-updated-synchronisation-success"
DELETED = "locations-deleted-synchronisation-success"
SKIPPED = "locations-synchronisation-skipped"
IGNORED_PRISON = "locations-synchronisation-skipped-ignored-prison"


@dataclass
class Stage:
    """Landing and cell on both sides, and what a case puts in the way."""

    house: House
    ports: dict[str, Any] = field(default_factory=dict)
    switches: Any = field(default_factory=AllOn)

    async def deliver(self, kind: str, nomis_id: Any = CELL_NOMIS, **told: Any) -> Ending:
        """Hand over one trigger event in its SNS envelope."""
        body = {"internalLocationId": nomis_id, "auditModuleName": "OIMILOCA", "recordDeleted": False} | told
        envelope = {
            "Type": "Notification",
            "MessageId": "m1",
            "TopicArn": "arn",
            "Message": json.dumps({name: value for name, value in body.items() if value is not None}),
            "MessageAttributes": {"eventType": {"Type": "String", "Value": kind}},
        }
        return await self.raw(json.dumps(envelope))

    async def raw(self, body: str) -> Ending:
        ports = {name: self.ports.get(name, getattr(self.house, name)) for name in ("locations", "nomis", "mappings")}
        settler = Settler(ports["locations"], ports["nomis"], ports["mappings"])
        runner = Runner(handlers(Synchroniser(settler)), "dlq", None, self.switches, 5, Lanes())
        delivery = Delivery("r", "m1", body, {}, 1, datetime(2026, 1, 1, tzinfo=UTC))
        return await runner.run(opened(delivery, "from-nomis-locations"))

    def inserted(self, **changed: Any) -> NomisLocationId:
        row = nomis_cell(**{"description": "NWI-2-018", "location_code": "018", **changed})
        return self.house.nomis.screen_insert(row).location_id

    def fails(self, port: str, method: str, times: int = 1) -> None:
        self.ports[port] = Failing(getattr(self.house, port), method, times)


async def furnished() -> Stage:
    house = House(conditional_writes=True)
    await house.furnish()
    return Stage(house)


Case = Callable[[Stage], Awaitable[None]]


def ended(ending: Ending, outcome: str, reason: str | None = None) -> None:
    assert ending.outcome == outcome, ending
    assert reason is None or ending.reason == reason


async def f01(stage: Stage) -> None:
    ended(await stage.deliver(L, auditModuleName="DPS_SYNCHRONISATION"), "ignored", SKIPPED)


async def visit_room(stage: Stage, end: str) -> None:
    description = f"NWI-VISITS-VSIP_{end}"
    nomis_id = stage.inserted(description=description, location_code=f"VSIP_{end}", create_username=API_USER)
    ending = await stage.deliver(L, nomis_id, auditModuleName="DPS_SYNCHRONISATION", description=description)
    ended(ending, "done", CREATED)


async def f02(stage: Stage) -> None:
    await visit_room(stage, "SOC")
    await visit_room(stage, "CLO")


async def f03(stage: Stage) -> None:
    told = {"description": "WDI-VISITS-VSIP_CLO", "oldDescription": "WDI-VISITS-OLD"}
    ended(await stage.deliver(L, auditModuleName="DPS_SYNCHRONISATION", **told), "ignored", SKIPPED)


async def f04(stage: Stage) -> None:
    told = {"description": "WDI-VISITS-VSIP_SOC"}
    ended(await stage.deliver(P, auditModuleName="DPS_SYNCHRONISATION", **told), "ignored", SKIPPED)


async def f05(stage: Stage) -> None:
    stage.house.nomis.screen_edit(CELL_NOMIS, comment="Wet")
    ended(await stage.deliver(L, auditModuleName=None), "done", UPDATED)
    assert stage.house.cell.comments == "Wet"


async def f06(stage: Stage) -> None:
    nomis_id = stage.inserted()
    ended(await stage.deliver(L, nomis_id, description="NWI-2-018"), "done", CREATED)
    made = stage.house.locations.locations[dps_id_for(nomis_id)]
    assert made.parent_id == LANDING_ID
    assert stage.house.mappings.by_nomis[nomis_id].mapping_type is MappingType.NOMIS_CREATED


async def f07(stage: Stage) -> None:
    nomis_id = stage.inserted(
        parent_location_id=None, profiles=(), capacity=None, operational_capacity=None, cna_capacity=None
    )
    ended(await stage.deliver(L, nomis_id), "done", CREATED)
    made = stage.house.locations.locations[dps_id_for(nomis_id)]
    assert (made.parent_id, made.max_capacity, made.certified, made.capacity_of_certified_cell) == (None, None, True, 0)


async def f08(stage: Stage) -> None:
    ended(await stage.deliver(L, NEW), "ignored", SKIPPED)


async def f09(stage: Stage) -> None:
    wing = stage.inserted(location_code="W", description="NWI-W", location_type="WING", parent_location_id=None)
    nomis_id = stage.inserted(description="NWI-W-1", parent_location_id=wing)
    ended(await stage.deliver(L, nomis_id), "done", CREATED)
    assert wing in stage.house.mappings.by_nomis


async def f10(stage: Stage) -> None:
    nomis_id = stage.inserted()
    other = uuid4()
    stage.house.locations.staff_create(stage.house.cell.model_copy(update={"id": other, "code": "099"}))

    class Racing(type(stage.house.mappings)):  # type: ignore[misc]
        raced = False

        async def save(self, mapping: LocationMapping) -> None:
            if not self.raced:
                self.raced = True
                await super().save(mapping.model_copy(update={"dps_location_id": other}))
            await super().save(mapping)

    racing = Racing()
    racing.by_dps, racing.by_nomis = stage.house.mappings.by_dps, stage.house.mappings.by_nomis
    stage.ports["mappings"] = racing
    ended(await stage.deliver(L, nomis_id), "done")
    assert dps_id_for(nomis_id) not in stage.house.locations.locations
    assert stage.house.mappings.by_nomis[nomis_id].dps_location_id == other


async def f11(stage: Stage) -> None:
    nomis_id = stage.inserted()
    stage.fails("mappings", "save")
    assert [(await stage.deliver(L, nomis_id)).outcome for _ in range(2)] == ["retry", "done"]
    assert stage.house.differences() == []


def retry_body(dps_id: str, nomis_id: int) -> str:
    mapping = {"dpsLocationId": dps_id, "nomisLocationId": nomis_id, "mappingType": "NOMIS_CREATED"}
    inner = json.dumps({"body": mapping, "telemetryAttributes": {}})
    return json.dumps({"Type": "RETRY_SYNCHRONISATION_MAPPING", "Message": inner})


async def f12(stage: Stage) -> None:
    nomis_id = stage.inserted()
    ended(await stage.raw(retry_body(str(dps_id_for(nomis_id)), nomis_id)), "done", CREATED)


async def f13(stage: Stage) -> None:
    stage.fails("mappings", "for_nomis", 2)
    for _ in range(2):
        ended(await stage.raw(retry_body(str(CELL_ID), CELL_NOMIS)), "retry")


async def f14(stage: Stage) -> None:
    ended(await stage.raw(retry_body(str(uuid4()), CELL_NOMIS)), "done")
    assert stage.house.mappings.by_nomis[CELL_NOMIS].dps_location_id == CELL_ID


async def f15(stage: Stage) -> None:
    stage.switches = Off()
    ended(await stage.raw(retry_body(str(CELL_ID), CELL_NOMIS)), "ignored", "switched off")


async def f16(stage: Stage) -> None:
    stage.house.nomis.screen_edit(CELL_NOMIS, capacity=4)
    before = dict(stage.house.mappings.by_dps)
    ended(await stage.deliver(L), "done", UPDATED)
    assert (stage.house.cell.max_capacity, stage.house.mappings.by_dps) == (4, before)


async def f17(stage: Stage) -> None:
    class Refusing(FakeLocations):
        async def write(self, location_id: UUID, write: SyncWrite, etag: str) -> LocationMirror:  # noqa: ARG002 - the port
            raise NotAccepted(f"DPS PUT {location_id}: code: at most 12 characters")

    refusing = Refusing()
    refusing.rows, refusing.states = stage.house.locations.rows, stage.house.locations.states
    stage.ports["locations"] = refusing
    stage.house.nomis.screen_edit(CELL_NOMIS, location_code="X" * 12)
    ending = await stage.deliver(L)
    ended(ending, "unprocessable")
    assert "code: at most 12 characters" in ending.reason


async def f18(stage: Stage) -> None:
    stage.house.locations.staff_edit(CELL_ID, converted_cell_type=ConvertedCellType.OFFICE, max_capacity=None)
    await stage.house.settler.settle_dps(CELL_ID)
    stage.house.nomis.screen_edit(CELL_NOMIS, comment="theirs")
    ended(await stage.deliver(L), "done")
    assert stage.house.row.comment == "Door re-hung"
    assert [c.nomis for _, c in stage.house.locations.conflicts] == ["theirs"]


async def f19(stage: Stage) -> None:
    other = stage.house.cell.model_copy(update={"id": uuid4(), "code": "018"})
    stage.house.locations.staff_create(other)
    stage.house.nomis.screen_edit(CELL_NOMIS, location_code="018")
    ended(await stage.deliver(L), "done")
    assert stage.house.row.location_code == stage.house.cell.code == "017"
    assert [(c.field, c.nomis) for _, c in stage.house.locations.conflicts] == [("code", "018")]


async def f20(stage: Stage) -> None:
    await f18(stage)


async def f21(stage: Stage) -> None:
    ended(await stage.deliver(L, NEW, prisonId="ZZGHI"), "ignored", IGNORED_PRISON)


async def f22(stage: Stage) -> None:
    ended(await stage.deliver(L, prisonId="LT3"), "ignored", IGNORED_PRISON)


async def gone(stage: Stage, **told: Any) -> None:
    stage.house.nomis.screen_delete(CELL_NOMIS)
    ended(await stage.deliver(L, recordDeleted=True, **told), "done", DELETED)
    assert CELL_ID in stage.house.locations.tombstones
    assert CELL_ID not in stage.house.mappings.by_dps


async def f23(stage: Stage) -> None:
    await gone(stage)


async def f24(stage: Stage) -> None:
    ended(await stage.deliver(L, NEW, recordDeleted=True), "ignored", SKIPPED)


async def f25(stage: Stage) -> None:
    stage.house.nomis.screen_delete(CELL_NOMIS)
    stage.fails("locations", "delete", 2)
    assert [(await stage.deliver(L, recordDeleted=True)).outcome for _ in range(3)] == ["retry", "retry", "done"]


async def f26(stage: Stage) -> None:
    stage.house.nomis.screen_delete(CELL_NOMIS)
    stage.fails("mappings", "remove_row")
    assert [(await stage.deliver(L, recordDeleted=True)).outcome for _ in range(2)] == ["retry", "done"]
    assert CELL_ID not in stage.house.mappings.by_dps


async def f27(stage: Stage) -> None:
    await gone(stage, prisonId="TRN")


async def f28(stage: Stage) -> None:
    stage.house.nomis.screen_edit(CELL_NOMIS, profiles=())
    ended(await stage.deliver(P, recordDeleted=True), "done", UPDATED)
    assert stage.house.cell.attributes == ()


async def f29(stage: Stage) -> None:
    nomis_id = stage.inserted()
    ended(await stage.deliver(P, nomis_id), "done", CREATED)


async def f30(stage: Stage) -> None:
    ghost = stage.inserted(prison_id="ZZGHI", description="ZZGHI-1")
    ended(await stage.deliver(P, ghost), "ignored", SKIPPED)


async def f31(stage: Stage) -> None:
    ended(await stage.deliver(U, recordDeleted=True), "done", UPDATED)
    assert CELL_ID in stage.house.locations.locations


async def f32(stage: Stage) -> None:
    ended(await stage.deliver(U, 999001), "ignored", SKIPPED)


async def f33(stage: Stage) -> None:
    stage.switches = Off()
    ended(await stage.deliver(L), "ignored", "switched off")


async def f34(stage: Stage) -> None:
    ended(await stage.deliver("SOMETHING-ELSE"), "unprocessable")


async def f35(stage: Stage) -> None:
    body = {"Type": "Notification", "MessageId": "m", "TopicArn": "a", "Message": "{}"}
    with pytest.raises(Undecodable, match="eventType"):
        await stage.raw(json.dumps(body))


async def f36(stage: Stage) -> None:
    ended(await stage.raw(json.dumps({"Type": "SubscriptionConfirmation"})), "unprocessable")


async def f37(stage: Stage) -> None:
    stage.house.nomis.screen_delete(CELL_NOMIS)
    ended(await stage.deliver(L, str(CELL_NOMIS), recordDeleted="true"), "done", DELETED)


async def f38(stage: Stage) -> None:
    nomis_id = stage.inserted(location_type="ZZZZ")
    ending = await stage.deliver(L, nomis_id)
    ended(ending, "unprocessable")
    assert "ZZZZ" in ending.reason


async def f39(stage: Stage) -> None:
    profiles = (
        Profile(profile_type="SUP_LVL_TYPE", profile_code="DUFF"),
        Profile(profile_type="NON_ASSO_TYP", profile_code="X"),
    )
    nomis_id = stage.inserted(profiles=profiles)
    ended(await stage.deliver(L, nomis_id), "done", CREATED)
    assert stage.house.locations.locations[dps_id_for(nomis_id)].attributes == ()


async def f40(stage: Stage) -> None:
    stage.house.nomis.screen_edit(
        CELL_NOMIS, active=False, deactivate_date=date(2024, 5, 1), reactivate_date=date(2024, 12, 1)
    )
    ended(await stage.deliver(L), "done", UPDATED)
    cell = stage.house.cell
    assert (cell.active, cell.deactivated_reason) == (False, DeactivatedReason.OTHER)
    assert cell.deactivated_date is not None
    assert (cell.deactivated_date.date(), cell.proposed_reactivation_date) == (date(2024, 5, 1), date(2024, 12, 1))


async def f41(stage: Stage) -> None:
    stage.house.nomis.screen_edit(CELL_NOMIS, reason_code="B", deactivate_date=date(2020, 1, 1), comment="x")
    ended(await stage.deliver(L), "done", UPDATED)
    cell = stage.house.cell
    assert (cell.active, cell.deactivated_reason, cell.deactivated_date) == (True, None, None)


async def f42(stage: Stage) -> None:
    nomis_id = stage.inserted(capacity=None, operational_capacity=7)
    await stage.deliver(L, nomis_id)
    made = stage.house.locations.locations[dps_id_for(nomis_id)]
    assert (made.max_capacity, made.working_capacity) == (0, 7)


CASES: dict[str, Case] = {name.upper(): case for name, case in tuple(globals().items()) if re.fullmatch(r"f\d\d", name)}
# What agrees with the epoch; every other number deviates. 43 and 44 are of the repair door.
AGREEING = frozenset(
    {1, 2, 3, 4, 5, 6, 7, 12, 13, 16, 21, 22, 23, 25, 27, 28, 31, 32, 33, 35, 37, 38, 39, 40, 41, 42, 43}
)
DEVIATING = frozenset(f"F{n:02d}" for n in range(1, 45) if n not in AGREEING)


@pytest.mark.parametrize("number", [f"F{n:02d}" for n in range(1, 43)])
async def test_case(number: str) -> None:
    await CASES[number](await furnished())


async def test_f43_f44_repair_settles_a_location_by_its_nomis_id() -> None:
    stage = await furnished()
    stage.house.nomis.screen_edit(CELL_NOMIS, comment="Wet")
    await stage.house.settler.settle_nomis(CELL_NOMIS)
    assert stage.house.cell.comments == "Wet"
    with pytest.raises(RemoteUnavailable):
        await Settler(
            Failing(stage.house.locations, "mirror", 1), stage.house.nomis, stage.house.mappings
        ).settle_nomis(LANDING_NOMIS)


def test_the_deviating_cases_are_documented() -> None:
    page = (ROOT / "docs" / "deviations.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| (F\d\d) \|", page, re.MULTILINE)
    assert {number for number in documented if number < "F45"} == DEVIATING
