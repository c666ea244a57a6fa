"""What the scenario works with: the APIs as an operator, a member of staff and the workers, and NOMIS by SQL."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
from pydantic import SecretStr

from infra.local.broker import ACCESS_KEY, SECRET_KEY
from infra.local.supervisor import Estate
from libs.clients.locations import LocationsClient
from libs.clients.mapping import MappingClient
from libs.clients.nomis import NomisClient
from libs.domain.bulk import NomisDetail
from libs.domain.nomis import NomisLocation, NomisLocationId
from libs.domain.queues import QueueName
from libs.domain.shared import SYNCED, kind_in_dps, project_dps, project_nomis
from libs.domain.sync import OwnLocation
from libs.messaging.aws import Aws, AwsSettings, connect
from libs.messaging.sqs import DEAD_LETTER
from libs.settling.ports import Tombstoned
from libs.web.outgoing import ApiSession, OutgoingSettings, api_session

# Patience: a step ends as soon as it is seen.
WAIT_SECONDS = 60.0
LOOK_SECONDS = 0.05
AT_ONCE = 20
PAGE = 500
SCREEN_USER, SCREEN_MODULE = "QDEMO_GEN", "OIMMHOLO"

Seen = TypeVar("Seen")


class NotSeen(Exception):
    """What a step waits for did not come."""


@dataclass(frozen=True)
class Desk:
    """Everything at hand."""

    operator: ApiSession
    staff: ApiSession
    publisher: ApiSession
    reconciliation: ApiSession
    locations: LocationsClient
    mappings: MappingClient
    nomis: NomisClient
    broker: Aws
    nomis_database: "asyncpg.Connection[asyncpg.Record]"
    locations_database: "asyncpg.Connection[asyncpg.Record]"

    async def screen(self, sql: str, *given: Any) -> Any:
        """Make an edit as a NOMIS screen does: SQL in a transaction that names user and module."""
        async with self.nomis_database.transaction():
            await self.nomis_database.execute(
                "SELECT set_config('nomis.audit_user_id', $1, true), set_config('nomis.audit_module_name', $2, true)",
                SCREEN_USER,
                SCREEN_MODULE,
            )
            return await self.nomis_database.fetchval(sql, *given)

    async def depths(self) -> dict[str, int]:
        """Count what is on each worker's queue and on its dead-letter queue."""
        names = [name + end for name in QueueName for end in ("", DEAD_LETTER)]
        depths = {name: await self.broker.queue(name).depth() for name in names}
        return {name: depth.visible + depth.in_flight + depth.delayed for name, depth in depths.items()}

    async def row(self, nomis_id: NomisLocationId) -> NomisLocation | None:
        """Read a location from NOMIS."""
        seen = await self.nomis.read(nomis_id)
        return seen.location if seen else None

    async def own(self, dps_id: UUID) -> OwnLocation | None:
        """Read a location from DPS; None when there is none (any more)."""
        try:
            mirror = await self.locations.mirror(dps_id)
        except Tombstoned:
            return None
        return mirror.location if mirror else None

    async def nomis_id(self, dps_id: UUID) -> NomisLocationId | None:
        """Return the NOMIS id of a DPS location, once it is linked."""
        link = (await self.mappings.for_dps([dps_id])).get(dps_id)
        return link.nomis_location_id if link else None

    async def dps_id(self, nomis_id: NomisLocationId) -> UUID | None:
        """Return the DPS id of a NOMIS location, once it is linked."""
        link = (await self.mappings.for_nomis([nomis_id])).get(nomis_id)
        return link.dps_location_id if link else None

    async def differences(self) -> tuple[int, list[str]]:
        """Compare everything both sides hold, through both APIs; return how many pairs, and each difference."""
        ids = [row["internal_location_id"] for row in await self.nomis_database.fetch(_NOMIS_IDS)]
        compared, found = 0, []
        for start in range(0, len(ids), PAGE):
            rows = await self.nomis.details(ids[start : start + PAGE])
            above = {row.parent_location_id for row in rows if row.parent_location_id is not None}
            links = await self.mappings.for_nomis([*{row.location_id for row in rows} | above])
            for group in range(0, len(rows), AT_ONCE):
                answers = await asyncio.gather(*(self._differs(row, links) for row in rows[group : group + AT_ONCE]))
                found += [difference for answer in answers for difference in answer]
            compared += len(rows)
        extra = await self.locations_database.fetchval("SELECT count(*) FROM location") - compared
        if extra:
            found.append(f"{extra} more locations in DPS than in NOMIS")
        return compared, found

    async def _differs(self, row: NomisDetail, links: Any) -> list[str]:
        link = links.get(row.location_id)
        own = await self.own(link.dps_location_id) if link else None
        if own is None:
            return [f"{row.description}: only in NOMIS"]
        parent = links.get(row.parent_location_id)
        theirs = project_nomis(row, str(parent.dps_location_id) if parent else None)
        mine = project_dps(own)
        return [
            f"{own.key} {field}: DPS {mine[field]!r}, NOMIS {theirs[field]!r}"
            for field in SYNCED[kind_in_dps(own)]
            if mine[field] != theirs[field]
        ]


_NOMIS_IDS = """
    SELECT internal_location_id FROM agency_internal_locations
     WHERE agy_loc_id NOT IN ('ZZGHI', 'UNKNWN', 'TRN', 'LT3', 'LT4', 'OUT') ORDER BY 1
"""


def broker_at(url: str, region: str) -> AwsSettings:
    """Say how the embedded broker is reached."""
    return AwsSettings(
        endpoint_url=url, region=region, access_key=SecretStr(ACCESS_KEY), secret_key=SecretStr(SECRET_KEY)
    )


@asynccontextmanager
async def open_desk(estate: Estate) -> AsyncIterator[Desk]:
    """Sit down at a running estate, found by its endpoints."""
    found = estate.endpoints
    urls = {name: service["url"] for name, service in found["services"].items()}

    async with AsyncExitStack() as stack:

        async def session(service: str, client: str) -> ApiSession:
            return await stack.enter_async_context(
                api_session(
                    OutgoingSettings(
                        base_url=urls[service],
                        token_url=found["signIn"]["tokenUrl"],
                        client_id=client,
                        client_secret=SecretStr(found["signIn"]["clients"][client]["secret"]),
                    )
                )
            )

        async def database(name: str) -> "asyncpg.Connection[asyncpg.Record]":
            connection = await asyncpg.connect(found["databases"][name]["dsn"])
            stack.push_async_callback(connection.close)
            return connection

        yield Desk(
            operator=await session("migration", "operator"),
            staff=await session("locations", "operator"),
            publisher=await session("to_nomis", "operator"),
            reconciliation=await session("reconciliation", "operator"),
            locations=LocationsClient(await session("locations", "from-nomis")),
            mappings=MappingClient(await session("mapping", "from-nomis")),
            nomis=NomisClient(await session("nomis", "from-nomis")),
            broker=await stack.enter_async_context(
                connect(broker_at(found["broker"]["url"], estate.settings.aws_region))
            ),
            nomis_database=await database("nomis"),
            locations_database=await database("locations"),
        )


async def seen(look: Callable[[], Awaitable[Seen | None]], what: str, seconds: float = WAIT_SECONDS) -> Seen:
    """Look until there is something to see. Raises NotSeen."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := await look():
            return found
        await asyncio.sleep(LOOK_SECONDS)
    raise NotSeen(f"{what}: not within {seconds:g} s")
