"""NOMIS's description and DPS's key: when one follows the other, and the names of what stands aside for a moment.

Two rows that swap codes each wait for the other's key. One of them then takes a name that nobody else can want, the
other moves, and the first takes its place (`docs/adr/0016-making-room.md`).
"""

from uuid import UUID

from libs.domain.identity import ASIDE, stands_aside
from libs.domain.merge import Merged
from libs.domain.nomis import NomisLocation, NomisLocationId
from libs.domain.shared import Field
from libs.domain.sync import Conflict, LocationMirror, Side

KEY = "key"
"""Member of the base beside the shared fields: the DPS key when both sides last agreed. Member of `published`: the keys
under which a row was about to be created."""

MOVES = frozenset({Field.CODE, Field.PARENT})
LEFT = "left"
"""Member of `published`: the code that a location had before it stood aside in DPS."""


class Circle(Exception):
    """Those who wait for each other's place on one side have come round to `who`, who has to stand aside."""

    def __init__(self, who: UUID, side: Side) -> None:
        super().__init__(f"{who} waits for its own place in {side}")
        self.who = who
        self.side = side


def aside_descriptions(row: NomisLocation) -> tuple[str, str]:
    """Return descriptions for a row that stands aside: its own, and one in case a screen gave that to another row."""
    own = f"{row.prison_id}-{ASIDE}{row.location_id}"
    return own, f"{own}{ASIDE}"


def aside_code(nomis_id: NomisLocationId) -> str:
    """Return a code that no other location can have; a code has at most twelve characters."""
    return f"{ASIDE}{nomis_id}"


def rewrites_description(
    mirror: LocationMirror, row: NomisLocation, merged: Merged, freeing: str | None, our_user: str
) -> bool:
    """Whether NOMIS's description follows: DPS's code, parent or an ancestor's moved the key since the agreement.

    A description that merely is not parent + code is left alone, unless another location has that key and needs it;
    and so is one that NOMIS itself just moved.
    """
    key = mirror.location.key
    if key == row.description:
        return False
    if stands_aside(key):
        # Aside until people give it a code again: it gives away a description that it only kept.
        return row.description == freeing and not MOVES & set(merged.to_dps)
    if row.description == freeing or stands_aside(row.description):
        return True
    agreed = (mirror.sync.base or {}).get(KEY)
    if agreed is None and row.create_username == our_user:
        # Made under an earlier key, and moved before the two ever agreed.
        return not MOVES & set(merged.to_dps)
    if agreed is None or MOVES & set(merged.to_dps):
        return bool(MOVES & set(merged.to_nomis))
    return key != agreed or _put_back(mirror, row, merged)


def _put_back(mirror: LocationMirror, row: NomisLocation, merged: Merged) -> bool:
    """Whether somebody in NOMIS changed the description along with a move that is refused, or where sync is one way."""
    known = mirror.sync.nomis_description
    refused = mirror.sync.one_way or bool(MOVES & set(merged.to_nomis))
    return refused and known is not None and known != row.description


def description_conflicts(mirror: LocationMirror, row: NomisLocation, *, rewrites: bool) -> tuple[Conflict, ...]:
    """Return the record of a description that somebody changed in NOMIS and that is about to be overwritten."""
    known = mirror.sync.nomis_description
    if known is None or known == row.description or not rewrites or stands_aside(row.description):
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
