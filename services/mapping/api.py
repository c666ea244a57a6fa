"""The doors of the mapping service, and what its errors look like on the wire."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Annotated, Any

import msgspec
import structlog
from pydantic import Field

from libs.web.auth import Caller
from libs.web.problems import AccessDenied, Problem, Trouble, rfc9457
from libs.web.routing import Needs, Route
from services.mapping.errors import Link, MappingConflict, MappingNotFound, SaveContended, SortUnknown, WipeNotAllowed
from services.mapping.records import (
    BATCH_MAX,
    PUBLIC_BATCH_MAX,
    DpsId,
    Find,
    Mapping,
    NewMapping,
    NomisId,
    Outcome,
    Page,
    PageQuery,
    Pair,
    PairsQuery,
    PathNomisId,
    Replacement,
    WipeQuery,
    page_of,
    parsed,
)
from services.mapping.settings import Settings
from services.mapping.store import Store

SYNC = Needs.role("ROLE_NOMIS_LOCATIONS")
READ = Needs.role("ROLE_NOMIS_DPS_MAPPING__LOCATIONS__R")
ADMIN = Needs.role("ROLE_MIGRATION_ADMIN")

PROBLEMS = MappingProxyType(
    {
        MappingNotFound: Problem(404, "Not found", user_prefix="Not Found: "),
        MappingConflict: Problem(409, "Duplicate mapping", 1409, user_prefix="Conflict: "),
        SortUnknown: Problem(400, "Bad request", user_prefix="Validation failure: "),
        WipeNotAllowed: Problem(403, "Wipe not allowed"),
        SaveContended: Problem(503, "Contended"),
    },
)

PAIR = MappingProxyType(
    {
        "dpsLocationId": "de91dfa7-821f-4552-a427-bf2f32eafeb0",
        "nomisLocationId": 5003,
        "mappingType": "LOCATION_CREATED",
    }
)
Batch = Annotated[list[Any], Field(max_length=BATCH_MAX, examples=[[dict(PAIR)]])]
PublicNomisIds = Annotated[list[NomisId], msgspec.Meta(max_length=PUBLIC_BATCH_MAX)]
PublicDpsIds = Annotated[list[DpsId], msgspec.Meta(max_length=PUBLIC_BATCH_MAX)]
log = structlog.get_logger()


class MappingApi:
    """The handlers."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    async def create(self, body: NewMapping) -> None:
        """Create a mapping; the identical pair twice is success."""
        [outcome] = await self._store.save([body])
        if outcome.outcome == "conflict":
            raise MappingConflict(body, outcome.existing_by_dps_id, outcome.existing_by_nomis_id)
        if outcome.outcome == "created":
            log.info(
                "location-mapping-created",
                id=body.dps_location_id,
                nomisLocationId=str(body.nomis_location_id),
                batchId=body.label,
            )

    async def create_batch(self, body: Batch) -> list[Outcome]:
        """Create many mappings; the answer has an outcome for each, in order."""
        read = [parsed(wish) for wish in body]
        saved = iter(await self._store.save([wish for wish in read if isinstance(wish, NewMapping)]))
        outcomes = [next(saved) if isinstance(wish, NewMapping) else wish for wish in read]
        created = sum(outcome.outcome == "created" for outcome in outcomes)
        log.info("location-mappings-created", created=created, asked=len(outcomes))
        return outcomes

    async def replace(self, body: Replacement) -> Mapping:
        """Point a DPS location at another NOMIS location, if it still points at the one named."""
        return await self._store.replace(body)

    async def find(self, body: Find) -> list[Mapping]:
        """Find the mappings of many ids of one side; those without are absent."""
        if body.dps_ids is not None:
            return await self._store.by_dps_ids(body.dps_ids)
        assert body.nomis_ids is not None, "the struct accepts nothing else"
        return await self._store.by_nomis_ids(body.nomis_ids)

    async def pairs(self, query: PairsQuery) -> list[Pair]:
        """List pairs of ids in the order of NOMIS's; the next page is after the last NOMIS id of this one."""
        return await self._store.pairs(query)

    async def by_nomis_id(self, nomis_location_id: PathNomisId) -> Mapping:
        """Find a mapping by NOMIS id."""
        return _found(await self._store.by_nomis_id(nomis_location_id), "nomisLocationId", nomis_location_id)

    async def by_dps_id(self, dps_location_id: str) -> Mapping:
        """Find a mapping by DPS id; any string may be asked for."""
        return _found(await self._store.by_dps_id(dps_location_id), "dpsLocationId", dps_location_id)

    async def latest_migrated(self) -> Mapping:
        """Find the mapping that migration wrote last."""
        return _found(await self._store.latest_migrated(), "mappingType", "MIGRATED")

    async def by_migration(self, migration_id: str, query: PageQuery) -> Page:
        """List what one migration wrote."""
        size = min(query.size, self._settings.page_size_max)
        content, total = await self._store.page_of_migration(migration_id, query, size)
        return page_of(content, total, query, size)

    async def delete_by_dps_id(self, dps_location_id: str) -> None:
        """Delete a mapping by DPS id; already gone is done."""
        await self._store.delete_by_dps_id(dps_location_id)

    async def delete_by_nomis_id(self, nomis_location_id: PathNomisId) -> None:
        """Delete a mapping by NOMIS id; already gone is done."""
        await self._store.delete_by_nomis_id(nomis_location_id)

    async def wipe(self, query: WipeQuery, caller: Caller) -> None:
        """Delete all mappings, or all that migration wrote."""
        if not self._settings.allow_wipe:
            raise WipeNotAllowed("deleting all mappings is switched off here (ALLOW_WIPE)")
        deleted = await self._store.wipe(only_migrated=query.only_migrated)
        log.warning("location-mappings-wiped", deleted=deleted, only_migrated=query.only_migrated, by=caller.client_id)

    async def pair_by_nomis_id(self, nomis_location_id: PathNomisId) -> Pair:
        """Translate a NOMIS id."""
        return _pair(await self.by_nomis_id(nomis_location_id))

    async def pair_by_dps_id(self, dps_location_id: str) -> Pair:
        """Translate a DPS id."""
        return _pair(await self.by_dps_id(dps_location_id))

    async def pairs_by_nomis_ids(self, body: PublicNomisIds) -> list[Pair]:
        """Translate NOMIS ids; unknown ones are absent."""
        return [_pair(row) for row in await self._store.by_nomis_ids(body)]

    async def pairs_by_dps_ids(self, body: PublicDpsIds) -> list[Pair]:
        """Translate DPS ids; unknown ones are absent."""
        return [_pair(row) for row in await self._store.by_dps_ids(body)]


def routes(api: MappingApi) -> Sequence[Route]:
    """List the doors."""
    gone = (MappingNotFound,)
    clash = (MappingConflict,)
    base = "/mapping/locations"
    return (
        Route("GET", base, api.pairs, SYNC),
        Route("POST", base, api.create, SYNC, status=201, problems=clash),
        Route("POST", f"{base}/batch", api.create_batch, SYNC),
        Route("POST", f"{base}/find", api.find, SYNC),
        Route("POST", f"{base}/replace", api.replace, SYNC, problems=clash),
        Route("GET", f"{base}/nomis/{{nomisLocationId}}", api.by_nomis_id, SYNC, problems=gone),
        Route("GET", f"{base}/dps/{{dpsLocationId}}", api.by_dps_id, SYNC, problems=gone),
        Route("GET", f"{base}/migrated/latest", api.latest_migrated, SYNC, problems=gone),
        Route("GET", f"{base}/migration-id/{{migrationId}}", api.by_migration, SYNC, problems=(SortUnknown,)),
        Route("DELETE", f"{base}/dps/{{dpsLocationId}}", api.delete_by_dps_id, SYNC, status=204),
        Route("DELETE", f"{base}/nomis/{{nomisLocationId}}", api.delete_by_nomis_id, SYNC, status=204),
        Route("DELETE", base, api.wipe, ADMIN, status=204, problems=(WipeNotAllowed,)),
        Route("GET", "/api/locations/nomis/{nomisLocationId}", api.pair_by_nomis_id, READ, problems=gone),
        Route("GET", "/api/locations/dps/{dpsLocationId}", api.pair_by_dps_id, READ, problems=gone),
        Route("POST", "/api/locations/nomis", api.pairs_by_nomis_ids, READ),
        Route("POST", "/api/locations/dps", api.pairs_by_dps_ids, READ),
    )


def style(trouble: Trouble) -> dict[str, Any]:
    """Write a problem as this service always did: nulls shown, a conflict's status in words, 403 all but bare."""
    problem = trouble.problem
    text = trouble.detail or problem.title
    bare = isinstance(trouble.error, AccessDenied)
    body: dict[str, Any] = {
        "status": problem.status,
        "errorCode": problem.error_code,
        "userMessage": None if bare else f"{problem.user_prefix}{text}",
        "developerMessage": None if bare else text,
        "moreInfo": None,
    }
    if isinstance(trouble.error, MappingConflict):
        body |= {"status": "CONFLICT", "moreInfo": _both(trouble.error)}
    return body | rfc9457(trouble)


def _both(conflict: MappingConflict) -> dict[str, Any]:
    return {
        "existing": _json(conflict.existing),
        "duplicate": _json(conflict.wish),
        "existingByDpsId": _json(conflict.by_dps_id),
        "existingByNomisId": _json(conflict.by_nomis_id),
    }


def _json(link: Link | None) -> Any:
    return None if link is None else msgspec.to_builtins(link)


def _found(mapping: Mapping | None, field: str, value: object) -> Mapping:
    if mapping is None:
        raise MappingNotFound(f"no location mapping with {field}={value}")
    return mapping


def _pair(mapping: Mapping) -> Pair:
    return Pair(mapping.dps_location_id, mapping.nomis_location_id)
