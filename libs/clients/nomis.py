"""The NOMIS Prisoner API's locations over HTTP (`reference/nomis.md` §2).

Works with the API as published; the stand-in's extra doors (`If-Match`, bulk details) are used only where a setting
says that this NOMIS has them.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
import orjson

from libs.domain.bulk import NomisDetail
from libs.domain.bulk import NomisRow as BulkRow
from libs.domain.nomis import CreateNomisLocation, ListedLocation, ListedPage, NomisLocation, NomisLocationId
from libs.domain.switch_over import PrisonUnknown
from libs.domain.wire import Wire
from libs.domain.writing import NomisWrites, with_other_as_oth
from libs.settling.ports import NomisKeyTaken, NomisRow, NotAccepted, Stale
from libs.web.outgoing import ApiAnswer, ApiSession, RemoteRefused

ETAG = "ETag"
DETAILS_MAX = 500
BEFORE_ALL = -(2**63)
SINGLES_AT_ONCE = 8
_DETAILS = msgspec.json.Decoder(list[NomisDetail])
_DETAIL = msgspec.json.Decoder(NomisDetail)
_ROWS = msgspec.json.Decoder(list[BulkRow])
_ROW = msgspec.json.Decoder(BulkRow)
_ANSWERS = (
    HTTPStatus.OK,
    HTTPStatus.CREATED,
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.PRECONDITION_FAILED,
    HTTPStatus.INTERNAL_SERVER_ERROR,
)

Row = TypeVar("Row")


class NomisClient:
    """`libs.settling.ports.Nomis` and the bulk reads."""

    def __init__(self, api: ApiSession, *, conditional_writes: bool = False, bulk_reads: bool = False) -> None:
        self._api = api
        self._bulk_reads = bulk_reads
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
        found = await self._ids({"page": page, "size": size})
        return _listed(found), found["totalElements"]

    async def next_page(self, page: int, after: NomisLocationId | None, size: int) -> ListedPage:
        """Return what follows an id where this NOMIS can tell (extra door), else the page of that number."""
        if not self._bulk_reads:
            rows, _ = await self.ids_page(page, size)
            return ListedPage(rows, by_key=False)
        found = await self._ids({"afterId": BEFORE_ALL if after is None else after, "size": size})
        return ListedPage(_listed(found), by_key=True)

    async def details(self, ids: Sequence[NomisLocationId]) -> list[NomisDetail]:
        """Return the rows of up to 500 ids; ids that are gone are absent.

        In one call where this NOMIS has that door, else one by one, a few at a time.
        """
        if not self._bulk_reads:
            return await self._one_by_one(ids, _DETAIL)
        answer = await self._api.request("POST", "/locations/details", json={"locationIds": list(ids)})
        return _DETAILS.decode(answer.body)

    async def read_many(self, ids: Sequence[NomisLocationId]) -> list[NomisRow | None]:
        """Return up to 500 rows in the order of the ids, as `read` has them (extra door)."""
        body = {"locationIds": list(ids), "withTags": self._conditional_writes}
        found = orjson.loads((await self._api.request("POST", "/locations/details", json=body)).body)
        rows = {each["locationId"]: NomisRow(NomisLocation.model_validate(each), each.get("etag")) for each in found}
        return [rows.get(each) for each in ids]

    async def total(self) -> int:
        """Count all rows of all agencies."""
        _, total = await self.ids_page(0, 1)
        return total

    async def ids(self, size: int, prison_id: str | None = None) -> AsyncIterator[list[int]]:
        """Give the ids of all rows by page; of one prison only where this NOMIS can tell (extra doors)."""
        if not self._bulk_reads:
            page, total = 0, 1
            while page * size < total:
                rows, total = await self.ids_page(page, size)
                yield [row.id for row in rows]
                page += 1
            return
        last, after = False, BEFORE_ALL
        while not last:
            params: dict[str, str | int] = {"afterId": after, "size": size}
            if prison_id is not None:
                params["prisonId"] = prison_id
            found = await self._ids(params)
            ids = [row["locationId"] for row in found["content"]]
            last, after = found["last"], ids[-1] if ids else after
            yield ids

    async def rows(self, ids: Sequence[int]) -> list[BulkRow]:
        """Return the rows of these ids without how they came about; ids that are gone are absent.

        In calls of 500 where this NOMIS has that door, else one by one, a few at a time.
        """
        if not self._bulk_reads:
            return await self._one_by_one(ids, _ROW)
        found: list[BulkRow] = []
        for start in range(0, len(ids), DETAILS_MAX):
            body = {"locationIds": ids[start : start + DETAILS_MAX], "withAmendments": False}
            found += _ROWS.decode((await self._api.request("POST", "/locations/details", json=body)).body)
        return found

    async def switch(self, service: str, prison_id: str) -> bool:
        """Whether a service is switched on for a prison: for ours, whether its NOMIS screens are off."""
        path = f"/agency-switches/{service}/agency/{prison_id}"
        answer = await self._api.request("GET", path, ok=(HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND))
        return answer.status == HTTPStatus.NO_CONTENT

    async def set_switch(self, service: str, prison_id: str, *, on: bool) -> None:
        """Switch a service on or off for a prison; done twice is done. Raises PrisonUnknown."""
        path = f"/agency-switches/{service}/agency/{prison_id}"
        try:
            await self._api.request("POST" if on else "DELETE", path)
        except RemoteRefused as refused:
            if refused.status == HTTPStatus.NOT_FOUND:
                raise PrisonUnknown(prison_id) from refused
            raise

    async def _ids(self, params: Mapping[str, str | int]) -> dict[str, Any]:
        found: dict[str, Any] = (await self._api.request("GET", "/locations/ids", params=params)).json()
        return found

    async def _one_by_one(self, ids: Sequence[int], decoder: msgspec.json.Decoder[Row]) -> list[Row]:
        found: list[Row] = []
        for start in range(0, len(ids), SINGLES_AT_ONCE):
            reads = (self._body(each) for each in ids[start : start + SINGLES_AT_ONCE])
            found += [decoder.decode(body) for body in await asyncio.gather(*reads) if body is not None]
        return found

    async def _body(self, location_id: int) -> bytes | None:
        path = f"/locations/{location_id}"
        answer = await self._api.request("GET", path, ok=(HTTPStatus.OK, HTTPStatus.NOT_FOUND))
        return None if answer.status == HTTPStatus.NOT_FOUND else answer.body

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


def _listed(found: Mapping[str, Any]) -> list[ListedLocation]:
    return [
        ListedLocation(row["locationId"], row.get("parentLocationId"), row.get("prisonId")) for row in found["content"]
    ]


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
