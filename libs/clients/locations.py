"""The locations API's sync and migrate doors over HTTP (`libs.domain.sync`)."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from uuid import UUID

import msgspec
import orjson

from libs.domain.bulk import Ids, Mirrors
from libs.domain.switch_over import PrisonStage, StageMove, StepRefused
from libs.domain.sync import (
    LocationMirror,
    MigrateOutcome,
    MigrateOutcomes,
    SyncErrorCode,
    SyncWrite,
    WriteOutcome,
    WriteOutcomes,
)
from libs.settling.ports import (
    Busy,
    HasChildren,
    KeyTaken,
    NotAccepted,
    ParentGone,
    ParentRefused,
    RefusedByDps,
    Stale,
    SyncOff,
    Tombstoned,
)
from libs.web.outgoing import ApiAnswer, ApiSession, RemoteRefused

_OUTCOMES = msgspec.json.Decoder(MigrateOutcomes)
_MIRRORS = msgspec.json.Decoder(Mirrors)
_IDS = msgspec.json.Decoder(Ids)
_WRITTEN = msgspec.json.Decoder(WriteOutcomes)
WRITE_REFUSED = (Tombstoned, Stale, ParentRefused, NotAccepted, ParentGone, KeyTaken, SyncOff, Busy, RefusedByDps)
PARENT_NOT_ALLOWED = "Parent not allowed"
_ANSWERS = (
    HTTPStatus.OK,
    HTTPStatus.CREATED,
    HTTPStatus.NO_CONTENT,
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.GONE,
    HTTPStatus.PRECONDITION_FAILED,
)


class LocationsClient:
    """`libs.settling.ports.Locations` and the migration's bulk door."""

    def __init__(self, api: ApiSession) -> None:
        self._api = api

    async def mirror(self, location_id: UUID) -> LocationMirror | None:
        """Return own state and sync state; None when never seen. Raises Tombstoned."""
        answer = await self._api.request("GET", _path(location_id), ok=_ANSWERS)
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        return _mirror(answer, "GET", location_id)

    async def create(self, location_id: UUID, write: SyncWrite) -> LocationMirror:
        """Create it; Stale when it exists."""
        return await self._put(location_id, write, {"If-None-Match": "*"})

    async def write(self, location_id: UUID, write: SyncWrite, etag: str) -> LocationMirror:
        """Write only if it still has that etag, else Stale."""
        return await self._put(location_id, write, {"If-Match": f'"{etag}"'})

    async def write_each(self, writes: Sequence[tuple[UUID, SyncWrite, str]]) -> list[LocationMirror | Exception]:
        """Do up to 100 such writes in one call; the outcome of each, in order, as `write` returns or raises it."""
        body = {"writes": [{"id": str(each), "etag": etag, "write": _wire(write)} for each, write, etag in writes]}
        answer = await self._api.request("POST", "/sync/locations/batch", json=body)
        outcomes = zip(writes, _WRITTEN.decode(answer.body).outcomes, strict=True)
        return [_written(outcome, each) for (each, _, _), outcome in outcomes]

    async def delete(self, location_id: UUID, etag: str) -> None:
        """Delete only if it still has that etag, else Stale; done when already gone."""
        answer = await self._api.request("DELETE", _path(location_id), headers={"If-Match": f'"{etag}"'}, ok=_ANSWERS)
        if answer.status == HTTPStatus.BAD_REQUEST:
            raise HasChildren(str(location_id))
        _check(answer, "DELETE", location_id)

    async def below(self, location_id: UUID) -> list[UUID] | None:
        """Return the location and all below it, parents first; None when it is unknown."""
        path = f"/locations/{location_id}"
        answer = await self._api.request(
            "GET", path, params={"includeChildren": "true"}, ok=(HTTPStatus.OK, HTTPStatus.NOT_FOUND)
        )
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        found: list[UUID] = []
        level = [answer.json()]
        while level:
            found += [UUID(location["id"]) for location in level]
            level = [child for location in level for child in location.get("childLocations", ())]
        return found

    async def migrate(self, locations: Sequence[Mapping[str, Any]]) -> list[MigrateOutcome]:
        """Create up to 500 locations in one call; an outcome for each, in order."""
        return await self._batch("/migrate/locations/batch", locations)

    async def validate(self, locations: Sequence[Mapping[str, Any]]) -> list[MigrateOutcome]:
        """Answer what `migrate` would and write nothing; parents that are not in DPS belong in the same call."""
        return await self._batch("/migrate/locations/validate", locations)

    async def _batch(self, path: str, locations: Sequence[Mapping[str, Any]]) -> list[MigrateOutcome]:
        answer = await self._api.request("POST", path, json={"locations": list(locations)})
        return [*_OUTCOMES.decode(answer.body).outcomes]

    async def mirrors_page(
        self, after: str | None, size: int, *, prison_id: str | None = None, with_base: bool = False
    ) -> Mirrors:
        """Return up to 1,000 locations that follow an id, in the order of ids; of one prison or of all."""
        params: dict[str, str | int] = {"size": size, "withBase": str(with_base).lower()}
        if after is not None:
            params["after"] = after
        if prison_id is not None:
            params["prisonId"] = prison_id
        return _MIRRORS.decode((await self._api.request("GET", "/sync/locations", params=params)).body)

    async def ids(self, after: str | None, size: int, prison_id: str | None = None) -> Ids:
        """Return up to 10,000 ids that follow an id, in order; of one prison or of all."""
        params: dict[str, str | int] = {"size": size}
        if after is not None:
            params["after"] = after
        if prison_id is not None:
            params["prisonId"] = prison_id
        return _IDS.decode((await self._api.request("GET", "/sync/locations/ids", params=params)).body)

    async def mirrors(self, ids: Sequence[str], *, with_base: bool = False) -> Mirrors:
        """Return up to 1,000 locations by id, and which of the others were deleted."""
        body = {"ids": ids, "withBase": with_base}
        return _MIRRORS.decode((await self._api.request("POST", "/sync/locations/find", json=body)).body)

    async def whole_mirrors(self, ids: Sequence[UUID]) -> list[LocationMirror | Exception | None]:
        """Return up to 1,000 mirrors in the order of the ids; None and Tombstoned as `mirror` has them."""
        body = {"ids": [str(each) for each in ids], "withBase": True}
        found = orjson.loads((await self._api.request("POST", "/sync/locations/find", json=body)).body)
        mirrors: dict[UUID, LocationMirror | Exception] = {
            UUID(each["id"]): Tombstoned(each["id"]) for each in found.get("buried", ())
        }
        for each in found["content"]:
            mirror = LocationMirror.model_validate(each)
            mirrors[mirror.location.id] = mirror
        return [mirrors.get(each) for each in ids]

    async def stages(self, *, holding: bool = False) -> list[PrisonStage]:
        """Return the prisons that ever took a step of a switch-over; with `holding` all that hold locations, too."""
        params = {"holding": "true"} if holding else None
        answer = await self._api.request("GET", "/sync/prisons", params=params)
        return [PrisonStage.model_validate(each) for each in answer.json()]

    async def stage(self, prison_id: str) -> PrisonStage:
        """Return where a prison stands, with its steps."""
        answer = await self._api.request("GET", f"/sync/prisons/{prison_id}")
        return PrisonStage.model_validate_json(answer.body)

    async def take_step(self, prison_id: str, move: StageMove) -> PrisonStage:
        """Take a step. Raises StepRefused."""
        path = f"/sync/prisons/{prison_id}/stage"
        body = move.model_dump(mode="json", by_alias=True)
        answer = await self._api.request("PUT", path, json=body, ok=(HTTPStatus.OK, HTTPStatus.CONFLICT))
        if answer.status == HTTPStatus.CONFLICT:
            raise StepRefused(_told(answer, "developerMessage"))
        return PrisonStage.model_validate_json(answer.body)

    async def _put(self, location_id: UUID, write: SyncWrite, headers: Mapping[str, str]) -> LocationMirror:
        answer = await self._api.request("PUT", _path(location_id), json=_wire(write), headers=headers, ok=_ANSWERS)
        return _mirror(answer, "PUT", location_id)


def _wire(write: SyncWrite) -> dict[str, Any]:
    return write.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _written(outcome: WriteOutcome, location_id: UUID) -> LocationMirror | Exception:
    try:
        return _mirror(ApiAnswer(outcome.status, {}, bytes(outcome.body)), "PUT", location_id)
    except WRITE_REFUSED as refused:
        return refused


def _path(location_id: UUID) -> str:
    return f"/sync/locations/{location_id}"


def _mirror(answer: ApiAnswer, method: str, location_id: UUID) -> LocationMirror:
    _check(answer, method, location_id)
    return LocationMirror.model_validate_json(answer.body)


def _check(answer: ApiAnswer, method: str, location_id: UUID) -> None:
    match answer.status:
        case HTTPStatus.GONE:
            raise Tombstoned(str(location_id))
        case HTTPStatus.PRECONDITION_FAILED:
            raise Stale
        case HTTPStatus.BAD_REQUEST if _told(answer, "title") == PARENT_NOT_ALLOWED:
            raise ParentRefused(_told(answer, "developerMessage"))
        case HTTPStatus.BAD_REQUEST:
            raise NotAccepted(f"DPS {method} {location_id}: {_told(answer, 'developerMessage')}")
        case HTTPStatus.CONFLICT:
            raise _conflict(answer)
        case HTTPStatus.NOT_FOUND if method == "PUT":
            # The location itself answers 410 when it is gone and needs no parent to be changed in place.
            raise ParentGone(_told(answer, "developerMessage"))
        case HTTPStatus.NOT_FOUND:
            raise RemoteRefused(answer.status, {}, method, _path(location_id))


def _conflict(answer: ApiAnswer) -> Exception:
    told = _told(answer, "developerMessage")
    match answer.json().get("errorCode"):
        case SyncErrorCode.ALREADY_EXISTS:
            holder = _told(answer, "moreInfo")
            return KeyTaken(told, UUID(holder) if holder else None)
        case SyncErrorCode.SYNC_OFF:
            return SyncOff(told)
        case SyncErrorCode.BUSY:
            return Busy(told)
        case _:
            return RefusedByDps(told)


def _told(answer: ApiAnswer, member: str) -> str:
    return str(answer.json().get(member) or "")
