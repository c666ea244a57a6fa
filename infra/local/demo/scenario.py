"""The steps of the demo. Each does one thing as its user would and waits until it is seen on the other side."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from infra.local.demo.desk import Desk, NotSeen, seen
from libs.domain.identity import DPS_MODULE_PREFIX
from libs.domain.nomis import NomisLocationId

MIGRATION_SECONDS = 120.0
RECONCILIATION_SECONDS = 60.0
NEW_CODE, NEW_ROOM = "DEMO1", "DEMO2"

Step = Callable[["Scenario"], Awaitable[str]]


@dataclass
class Scenario:
    """One run: the desk, and the cell that the steps work on."""

    desk: Desk
    dps_id: UUID
    nomis_id: NomisLocationId
    made_in_dps: UUID | None = None
    made_in_nomis: NomisLocationId | None = None

    async def capacity(self) -> str:
        """Change a capacity in DPS; see it in NOMIS."""
        own = await self.desk.own(self.dps_id)
        assert own is not None
        wanted = (own.max_capacity or 0) + 1
        body = {"maxCapacity": wanted, "workingCapacity": own.working_capacity or 1}
        await self.desk.staff.request("PUT", f"/locations/{self.dps_id}/capacity", json=body)

        async def arrived() -> bool:
            row = await self.desk.row(self.nomis_id)
            return row is not None and row.capacity == wanted

        await seen(arrived, "the capacity in NOMIS")
        return f"{own.key}: maximum {own.max_capacity} → {wanted} in DPS, seen in NOMIS"

    async def screen_edit(self) -> str:
        """Change a comment in NOMIS as a screen does; see it in DPS."""
        await self.desk.screen(
            "UPDATE agency_internal_locations SET comment_text = 'Checked by demo' WHERE internal_location_id = $1",
            self.nomis_id,
        )

        async def arrived() -> bool:
            own = await self.desk.own(self.dps_id)
            return own is not None and own.comments == "Checked by demo"

        await seen(arrived, "the comment in DPS")
        return f"NOMIS {self.nomis_id}: comment changed by SQL as a screen would, seen in DPS"

    async def both_at_once(self) -> str:
        """Change different fields of one cell on both sides at once; see both on both."""
        own = await self.desk.own(self.dps_id)
        assert own is not None
        wanted = (own.max_capacity or 0) + 1
        body = {"maxCapacity": wanted, "workingCapacity": own.working_capacity or 1}
        await self.desk.staff.request("PUT", f"/locations/{self.dps_id}/capacity", json=body)
        await self.desk.screen(
            "UPDATE agency_internal_locations SET user_desc = 'DEMO CELL' WHERE internal_location_id = $1",
            self.nomis_id,
        )

        async def arrived() -> bool:
            here, there = await self.desk.own(self.dps_id), await self.desk.row(self.nomis_id)
            return (
                here is not None
                and there is not None
                and (here.local_name, there.user_description) == ("DEMO CELL", "DEMO CELL")
                and here.max_capacity == there.capacity == wanted
            )

        await seen(arrived, "both edits on both sides")
        return f"{own.key}: capacity in DPS and name in NOMIS at once, both seen on both sides"

    async def create_in_dps(self) -> str:
        """Create a cell in DPS; see it in NOMIS."""
        own = await self.desk.own(self.dps_id)
        assert own is not None
        body = {
            "prisonId": own.prison_id,
            "code": NEW_CODE,
            "locationType": "CELL",
            "accommodationType": "NORMAL_ACCOMMODATION",
            "capacity": {"maxCapacity": 2, "workingCapacity": 1},
            "certified": True,
            "parentId": str(own.parent_id),
        }
        made = (await self.desk.staff.request("POST", "/locations/residential", json=body)).json()
        self.made_in_dps = UUID(made["id"])
        nomis_id = await seen(lambda: self.desk.nomis_id(UUID(made["id"])), "the new cell's mapping")
        row = await seen(lambda: self.desk.row(nomis_id), "the new cell in NOMIS")
        return f"{made['key']} created in DPS, is NOMIS {nomis_id} {row.description}"

    async def create_in_nomis(self) -> str:
        """Create a room in NOMIS; see it in DPS."""
        row = await self.desk.row(self.nomis_id)
        assert row is not None
        made: int = await self.desk.screen(
            """
            INSERT INTO agency_internal_locations
                   (internal_location_code, agy_loc_id, internal_location_type, description, user_desc)
            VALUES ($2::text, $1::text, 'CLAS', $1::text || '-' || $2::text, 'Demo classroom')
            RETURNING internal_location_id
            """,
            row.prison_id,
            NEW_ROOM,
        )
        self.made_in_nomis = NomisLocationId(made)
        dps_id = await seen(lambda: self.desk.dps_id(NomisLocationId(made)), "the new room's mapping")
        own = await seen(lambda: self.desk.own(dps_id), "the new room in DPS")
        return f"NOMIS {made} inserted by SQL, is {own.key} {dps_id} in DPS"

    async def deactivate(self) -> str:
        """Deactivate and reactivate the new cell in DPS; see both in NOMIS."""
        assert self.made_in_dps is not None
        dps_id = self.made_in_dps
        nomis_id = await self.desk.nomis_id(dps_id)
        assert nomis_id is not None
        path = f"/locations/{dps_id}"
        await self.desk.staff.request(
            "PUT", f"{path}/deactivate/temporary", json={"deactivationReason": "PEST", "planetFmReference": "D1"}
        )

        async def out() -> Any:
            row = await self.desk.row(nomis_id)
            return row if row and not row.active else None

        row = await seen(out, "the deactivation in NOMIS")
        await self.desk.staff.request(
            "PUT", "/locations/bulk/reactivate", json={"locations": {str(dps_id): {"cascadeReactivation": False}}}
        )

        async def back() -> bool:
            row = await self.desk.row(nomis_id)
            return bool(row and row.active)

        await seen(back, "the reactivation in NOMIS")
        return f"NOMIS {nomis_id}: inactive for reason {row.reason_code}, and active again"

    async def remove(self) -> str:
        """Delete the new room in NOMIS; see it gone from DPS."""
        assert self.made_in_nomis is not None
        dps_id = await self.desk.dps_id(self.made_in_nomis)
        assert dps_id is not None
        await self.desk.screen(
            "DELETE FROM agency_internal_locations WHERE internal_location_id = $1", self.made_in_nomis
        )

        async def gone() -> bool:
            return await self.desk.own(dps_id) is None and await self.desk.nomis_id(dps_id) is None

        await seen(gone, "the room gone from DPS")
        return f"NOMIS {self.made_in_nomis} deleted by SQL, {dps_id} is gone from DPS"


STEPS: tuple[tuple[str, Step], ...] = (
    ("capacity: DPS → NOMIS", Scenario.capacity),
    ("screen edit: NOMIS → DPS", Scenario.screen_edit),
    ("both sides at once", Scenario.both_at_once),
    ("create: DPS → NOMIS", Scenario.create_in_dps),
    ("create: NOMIS → DPS", Scenario.create_in_nomis),
    ("deactivate, reactivate", Scenario.deactivate),
    ("remove: NOMIS → DPS", Scenario.remove),
)

# How often these steps change something in DPS, and in NOMIS. A change reaches the other side once; what came back
# from there would be an echo, and one event more.
CHANGES_IN_DPS, CHANGES_IN_NOMIS = 5, 4


def echoes(domain: Mapping[str, int], offender: Mapping[str, int]) -> list[str]:
    """Say which side told of more changes as the other's than were made there; events by source, and by module."""
    told = []
    if (there := domain.get("NOMIS", 0)) > CHANGES_IN_NOMIS:
        told.append(f"DPS told of {there} changes as NOMIS's, {CHANGES_IN_NOMIS} were made there")
    there = sum(count for module, count in offender.items() if module.startswith(DPS_MODULE_PREFIX))
    if there > CHANGES_IN_DPS:
        told.append(f"NOMIS told of {there} changes as DPS's, {CHANGES_IN_DPS} were made there")
    return told


async def migrate(desk: Desk, seconds: float = MIGRATION_SECONDS) -> dict[str, Any]:
    """Start a run over the whole estate and wait for its end; its accounts must add up."""
    started = (await desk.operator.request("POST", "/migrate/locations", json={}, ok=(202,))).json()
    path = f"/migrate/locations/history/{started['migrationId']}"

    async def over() -> dict[str, Any] | None:
        run: dict[str, Any] = (await desk.operator.request("GET", path)).json()
        return run if run["status"] == "COMPLETED" else None

    run = await seen(over, "the end of the migration", seconds)
    if run["recordsListed"] != run["recordsMigrated"] + run["recordsSkipped"] + run["recordsFailed"]:
        raise NotSeen("listed = migrated + skipped + failed")
    run["reasons"] = (await desk.operator.request("GET", f"{path}/failures")).json()
    return run


async def reconcile(desk: Desk, seconds: float = RECONCILIATION_SECONDS) -> dict[str, Any]:
    """Have reconciliation compare the whole estate, settling nothing, and wait for its end."""
    base = "/locations/reports/reconciliation"
    request = await desk.reconciliation.request("PUT", base, params={"settles": "false"}, ok=(202,))
    path = f"{base}/{request.json()['runId']}"

    async def over() -> dict[str, Any] | None:
        run: dict[str, Any] = (await desk.reconciliation.request("GET", path)).json()
        return run if run["status"] == "COMPLETED" else None

    return await seen(over, "the end of the reconciliation", seconds)


async def a_cell(desk: Desk) -> tuple[UUID, NomisLocationId]:
    """Pick an ordinary cell in use that both sides hold."""
    record = await desk.locations_database.fetchrow(
        """
        SELECT l.id, s.nomis_location_id FROM location l JOIN sync_state s ON s.location_id = l.id
          JOIN location p ON p.id = l.parent_id AND p.active
         WHERE l.location_type = 'CELL' AND l.residential_housing_type = 'NORMAL_ACCOMMODATION' AND l.active
           AND l.max_capacity BETWEEN 1 AND 3 AND l.working_capacity >= 1 AND l.converted_cell_type IS NULL
         ORDER BY l.prison_id, l.path_hierarchy LIMIT 1
        """
    )
    if record is None:
        raise NotSeen("an ordinary cell in use")
    return record["id"], NomisLocationId(record["nomis_location_id"])
