"""Both sides in memory, linked, with the real walk between them."""

from typing import Any

from libs.domain.mapping import LocationMapping, MappingType
from libs.domain.nomis import NomisLocation
from libs.domain.shared import SYNCED, Field, kind_in_dps, project_dps, project_nomis, synced_part
from libs.domain.sync import OwnLocation
from libs.settling.keys import KEY
from libs.settling.settler import Settler
from tests.fakes.fake_locations import FakeLocations
from tests.fakes.fake_mappings import FakeMappings
from tests.fakes.fake_nomis import FakeNomis
from tests.libs.domain.rows import CELL_ID, CELL_NOMIS, LANDING_ID, LANDING_NOMIS, dps_cell, nomis_cell
from tests.simulation.stepping import Stepped


def nomis_landing(**changed: Any) -> NomisLocation:
    """Return the landing of the cell, as NOMIS holds it."""
    row: dict[str, Any] = {
        "location_id": LANDING_NOMIS,
        "location_code": "2",
        "location_type": "LAND",
        "description": "NWI-2",
        "parent_location_id": None,
        "comment": None,
        "list_sequence": None,
        "profiles": (),
    }
    return nomis_cell(**row | changed)


def dps_landing(**changed: Any) -> OwnLocation:
    """Return the landing of the cell, as DPS holds it."""
    own: dict[str, Any] = {
        "id": LANDING_ID,
        "code": "2",
        "location_type": "LANDING",
        "parent_id": None,
        "comments": None,
        "order_within_parent_location": None,
        "attributes": (),
    }
    return dps_cell(**own | changed)


class House:
    """A landing and a cell on both sides, agreed on; `settler` is immediate, `stepped` waits for turns."""

    def __init__(self, *, conditional_writes: bool = False) -> None:
        self.locations = FakeLocations()
        self.nomis = FakeNomis(conditional_writes=conditional_writes)
        self.mappings = FakeMappings()
        self.settler = Settler(self.locations, self.nomis, self.mappings)
        self.stepped = Settler(Stepped(self.locations), Stepped(self.nomis), Stepped(self.mappings))

    async def furnish(self) -> None:
        """Put the linked pair in, as a migration leaves it."""
        for own, row in ((dps_landing(), nomis_landing()), (dps_cell(), nomis_cell(description="NWI-2-017"))):
            placed = self.locations.staff_create(own)
            self.nomis.rows[row.location_id] = row
            await self.mappings.save(
                LocationMapping(
                    dps_location_id=own.id, nomis_location_id=row.location_id, mapping_type=MappingType.MIGRATED
                )
            )
            self.locations.set_sync(
                own.id,
                base=synced_part(project_dps(placed), kind_in_dps(placed)) | {KEY: placed.key},
                nomis_location_id=row.location_id,
                nomis_description=row.description,
            )
        self.locations.events.clear()

    @property
    def cell(self) -> OwnLocation:
        return self.locations.locations[CELL_ID]

    @property
    def row(self) -> NomisLocation:
        return self.nomis.rows[CELL_NOMIS]

    def differences(self) -> list[tuple[str, Field, Any, Any]]:
        """Return where the two sides differ in a synced field, and who is missing."""
        found: list[tuple[str, Field, Any, Any]] = []
        for own in self.locations.locations.values():
            link = self.mappings.by_dps.get(own.id)
            row = self.nomis.rows.get(link.nomis_location_id) if link else None
            if row is None:
                found.append((own.key, Field.CODE, "only in DPS", None))
                continue
            above = row.parent_location_id
            parent = str(self.mappings.by_nomis[above].dps_location_id) if above is not None else None
            mine, theirs = project_dps(own), project_nomis(row, parent)
            found += [(own.key, f, mine[f], theirs[f]) for f in SYNCED[kind_in_dps(own)] if mine[f] != theirs[f]]
        linked = {link.nomis_location_id for link in self.mappings.by_dps.values()}
        found += [
            (row.description, Field.CODE, None, "only in NOMIS")
            for i, row in self.nomis.rows.items()
            if i not in linked
        ]
        return found
