"""The NOMIS Prisoner API's locations over HTTP (`reference/nomis.md` §2).

Works with the API as published; the stand-in's extra doors (`If-Match`, bulk details) are used only where a setting
says that this NOMIS has them.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from libs.domain.nomis import CreateNomisLocation, ListedLocation, NomisLocation, NomisLocationId
from libs.domain.wire import Wire
from libs.domain.writing import NomisWrites, with_other_as_oth
from libs.settling.ports import NomisKeyTaken, NomisRow, NotAccepted, Stale
from libs.web.outgoing import ApiAnswer, ApiSession, RemoteRefused

ETAG = "ETag"
_ANSWERS = (
    HTTPStatus.OK,
    HTTPStatus.CREATED,
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.PRECONDITION_FAILED,
    HTTPStatus.INTERNAL_SERVER_ERROR,
)


class NomisClient:
    """`libs.settling.ports.Nomis` and the bulk reads."""

    def __init__(self, api: ApiSession, *, conditional_writes: bool = False) -> None:
        self._api = api
        self._conditional_writes = conditional_writes

    async def read(self, location_id: NomisLocationId) -> NomisRow | None:
        """Return the row; None when there is none."""
        return await self._read(f"/locations/{location_id}")

    async def read_by_key(self, key: str) -> NomisRow | None:
        """Return the row with this description; None when there is none."""
        return await self._read(f"/locations/key/{key}")

    async def create(self, location: CreateNomisLocation) -> NomisLocationId:
        """Create a row. A prison that has only OTH defined is sent OTH for OTHER."""
        answer = await self._call("POST", "/locations", location)
        other = with_other_as_oth(location.usages)
        if answer.status == HTTPStatus.BAD_REQUEST and other != location.usages:
            answer = await self._call("POST", "/locations", location.model_copy(update={"usages": other}))
        _check(answer, "POST", "/locations")
        return NomisLocationId(answer.json()["locationId"])

    async def carry_out(self, location_id: NomisLocationId, writes: NomisWrites, etag: str | None) -> None:
        """Make the calls in order; "already (in)active" is done."""
        path = f"/locations/{location_id}"
        if writes.update is not None:
            etag = await self._update(path, writes, etag)
        if writes.capacity is not None:
            etag = await self._put(f"{path}/capacity", writes.capacity, etag)
        if writes.certification is not None:
            etag = await self._put(f"{path}/certification", writes.certification, etag)
        if writes.deactivate is not None:
            await self._put(f"{path}/deactivate", writes.deactivate, etag, already_fine=True)
        if writes.reactivate:
            await self._put(f"{path}/reactivate", None, etag, already_fine=True)

    async def ids_page(self, page: int, size: int) -> tuple[list[ListedLocation], int]:
        """Return one page of all locations, and the total."""
        answer = await self._api.request("GET", "/locations/ids", params={"page": page, "size": size})
        found = answer.json()
        rows = [
            ListedLocation(row["locationId"], row.get("parentLocationId"), row.get("prisonId"))
            for row in found["content"]
        ]
        return rows, found["totalElements"]

    async def details(self, ids: Sequence[NomisLocationId]) -> list[NomisLocation]:
        """Return the rows of up to 500 ids in one call (extra door); ids that are gone are absent."""
        answer = await self._api.request("POST", "/locations/details", json={"locationIds": list(ids)})
        return [NomisLocation.model_validate(row) for row in answer.json()]

    async def _read(self, path: str) -> NomisRow | None:
        answer = await self._api.request("GET", path, ok=(HTTPStatus.OK, HTTPStatus.NOT_FOUND))
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        etag = answer.headers.get(ETAG) if self._conditional_writes else None
        return NomisRow(NomisLocation.model_validate_json(answer.body), etag)

    async def _update(self, path: str, writes: NomisWrites, etag: str | None) -> str | None:
        assert writes.update is not None
        answer = await self._call("PUT", path, writes.update, etag)
        other = with_other_as_oth(writes.update.usages)
        if answer.status == HTTPStatus.BAD_REQUEST and other != writes.update.usages:
            answer = await self._call("PUT", path, writes.update.model_copy(update={"usages": other}), etag)
        _check(answer, "PUT", path)
        return answer.headers.get(ETAG) if etag else None

    async def _put(self, path: str, body: Wire | None, etag: str | None, *, already_fine: bool = False) -> str | None:
        answer = await self._call("PUT", path, body, etag)
        if not (already_fine and answer.status == HTTPStatus.BAD_REQUEST and "already" in _told(answer)):
            _check(answer, "PUT", path)
        return answer.headers.get(ETAG) if etag else None

    async def _call(self, method: str, path: str, body: Wire | None, etag: str | None = None) -> ApiAnswer:
        sent: Any = body.model_dump(mode="json", by_alias=True) if body is not None else None
        headers = {"If-Match": etag} if etag else None
        return await self._api.request(method, path, json=sent, headers=headers, ok=_ANSWERS)


def _check(answer: ApiAnswer, method: str, path: str) -> None:
    match answer.status:
        case HTTPStatus.PRECONDITION_FAILED | HTTPStatus.NOT_FOUND:
            raise Stale
        case HTTPStatus.BAD_REQUEST:
            raise NotAccepted(f"NOMIS {method} {path}: {_told(answer)}")
        case HTTPStatus.INTERNAL_SERVER_ERROR:
            # The one way NOMIS has to say that the description is taken; other failures look the same.
            if "AGENCY_INTERNAL_LOCATIONS_UK" in _told(answer).upper():
                raise NomisKeyTaken(path)
            raise RemoteRefused(answer.status, {}, method, path)


def _told(answer: ApiAnswer) -> str:
    try:
        body = answer.json()
    except ValueError:
        return ""
    return str(body.get("developerMessage") or body.get("userMessage") or "")
