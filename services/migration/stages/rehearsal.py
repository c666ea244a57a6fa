"""A page of a rehearsal: everything that a migration does to it, but for the writes.

The locations API does the create and undoes it (`POST /migrate/locations/validate`), so its own rules speak. As nothing
stays of an earlier page, what would stand above a location goes along in the same call. Two locations of different
pages that would stand at one place are found when the rehearsal ends (`store.rehearsals`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from libs.domain.mapping import LocationMapping, MappingType
from libs.domain.nomis import NomisLocationId
from libs.domain.shapes import DetailShape
from libs.domain.sync import MIGRATE_BATCH_MAX, MigrateOutcome
from libs.settling.ports import MappingTaken
from services.migration.ports import Locations, Mappings, NomisEstate
from services.migration.records import Item, Verdict
from services.migration.rules.losses import losses
from services.migration.rules.page import creation, judged, plan
from services.migration.store.rehearsals import RehearsalStore, WouldBe

DEPTH_MAX = 50


@dataclass(frozen=True, slots=True)
class _Known:
    """What a page stands on: links, real and would-be, would-be parents with their rows, and their places."""

    links: dict[NomisLocationId, LocationMapping]
    above: dict[NomisLocationId, DetailShape]
    places: dict[NomisLocationId, str]


class Rehearsal:
    """Says what would become of each location of a page, and writes nothing but that."""

    def __init__(self, store: RehearsalStore, nomis: NomisEstate, mappings: Mappings, locations: Locations) -> None:
        self._store = store
        self._nomis = nomis
        self._mappings = mappings
        self._locations = locations

    async def page(self, migration_id: str, prisons: frozenset[str], items: Sequence[Item]) -> list[Verdict]:
        """Return a verdict for each item; `migrated` means that it would be."""
        ids = [item.nomis_id for item in items]
        rows = {row.location_id: row for row in await self._nomis.details(ids)} if ids else {}
        known = await self._known(migration_id, rows)
        sorted_page = plan(items, rows, known.links, prisons, migration_id)
        outcomes = await self._validated(sorted_page.to_create, rows, known)
        in_the_way = await self._taken(outcomes)
        judgements = [
            judged(outcome, rows[outcome.nomis_location_id], in_the_way.get(outcome.id)) for outcome in outcomes
        ]
        told = [
            replace(verdict, place=_place(rows[verdict.nomis_id], known), notes=losses(rows[verdict.nomis_id]))
            for verdict in judgements
        ]
        return [*sorted_page.decided, *told]

    async def _known(self, migration_id: str, rows: Mapping[NomisLocationId, DetailShape]) -> _Known:
        """Look up links of the rows and of all that would stand above them."""
        wanted = {*rows, *_parents(rows.values())}
        known = _Known(dict(await self._mappings.for_nomis(wanted)), {}, {})
        missing = _parents(rows.values()) - known.links.keys()
        for _ in range(DEPTH_MAX):
            would_be = await self._store.would_be(migration_id, missing) if missing else {}
            if not would_be:
                break
            known.links.update({nomis_id: _link(nomis_id, there) for nomis_id, there in would_be.items()})
            known.places.update({nomis_id: there.place for nomis_id, there in would_be.items() if there.place})
            created = [nomis_id for nomis_id, there in would_be.items() if there.created]
            above = await self._nomis.details(created) if created else []
            further = _parents(above) - known.links.keys()
            known.links.update(await self._mappings.for_nomis(further) if further else {})
            known.above.update({row.location_id: row for row in above})
            missing = further - known.links.keys()
        return known

    async def _validated(
        self, wishes: Sequence[dict[str, Any]], rows: Mapping[NomisLocationId, DetailShape], known: _Known
    ) -> list[MigrateOutcome]:
        """Ask in as few calls as hold the wishes with all that would stand above them."""
        outcomes: list[MigrateOutcome] = []
        start = 0
        while start < len(wishes):
            part, above = self._part(wishes[start:], rows, known)
            answers = await self._locations.validate([*above, *part])
            outcomes += answers[len(above) :]
            start += len(part)
        return outcomes

    def _part(
        self, wishes: Sequence[dict[str, Any]], rows: Mapping[NomisLocationId, DetailShape], known: _Known
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Take wishes as long as they and what is above them go into one call; at least one."""
        part: list[dict[str, Any]] = []
        above: dict[NomisLocationId, dict[str, Any]] = {}
        for wish in wishes:
            more = self._line(rows[wish["nomisLocationId"]], known, above)
            if part and len(part) + len(above) + len(more) >= MIGRATE_BATCH_MAX:
                break
            above |= more
            part.append(wish)
        return part, [*above.values()]

    def _line(
        self, row: DetailShape, known: _Known, there: Mapping[NomisLocationId, dict[str, Any]]
    ) -> dict[NomisLocationId, dict[str, Any]]:
        """Return how all that would stand above a row and is not `there` yet would be created."""
        line: dict[NomisLocationId, dict[str, Any]] = {}
        at = row.parent_location_id
        while at is not None and at in known.above and at not in there and at not in line:
            line[at] = creation(known.above[at], known.links)
            at = known.above[at].parent_location_id
        return line

    async def _taken(self, outcomes: Sequence[MigrateOutcome]) -> dict[UUID, MappingTaken]:
        """Return which of the DPS ids could not be linked, because they are linked to another row."""
        links = await self._mappings.for_dps([outcome.id for outcome in outcomes]) if outcomes else {}
        return {
            outcome.id: MappingTaken(links[outcome.id], None)
            for outcome in outcomes
            if outcome.id in links and links[outcome.id].nomis_location_id != outcome.nomis_location_id
        }


def _parents(rows: Iterable[DetailShape]) -> set[NomisLocationId]:
    return {row.parent_location_id for row in rows if row.parent_location_id is not None}


def _link(nomis_id: NomisLocationId, there: WouldBe) -> LocationMapping:
    return LocationMapping(dps_location_id=there.dps_id, nomis_location_id=nomis_id, mapping_type=MappingType.MIGRATED)


def _place(row: DetailShape, known: _Known) -> str:
    """Name where a location would stand, the same for all that would stand there."""
    parent = row.parent_location_id
    if parent is None:
        return f"{row.prison_id}-{row.location_code}"
    return f"{known.places.get(parent) or known.links[parent].dps_location_id}-{row.location_code}"
