"""Standing aside: how a row gives up its place, and how a location whose row went meanwhile takes its own back."""

from pydantic import JsonValue

from libs.domain.identity import stands_aside
from libs.domain.shared import DPS_MASTERED, Field, kind_in_dps
from libs.domain.sync import Conflict, LocationMirror, Side, SyncWrite
from libs.domain.writing import nomis_writes
from libs.settling.keys import LEFT, aside_descriptions
from libs.settling.ports import KeyTaken, Locations, Nomis, NomisKeyTaken, NomisRow


async def leave_place(nomis: Nomis, row: NomisRow) -> None:
    """Have a row give up its description for one that nobody else wants. Raises Stale, NomisKeyTaken."""
    own = row.location
    first, second = (
        nomis_writes(own, {}, parent=own.parent_location_id, description=description)
        for description in aside_descriptions(own)
    )
    try:
        await nomis.carry_out(own.location_id, first, row.etag)
    except NomisKeyTaken:
        await nomis.carry_out(own.location_id, second, row.etag)


async def back_in_place(locations: Locations, mirror: LocationMirror, sync_user: str) -> LocationMirror:
    """Take back the code that the location had before it stood aside, as nobody's edit; else as it is.

    Where that place was taken meanwhile, or sync is one way, it stays as it is, and the record tells people.
    Raises Stale, RefusedByDps.
    """
    own, state = mirror.location, mirror.sync
    left = state.published.get(LEFT)
    if not left or not stands_aside(f"-{own.code}") or kind_in_dps(own) in DPS_MASTERED:
        return mirror
    code = str(left[0])
    published = {name: list(values) for name, values in state.published.items() if name != LEFT}
    if state.one_way:
        return await _stays(locations, mirror, code, published, sync_user, "sync is one way")
    base = dict(state.base or {}) | {Field.CODE.value: code}
    back = SyncWrite(last_updated_by=sync_user, fields={Field.CODE.value: code}, base=base, published=published)
    try:
        return await locations.write(own.id, back, state.etag)
    except KeyTaken:
        return await _stays(locations, mirror, code, published, sync_user, "its place was taken")


async def _stays(
    locations: Locations,
    mirror: LocationMirror,
    code: str,
    published: dict[str, list[JsonValue]],
    sync_user: str,
    reason: str,
) -> LocationMirror:
    conflict = Conflict(
        field=Field.CODE.value, base=code, dps=mirror.location.code, nomis=None, won=Side.DPS, reason=reason
    )
    stays = SyncWrite(last_updated_by=sync_user, published=published, conflicts=(conflict,))
    return await locations.write(mirror.location.id, stays, mirror.sync.etag)
