"""What every test may ask for: a real PostgreSQL, a real broker, a database of its own; one loop for the session."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.resources.abc import Traversable
from itertools import count
from pathlib import Path

import asyncpg
import pytest
from aiohttp.test_utils import TestServer
from hypothesis import HealthCheck, settings
from xdist.remote import Producer

from infra.local import sign_in
from infra.local.accounts import Accounts, generated, names
from infra.local.broker import ACCESS_KEY, SECRET_KEY, Broker, BrokerPlan
from infra.local.ports import free_port
from infra.local.postgres import Postgres, PostgresPlan
from infra.local.tokens import Grant, Signer, new_key
from libs.db import schema
from libs.messaging.aws import Aws, AwsSettings, connect
from tests import dealing

ROOT = Path(__file__).resolve().parent.parent
LOGIN = "house"
RUNTIME = "runtime"
# Before a part of the session counts as failed; on a busy machine it may come late.
READY_SECONDS = 120
NAMESPACES = count(1)
# Nobody listens on the first port; one that was free a moment ago may be somebody's by now.
NOBODY = "http://127.0.0.1:1"

# The same examples each time, and no judgement of how long one takes: a busy machine is no fault of what is tested.
# `--hypothesis-profile exploring` looks for new ones.
settings.register_profile("exploring", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("house", settings.get_profile("exploring"), derandomize=True)
settings.load_profile("house")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    dealing.longest_first(items)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> dealing.Dealing:
    return dealing.Dealing(config, log)


MakeDatabase = Callable[..., Awaitable[str]]
MakeToken = Callable[..., str]


@pytest.fixture(scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Postgres]:
    """One throw-away server for the session."""
    directory = tmp_path_factory.mktemp("postgres")
    server = Postgres(replace(PostgresPlan.for_tests(directory, free_port()), ready_seconds=READY_SECONDS))
    await server.start()
    await server.create_database(LOGIN)
    yield server
    await server.stop()
    shutil.rmtree(directory)


@dataclass
class Databases:
    """Fresh databases, each cloned from a template made once for each list of schema folders."""

    server: Postgres
    numbers: Iterator[int] = field(default_factory=count)
    templates: dict[tuple[str, ...], str] = field(default_factory=dict)

    async def create(self, *schemas: str | Traversable) -> str:
        """Give the DSN of a new database in which the steps of these folders were applied, in this order."""
        folders = tuple(ROOT / folder if isinstance(folder, str) else folder for folder in schemas)
        names = tuple(str(folder) for folder in folders)
        if folders and names not in self.templates:
            template = await self._clone("template1")
            await self._apply(template, folders)
            self.templates[names] = template
        return self.server.dsn(await self._clone(self.templates.get(names, "template1")), LOGIN)

    async def runtime(self, dsn: str) -> str:
        """Give the DSN of a login that may read and write the tables of a database and change none of them."""
        await self.server.create_database(RUNTIME)
        connection = await asyncpg.connect(dsn)
        await schema.grant(connection, RUNTIME)
        await connection.close()
        return self.server.dsn(dsn.rsplit("/", 1)[1].split("?", 1)[0], RUNTIME)

    async def drop(self, dsn: str) -> None:
        name = dsn.rsplit("/", 1)[1].split("?", 1)[0]
        async with self.server.admin() as admin:
            await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    async def _clone(self, template: str) -> str:
        name = f"test_{next(self.numbers)}"
        async with self.server.admin() as admin:
            await admin.execute(f'CREATE DATABASE "{name}" OWNER {LOGIN} TEMPLATE "{template}" STRATEGY file_copy')
        return name

    async def _apply(self, name: str, folders: tuple[Traversable, ...]) -> None:
        connection = await asyncpg.connect(self.server.dsn(name, LOGIN))
        try:
            for folder in folders:
                await schema.apply(connection, folder)
        finally:
            await connection.close()


@pytest.fixture(scope="session")
def databases(postgres: Postgres) -> Databases:
    """For fixtures of a wider scope than a test; whoever creates here may leave the dropping to the session's end."""
    return Databases(postgres)


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[MakeDatabase]:
    """`dsn = await database("services/mapping/schema", "libs/messaging/schema")`; dropped after the test."""
    made: list[str] = []

    async def make(*schemas: str | Traversable) -> str:
        made.append(await databases.create(*schemas))
        return made[-1]

    yield make
    for dsn in made:
        await databases.drop(dsn)


@dataclass(frozen=True)
class BrokerAddress:
    """What an AWS client needs; tests make queues under names of their own."""

    endpoint_url: str
    region: str
    access_key: str
    secret_key: str


@pytest.fixture(scope="session")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BrokerAddress]:
    """One ministack for the session."""
    running = Broker(BrokerPlan(tmp_path_factory.mktemp("broker"), free_port(), ready_seconds=READY_SECONDS))
    await running.start()
    yield BrokerAddress(running.endpoint, running.plan.region, ACCESS_KEY, SECRET_KEY)
    await running.stop()


def aws_settings(broker: BrokerAddress) -> AwsSettings:
    return AwsSettings.model_validate(vars(broker))


@pytest.fixture(scope="session")
async def clients(broker: BrokerAddress) -> AsyncIterator[Aws]:
    """One set of clients for the session: making them costs more than what the tests do with them."""
    async with connect(aws_settings(broker)) as aws:
        yield aws


def namespaced(clients: Aws, *, lean: bool = True) -> Aws:
    """Give the same clients, at queues and topics of names that nobody else has."""
    settings = clients.settings.model_copy(update={"prefix": f"t{next(NAMESPACES)}-"})
    return Aws(settings, clients.clients, clients.sns, clients._lean_sns if lean else None)


@pytest.fixture(scope="session")
async def fauxqs(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BrokerAddress]:
    """One fauxqs for the session: a second opinion on what SQS and SNS do, and long polls that answer at once."""
    plan = BrokerPlan(tmp_path_factory.mktemp("fauxqs"), free_port(), kind="fauxqs", ready_seconds=READY_SECONDS)
    running = Broker(plan)
    await running.start()
    yield BrokerAddress(running.endpoint, running.plan.region, ACCESS_KEY, SECRET_KEY)
    await running.stop()


def clock() -> datetime:
    """The wall clock: tokens are checked against it by the real verifier."""
    return datetime.now(UTC)  # noqa: TID251 - a composition root of the tests


@dataclass(frozen=True)
class Auth:
    """The sign-in stand-in, running in this process."""

    url: str
    issuer: str
    signer: Signer
    secrets: dict[str, str]

    @property
    def jwks_url(self) -> str:
        return f"{self.url}/.well-known/jwks.json"

    @property
    def token_url(self) -> str:
        return f"{self.url}/oauth/token"


@pytest.fixture(scope="session")
async def auth() -> AsyncIterator[Auth]:
    """One sign-in server for the session; services under test check tokens by its key."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    signer = Signer(new_key(), url, clock)
    secrets = generated(names())
    async with TestServer(sign_in.application(Accounts(secrets), signer, clock), host="127.0.0.1", port=port):
        yield Auth(url, url, signer, secrets)


@pytest.fixture(scope="session")
def token(auth: Auth) -> MakeToken:
    """`token({"ROLE_SYNC_LOCATIONS"}, username="X")`: signed directly, without a round trip."""

    def make(
        roles: Iterable[str] = (),
        scopes: Iterable[str] = ("read", "write"),
        username: str | None = None,
        client_id: str = "test",
        prisons: Iterable[str] | None = None,
    ) -> str:
        caseloads = None if prisons is None else frozenset(prisons)
        grant = Grant(client_id, username, roles=frozenset(roles), scopes=tuple(scopes), caseloads=caseloads)
        return auth.signer.token(grant)

    return make
