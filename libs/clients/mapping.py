"""The mapping service over HTTP (`reference/mapping-service.md`, batch doors of `design.md` §3)."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from pydantic import TypeAdapter

from libs.domain.bulk import PairRow
from libs.domain.mapping import LocationMapping
from libs.domain.nomis import NomisLocationId
from libs.settling.ports import MappingTaken
from libs.web.outgoing import ApiSession

IDS_MAX = 1000
_MAPPINGS = TypeAdapter(list[LocationMapping])
CONFLICT = 409
_PAIRS = msgspec.json.Decoder(list[PairRow])


class MappingClient:
    """`libs.settling.ports.Mappings` and the migration's bulk doors."""

    def __init__(self, api: ApiSession) -> None:
        self._api = api

    async def for_dps(self, ids: Collection[UUID]) -> Mapping[UUID, LocationMapping]:
        """Return the links of these DPS ids; the unlinked are absent."""
        found = await self._find("dpsIds", [str(i) for i in ids])
        return {mapping.dps_location_id: mapping for mapping in found}

    async def for_nomis(self, ids: Collection[NomisLocationId]) -> Mapping[NomisLocationId, LocationMapping]:
        """Return the links of these NOMIS ids; the unlinked are absent."""
        found = await self._find("nomisIds", list(ids))
        return {mapping.nomis_location_id: mapping for mapping in found}

    async def save(self, mapping: LocationMapping) -> None:
        """Save the link; the same pair again is done. Raises MappingTaken naming both links in the way."""
        [taken] = await self.save_many([mapping])
        if taken is not None:
            raise taken

    async def save_many(self, mappings: Sequence[LocationMapping]) -> list[MappingTaken | None]:
        """Save up to 1,000 links in one call; None for each that is there now, in order."""
        answer = await self._api.request("POST", "/mapping/locations/batch", json=[_wire(m) for m in mappings])
        return [_taken(outcome) for outcome in answer.json()]

    async def replace(self, mapping: LocationMapping, previous: NomisLocationId) -> None:
        """Move a DPS id from one NOMIS id to another; done when done before."""
        answer = await self._api.request(
            "POST",
            "/mapping/locations/replace",
            json=_wire(mapping) | {"previousNomisLocationId": previous},
            ok=(200, CONFLICT),
        )
        if answer.status == CONFLICT:
            raise MappingTaken(*_in_the_way(answer.json()))

    async def remove_row(self, nomis_location_id: NomisLocationId) -> None:
        """Remove the link of this row, whoever it leads to; done when already gone."""
        await self._api.request("DELETE", f"/mapping/locations/nomis/{nomis_location_id}")

    async def pairs(self, after: int, up_to: int, size: int) -> list[PairRow]:
        """Return up to 10,000 pairs whose NOMIS id follows `after` up to `up_to`, in the order of NOMIS ids."""
        params = {"afterNomisId": after, "upToNomisId": up_to, "size": size}
        return _PAIRS.decode((await self._api.request("GET", "/mapping/locations", params=params)).body)

    async def pairs_of_nomis(self, ids: Sequence[int]) -> list[PairRow]:
        """Return the pairs of up to 1,000 NOMIS ids; the unlinked are absent."""
        return await self._pairs_of("nomisIds", ids)

    async def pairs_of_dps(self, ids: Sequence[str]) -> list[PairRow]:
        """Return the pairs of up to 1,000 DPS ids; the unlinked are absent."""
        return await self._pairs_of("dpsIds", ids)

    async def _pairs_of(self, member: str, ids: Sequence[str | int]) -> list[PairRow]:
        if not ids:
            return []
        answer = await self._api.request("POST", "/mapping/locations/find", json={member: ids})
        return _PAIRS.decode(answer.body)

    async def _find(self, member: str, ids: Sequence[str | int]) -> list[LocationMapping]:
        found: list[LocationMapping] = []
        for start in range(0, len(ids), IDS_MAX):
            part = ids[start : start + IDS_MAX]
            answer = await self._api.request("POST", "/mapping/locations/find", json={member: part})
            found += _MAPPINGS.validate_json(answer.body)
        return found


def _wire(mapping: LocationMapping) -> dict[str, Any]:
    told = {
        "dpsLocationId": str(mapping.dps_location_id),
        "nomisLocationId": mapping.nomis_location_id,
        "mappingType": mapping.mapping_type.value,
    }
    return told if mapping.label is None else {**told, "label": mapping.label}


def _taken(outcome: Mapping[str, Any]) -> MappingTaken | None:
    match outcome["outcome"]:
        case "created" | "exists":
            return None
        case "conflict":
            return MappingTaken(_link(outcome.get("existingByDpsId")), _link(outcome.get("existingByNomisId")))
        case other:
            raise ValueError(f"mapping service called a link {other}: {outcome.get('reason')}")


def _in_the_way(problem: Mapping[str, Any]) -> tuple[LocationMapping | None, LocationMapping | None]:
    more = problem.get("moreInfo") or {}
    return _link(more.get("existingByDpsId") or more.get("existing")), _link(more.get("existingByNomisId"))


def _link(row: Mapping[str, Any] | None) -> LocationMapping | None:
    return LocationMapping.model_validate(row) if row else None
