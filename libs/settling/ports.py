"""What a walk needs of the three remote services, in the walk's own words.

Every write here may be repeated. A port raises one of the errors below, or an adapter's own "unavailable" error, which
the walk lets pass: the message is the unit of retry.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from libs.domain.mapping import LocationMapping
from libs.domain.nomis import CreateNomisLocation, NomisLocation, NomisLocationId
from libs.domain.sync import LocationMirror, SyncWrite
from libs.domain.writing import NomisWrites


class Stale(Exception):
    """The side moved since it was read; nothing was written. Look again."""


class Tombstoned(Exception):
    """The location was deleted in DPS; its mapping is kept."""


class RefusedByDps(Exception):
    """DPS may not change this location by rule; nothing was written."""


class SyncOff(RefusedByDps):
    """The prison is one way: what changes in NOMIS is not taken."""


class Busy(Exception):
    """Others changed the same locations for longer than DPS waits; nothing was written. Try again."""


class KeyTaken(Exception):
    """Another DPS location of the prison has this path; `holder` when the API named it."""

    def __init__(self, reason: str, holder: UUID | None) -> None:
        super().__init__(reason)
        self.holder = holder


class ParentRefused(Exception):
    """DPS does not take this parent by rule (a circle, another prison); nothing was written."""


class ParentGone(Exception):
    """DPS does not have that parent; nothing was written."""


class HasChildren(Exception):
    """DPS keeps a location while others stand below it."""


class NotAccepted(Exception):
    """A side called our request wrong; asking again would not help. The message names the field and the rule."""


class NomisKeyTaken(Exception):
    """NOMIS failed as it does when another row of the prison has the description."""


class MappingTaken(Exception):
    """One of the ids is linked to another already; both existing links are named where known."""

    def __init__(self, by_dps: LocationMapping | None, by_nomis: LocationMapping | None) -> None:
        super().__init__(
            f"linked already: {by_dps.dps_location_id if by_dps else '?'} to "
            f"{by_dps.nomis_location_id if by_dps else '?'}, {by_nomis.dps_location_id if by_nomis else '?'} to "
            f"{by_nomis.nomis_location_id if by_nomis else '?'}",
        )
        self.by_dps = by_dps
        self.by_nomis = by_nomis


@dataclass(frozen=True, slots=True)
class NomisRow:
    """A NOMIS row as read; `etag` where that NOMIS has conditional writes."""

    location: NomisLocation
    etag: str | None = None


class Locations(Protocol):
    """The locations API's idempotent sync doors."""

    async def mirror(self, location_id: UUID) -> LocationMirror | None:
        """Return own state and sync state; None when never seen. Raises Tombstoned."""

    async def create(self, location_id: UUID, write: SyncWrite) -> LocationMirror:
        """Create it; Stale when it exists.

        Raises Tombstoned, SyncOff, Busy, KeyTaken, ParentRefused, ParentGone, NotAccepted.
        """

    async def write(self, location_id: UUID, write: SyncWrite, etag: str) -> LocationMirror:
        """Write only if it still has that etag, else Stale.

        Raises Tombstoned, RefusedByDps, SyncOff, Busy, KeyTaken, ParentRefused, ParentGone, NotAccepted.
        """

    async def delete(self, location_id: UUID, etag: str) -> None:
        """Delete only if it still has that etag, else Stale; done when already gone.

        Raises HasChildren, SyncOff, Busy.
        """

    async def below(self, location_id: UUID) -> Sequence[UUID] | None:
        """Return the location and all below it, parents first; None when it is unknown."""


class Nomis(Protocol):
    """The NOMIS Prisoner API's locations endpoints."""

    async def read(self, location_id: NomisLocationId) -> NomisRow | None:
        """Return the row; None when there is none."""

    async def read_by_key(self, key: str) -> NomisRow | None:
        """Return the row with this description; None when there is none."""

    async def create(self, location: CreateNomisLocation) -> NomisLocationId:
        """Create a row, always active. Raises NomisKeyTaken, NotAccepted."""

    async def carry_out(self, location_id: NomisLocationId, writes: NomisWrites, etag: str | None) -> None:
        """Make the calls in order. With an etag the first is conditional: Stale when the row moved.

        "Already active" and "already inactive" are done. Raises NomisKeyTaken, NotAccepted, Stale (row gone too).
        """


class Mappings(Protocol):
    """The mapping service."""

    async def for_dps(self, ids: Collection[UUID]) -> Mapping[UUID, LocationMapping]:
        """Return the links of these DPS ids; the unlinked are absent."""

    async def for_nomis(self, ids: Collection[NomisLocationId]) -> Mapping[NomisLocationId, LocationMapping]:
        """Return the links of these NOMIS ids; the unlinked are absent."""

    async def save(self, mapping: LocationMapping) -> None:
        """Save the link; the same pair again is done. Raises MappingTaken."""

    async def replace(self, mapping: LocationMapping, previous: NomisLocationId) -> None:
        """Move a DPS id from one NOMIS id to another in one step; done when done before. Raises MappingTaken."""

    async def remove_row(self, nomis_location_id: NomisLocationId) -> None:
        """Remove the link of this row, whoever it leads to; done when already gone."""
