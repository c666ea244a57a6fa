"""Opens every HTTP service on real parts. A new service is a line in `SERVICES` and an opener."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from uuid import UUID

import asyncpg
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from infra.local import prison_register, prisoner_search, topology
from libs.web.application import ROUTES
from libs.web.auth import AuthSettings
from services.from_nomis import app as from_nomis
from services.from_nomis.settings import Settings as FromNomisSettings
from services.locations import app as locations
from services.locations.settings import Settings as LocationsSettings
from services.mapping import app as mapping
from services.mapping.settings import Settings as MappingSettings
from services.migration import app as migration
from services.migration.settings import Settings as MigrationSettings
from services.nomis import app as nomis
from services.nomis.settings import Settings as NomisSettings
from services.reconciliation import app as reconciliation
from services.reconciliation.settings import Settings as ReconciliationSettings
from services.to_nomis import app as to_nomis
from services.to_nomis.settings import Settings as ToNomisSettings
from tests.conftest import ROOT, Auth, BrokerAddress, Databases, MakeToken
from tests.services.nomis.prison import PRISON

Known = Mapping[str, tuple[str | int, ...]]
KMI = MappingProxyType({"prisonId": "KMI", "prisonName": "Kirkham (HMP)", "female": False, "lthse": False})
MESSAGING = ROOT / "infra/messaging.json"


@dataclass(frozen=True)
class Parts:
    """What services stand on; `urls` has those that are open already."""

    auth: Auth
    databases: Databases
    broker: BrokerAddress
    token: MakeToken
    urls: dict[str, str] = field(default_factory=dict)

    async def database(self, *schemas: str) -> str:
        """Make a database with these steps, and give the login that a service has in production: it owns nothing."""
        return await self.databases.runtime(await self.databases.create(*schemas))

    def worker(self, name: str) -> dict[str, Any]:
        """Settings that every worker has."""
        return {
            "api_base_url_oauth": self.auth.url,
            "oauth_issuer": self.auth.issuer,
            "api_base_url_nomis": self.urls["nomis"],
            "api_base_url_mapping": self.urls["mapping"],
            "api_base_url_locations": self.urls["locations"],
            "client_id": name,
            "client_secret": self.auth.secrets[name],
            "aws_endpoint_url": self.broker.endpoint_url,
            "aws_region": self.broker.region,
            "messaging_file": MESSAGING,
            # Not a long poll: it would have to end before the process may.
            "queue_wait_seconds": 0,
            "queue_idle_pause_seconds": 0.2,
        }


@dataclass(frozen=True, eq=False)
class Served:
    """A service that answers at a URL."""

    app: web.Application
    url: str
    service: "Service"

    @property
    def roles(self) -> frozenset[str]:
        """Every role that any of its doors asks for."""
        return frozenset(role for route in self.app[ROUTES] for role in route.needs.roles)


Opener = Callable[[Parts], AbstractAsyncContextManager[web.Application]]


@dataclass(frozen=True)
class Service:
    """How one is opened, which parameters lead somewhere, and which checks its contract is above."""

    open: Opener
    known: Known = field(default_factory=dict)
    # Its bodies follow rules that no schema states, so that a valid one may be refused (400, 412) ...
    has_rules: bool = False
    # ... and they are read leniently, as existing clients need: "5" is 5.
    is_lenient: bool = False
    # The original's database says 500; ours does too.
    says_500: bool = False


@asynccontextmanager
async def _nomis(parts: Parts) -> AsyncIterator[web.Application]:
    dsn = await parts.databases.create("services/nomis/schema")
    connection = await asyncpg.connect(dsn)
    async with connection.transaction():
        await connection.execute(PRISON)
    await connection.close()
    settings = NomisSettings(
        database_url=SecretStr(dsn),
        api_base_url_oauth=parts.auth.url,
        oauth_issuer=parts.auth.issuer,
        relay_enabled=False,
    )
    async with nomis.build(settings) as app:
        yield app


@asynccontextmanager
async def _mapping(parts: Parts) -> AsyncIterator[web.Application]:
    dsn = await parts.database("services/mapping/schema")
    settings = MappingSettings(
        database_url=SecretStr(dsn),
        apply_schema=False,
        api_base_url_oauth=parts.auth.url,
        oauth_issuer=parts.auth.issuer,
        allow_wipe=True,
    )
    async with mapping.build(settings) as app:
        yield app


@asynccontextmanager
async def _locations(parts: Parts) -> AsyncIterator[web.Application]:
    dsn = await parts.database("libs/messaging/schema", "services/locations/schema")
    settings = LocationsSettings(
        database_url=SecretStr(dsn),
        apply_schema=False,
        api_base_url_prisoner_search=parts.urls["prisoner-search"],
        api_base_url_prison_register=parts.urls["prison-register"],
        # The stand-in answers for prison-api's roll counts too.
        api_base_url_prison_api=parts.urls["prisoner-search"],
        client_id="locations",
        client_secret=SecretStr(parts.auth.secrets["locations"]),
        api_base_url_oauth=parts.auth.url,
        oauth_issuer=parts.auth.issuer,
        relay_enabled=False,
    )
    async with locations.build(settings) as app:
        yield app


@asynccontextmanager
async def _migration(parts: Parts) -> AsyncIterator[web.Application]:
    dsn = await parts.database("libs/messaging/schema", "services/migration/schema")
    settings = MigrationSettings(
        database_url=SecretStr(dsn),
        apply_schema=False,
        allow_wipe=True,
        nomis_bulk_reads=True,
        **parts.worker("migration"),
    )
    async with migration.build(settings) as app:
        yield app


@asynccontextmanager
async def _to_nomis(parts: Parts) -> AsyncIterator[web.Application]:
    async with to_nomis.build(ToNomisSettings(nomis_conditional_writes=True, **parts.worker("to-nomis"))) as app:
        yield app


@asynccontextmanager
async def _from_nomis(parts: Parts) -> AsyncIterator[web.Application]:
    async with from_nomis.build(FromNomisSettings(nomis_conditional_writes=True, **parts.worker("from-nomis"))) as app:
        yield app


@asynccontextmanager
async def _reconciliation(parts: Parts) -> AsyncIterator[web.Application]:
    dsn = await parts.database("libs/messaging/schema", "services/reconciliation/schema")
    settings = ReconciliationSettings(
        database_url=SecretStr(dsn), apply_schema=False, nomis_bulk_reads=True, **parts.worker("reconciliation")
    )
    async with reconciliation.build(settings) as app:
        yield app


# Four locations that the migration of KMI makes, by the ids derived from NOMIS's.
NOMIS_IDS = (5001, 5002, 5003, 5010)
DPS_IDS = tuple(str(UUID(int=number)) for number in range(1, 5))


def _queues(name: str) -> Known:
    return {"path.queueName": (name, f"{name}-dlq"), "path.dlqName": (f"{name}-dlq",)}


# In the order in which they need each other.
SERVICES: Mapping[str, Service] = MappingProxyType(
    {
        "nomis": Service(
            _nomis,
            {"path.locationId": NOMIS_IDS, "path.key": ("KMI-D-2-014",), "path.prisonId": ("KMI",)},
            has_rules=True,
            is_lenient=True,
            says_500=True,
        ),
        "mapping": Service(
            _mapping, {"path.nomisLocationId": NOMIS_IDS, "path.dpsLocationId": DPS_IDS}, has_rules=True
        ),
        "locations": Service(
            _locations,
            {"path.locationId": DPS_IDS, "path.key": ("KMI-D-2-014",), "path.prisonId": ("KMI",)},
            has_rules=True,
            is_lenient=True,
        ),
        "migration": Service(_migration, _queues("migration-locations"), has_rules=True, is_lenient=True),
        "to-nomis": Service(_to_nomis, {"path.dpsLocationId": DPS_IDS, **_queues("to-nomis-locations")}),
        "from-nomis": Service(_from_nomis, {"path.nomisLocationId": NOMIS_IDS, **_queues("from-nomis-locations")}),
        "reconciliation": Service(_reconciliation),
    }
)


@asynccontextmanager
async def open_all(parts: Parts) -> AsyncIterator[Mapping[str, Served]]:
    """Open them all, each under a URL of its own, on one broker that has the topology's queues."""
    await topology.set_up(parts.broker.endpoint_url, parts.broker.region, MESSAGING)
    served: dict[str, Served] = {}
    async with AsyncExitStack() as stack:
        auth = AuthSettings(jwks_url=parts.auth.jwks_url, issuer=parts.auth.issuer)
        stand_ins = {
            "prisoner-search": prisoner_search.application(auth),
            "prison-register": prison_register.application(auth, {"KMI": dict(KMI)}),
        }
        for name, stand_in in stand_ins.items():
            parts.urls[name] = await _serving(stack, stand_in)
        for name, service in SERVICES.items():
            app = await stack.enter_async_context(service.open(parts))
            parts.urls[name] = await _serving(stack, app)
            served[name] = Served(app, parts.urls[name], service)
        yield served


async def _serving(stack: AsyncExitStack, app: web.Application) -> str:
    server = await stack.enter_async_context(TestServer(app, host="127.0.0.1"))
    return str(server.make_url("")).rstrip("/")
