"""The walk over a linked pair: read NOMIS, read DPS, merge, write what differs, look again until both are seen equal.

Every write to DPS is conditional on what was read. What is about to go to NOMIS is noted in DPS first (`published`), so
that a later walk knows our own late write from an edit. The base moves, field by field, only once both sides were seen
to hold the value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from pydantic import JsonValue

from libs.domain.merge import Merged, merge, with_published
from libs.domain.nomis import NomisLocation, NomisLocationId
from libs.domain.shared import Field, project_dps, project_nomis
from libs.domain.sync import Conflict, LocationMirror, Side, SyncWrite
from libs.domain.writing import dps_fields, nomis_writes
from libs.messaging.outcome import RetryLater
from libs.settling.gap import lost_in_the_gap
from libs.settling.outcome import Act, Settled, Us, WalkLimits
from libs.settling.ports import Locations, Nomis, NomisKeyTaken, NomisRow, RefusedByDps, Stale

KEY = "key"
"""Member of the base beside the shared fields: the DPS key when both sides last agreed."""

_MOVES = frozenset({Field.CODE, Field.PARENT})


class Relatives(Protocol):
    """Finds the other side's id of a parent, creating the parent there when it is missing."""

    async def dps_parent(self, nomis_parent: NomisLocationId, depth: int) -> UUID:
        """Return the DPS id of a NOMIS parent."""

    async def nomis_parent(self, dps_parent: UUID, depth: int) -> NomisLocationId:
        """Return the NOMIS id of a DPS parent."""


class SettlesPair(Protocol):
    """Settles two halves that are linked."""

    async def settle_pair(self, dps_id: UUID, nomis_id: NomisLocationId, depth: int) -> Settled:
        """Settle the pair."""


class Gone(Exception):
    """The NOMIS row of a linked pair is not there."""


@dataclass(frozen=True, slots=True)
class PairWalk:
    """Walks one pair; holds no state of its own between calls."""

    locations: Locations
    nomis: Nomis
    relatives: Relatives
    limits: WalkLimits
    us: Us

    async def settle(self, dps_id: UUID, nomis_id: NomisLocationId, depth: int) -> Settled:
        """Settle the pair. Raises Gone, Tombstoned, RetryLater when it keeps moving."""
        act = Act.NOTHING
        sent_over: NomisRow | None = None
        for _ in range(self.limits.looks_max):
            row = await self._row(nomis_id)
            mirror = await self._mirror(dps_id)
            merged = await self._merged(mirror, row.location, depth)
            lost = lost_in_the_gap(sent_over, row, self.us.nomis_api_user)
            if not self._news(mirror, row.location, merged, lost):
                return Settled(act, dps_id, nomis_id, mirror.location.key)
            act = Act.NOTHING if merged.settled and act is Act.NOTHING else Act.AMENDED
            try:
                mirror = await self._write_dps(mirror, row.location, merged, lost)
                if _to_write(mirror, row.location, merged):
                    await self._write_nomis(mirror, row, merged, depth)
                elif not merged.to_dps or await self._is_still(row):
                    return Settled(act, dps_id, nomis_id, mirror.location.key)
            except (Stale, RefusedByDps):
                continue
            act, sent_over = Act.AMENDED, row
        raise RetryLater(f"{dps_id} and {nomis_id} keep changing")

    async def _row(self, nomis_id: NomisLocationId) -> NomisRow:
        row = await self.nomis.read(nomis_id)
        if row is None:
            raise Gone(str(nomis_id))
        return row

    async def _is_still(self, row: NomisRow) -> bool:
        """Whether NOMIS holds what was just taken over.

        An edit taken back in between has a walk of its own, which may have found both sides equal and written nothing:
        then no version told us that what we wrote was old.
        """
        return (await self._row(row.location.location_id)).location == row.location

    async def _mirror(self, dps_id: UUID) -> LocationMirror:
        mirror = await self.locations.mirror(dps_id)
        if mirror is None:
            # The mapping is saved after the location, so this id is on its way or its database was restored older.
            raise RetryLater(f"{dps_id} is linked but not in DPS")
        return mirror

    async def _merged(self, mirror: LocationMirror, row: NomisLocation, depth: int) -> Merged:
        parent = row.parent_location_id
        dps_parent = str(await self.relatives.dps_parent(parent, depth)) if parent is not None else None
        own = mirror.location
        return merge(
            mirror.sync.base,
            project_dps(own),
            project_nomis(row, dps_parent),
            published=mirror.sync.published,
            authority=mirror.sync.authority,
            converted=own.converted_cell_type is not None,
            archived=own.archived,
            one_way=mirror.sync.one_way,
        )

    def _news(
        self,
        mirror: LocationMirror,
        row: NomisLocation,
        merged: Merged,
        lost: tuple[Conflict, ...],
    ) -> bool:
        """Whether anything is left to write, the record of the agreement included."""
        state = mirror.sync
        return bool(
            _to_write(mirror, row, merged)
            or merged.to_dps
            or merged.conflicts
            or lost
            or state.published
            or state.base != merged.base | {KEY: mirror.location.key}
            or state.nomis_location_id != row.location_id
            or state.nomis_description != row.description,
        )

    async def _write_dps(
        self,
        mirror: LocationMirror,
        row: NomisLocation,
        merged: Merged,
        lost: tuple[Conflict, ...],
    ) -> LocationMirror:
        """Write in one call what DPS lacks, what both are seen to agree on, and what is about to go to NOMIS."""
        state = mirror.sync
        writing = _to_write(mirror, row, merged)
        write = SyncWrite(
            last_updated_by=row.modify_username or row.create_username or self.us.sync_user,
            fields=dps_fields(merged.to_dps, mirror.location),
            base=_agreed(state.base, merged),
            key_agreed=not writing,
            published=with_published(state.published, merged.to_nomis) if writing else {},
            nomis_location_id=row.location_id,
            nomis_description=row.description,
            conflicts=(*merged.conflicts, *_description_conflict(mirror, row, merged), *lost),
        )
        return await self.locations.write(mirror.location.id, write, state.etag)

    async def _write_nomis(self, mirror: LocationMirror, row: NomisRow, merged: Merged, depth: int) -> None:
        own = mirror.location
        parent = row.location.parent_location_id
        if Field.PARENT in merged.to_nomis:
            parent = await self.relatives.nomis_parent(own.parent_id, depth) if own.parent_id else None
        if row.etag is None:
            again = await self.nomis.read(row.location.location_id)
            if again is None or again.location != row.location:
                raise Stale
        rewrite = _rewrites_description(mirror, row.location, merged)
        writes = nomis_writes(
            row.location,
            merged.to_nomis,
            parent=parent,
            description=own.key if rewrite else row.location.description,
        )
        try:
            await self.nomis.carry_out(row.location.location_id, writes, row.etag)
        except NomisKeyTaken as taken:
            raise RetryLater(f"NOMIS has another row with key {own.key}") from taken


def _to_write(mirror: LocationMirror, row: NomisLocation, merged: Merged) -> bool:
    return bool(merged.to_nomis) or _rewrites_description(mirror, row, merged)


def _rewrites_description(mirror: LocationMirror, row: NomisLocation, merged: Merged) -> bool:
    """Whether NOMIS's description follows: DPS's code, parent or an ancestor's moved the key since the agreement.

    A description that merely is not parent + code is left alone, and so is one that NOMIS itself just moved.
    """
    agreed = (mirror.sync.base or {}).get(KEY)
    if agreed is None or _MOVES & set(merged.to_dps):
        return bool(_MOVES & set(merged.to_nomis))
    return mirror.location.key not in (agreed, row.description)


def _description_conflict(mirror: LocationMirror, row: NomisLocation, merged: Merged) -> tuple[Conflict, ...]:
    known = mirror.sync.nomis_description
    if known is None or known == row.description or not _rewrites_description(mirror, row, merged):
        return ()
    return (
        Conflict(
            field="description",
            base=known,
            dps=mirror.location.key,
            nomis=row.description,
            won=Side.DPS,
            reason="changed on both sides",
        ),
    )


def _agreed(base: Mapping[str, JsonValue] | None, merged: Merged) -> dict[str, JsonValue]:
    """Return the base after this write: what is still on its way to NOMIS, and so the key, keeps the old one."""
    old = base or {}
    agreed: dict[str, JsonValue] = {}
    for name, value in merged.base.items():
        if Field(name) not in merged.to_nomis:
            agreed[name] = value
        elif name in old:
            agreed[name] = old[name]
    if KEY in old:
        agreed[KEY] = old[KEY]
    return agreed
