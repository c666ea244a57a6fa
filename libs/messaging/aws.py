"""Opens the clients and knows what our queues and topics are really called."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession, get_session
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import NoCredentialsError
from prometheus_client import CollectorRegistry
from pydantic import BaseModel, NonNegativeInt, PositiveFloat, PositiveInt, SecretStr, model_validator

from libs.db.tls import Tls
from libs.messaging.api_metrics import ApiMetrics
from libs.messaging.lean import Credentials, LeanSns, LeanSqs, Line
from libs.messaging.queue import FIFO
from libs.messaging.sns import SnsTopic
from libs.messaging.sqs import DEAD_LETTER, Clients, SqsQueue, dead_letter_of

if TYPE_CHECKING:
    from types_aiobotocore_sns import SNSClient


class AwsSettings(BaseModel, frozen=True):
    """Where the broker is. Without keys the default chain of credentials is used (pod identity, environment)."""

    endpoint_url: str | None = None
    tls: Tls = Tls()
    region: str = "eu-west-2"
    account: str = "000000000000"
    access_key: SecretStr | None = None
    secret_key: SecretStr | None = None
    # Real names of queues and ARNs of topics, by id; what is not listed is called by its id.
    names: Mapping[str, str] = {}
    prefix: str = ""
    connect_seconds: PositiveFloat = 3
    # A long poll lasts up to 20 s.
    poll_read_seconds: PositiveFloat = 30
    poll_connections_max: PositiveInt = 20
    control_read_seconds: PositiveFloat = 5
    control_connections_max: PositiveInt = 30
    control_retries: NonNegativeInt = 2
    # False leaves every call to botocore: slower, but by the book, should a broker or proxy want something special.
    lean_calls: bool = True

    @model_validator(mode="after")
    def _over_tls(self) -> Self:
        if self.tls.required and self.endpoint_url and not self.endpoint_url.startswith("https://"):
            raise ValueError("aws_endpoint_url: must begin with https:// where aws_tls requires it")
        return self


class Aws:
    """Queues and topics by their ids in the topology."""

    def __init__(
        self, settings: AwsSettings, clients: Clients, sns: "SNSClient", lean_sns: LeanSns | None = None
    ) -> None:
        self._lean_sns = lean_sns
        self.settings = settings
        self.clients = clients
        self.control = clients.control
        self.sns = sns

    def queue(self, name: str) -> SqsQueue:
        """Give the queue of this id."""
        dead = name if name.removesuffix(FIFO).endswith(DEAD_LETTER) else dead_letter_of(name)
        return SqsQueue(self.clients, name, self.real_name(name), self.real_name(dead))

    def topic(self, name: str) -> SnsTopic:
        """Give the topic of this id."""
        return SnsTopic(self.sns, name, self.topic_arn(name), self._lean_sns)

    def real_name(self, name: str) -> str:
        """Return what the broker calls it."""
        return self.settings.names.get(name, self.settings.prefix + name)

    def topic_arn(self, name: str) -> str:
        """Return the topic's ARN, as given or as the broker would compose it."""
        real = self.real_name(name)
        given = real.startswith("arn:")
        return real if given else f"arn:aws:sns:{self.settings.region}:{self.settings.account}:{real}"


@asynccontextmanager
async def connect(settings: AwsSettings, registry: CollectorRegistry | None = None) -> AsyncIterator[Aws]:
    """Open two SQS clients, one that polls and one for all else, and one for SNS. Nothing is asked yet.

    With a registry every call is counted there.
    """
    metrics = ApiMetrics(registry) if registry else None
    control = _config(
        settings, settings.control_read_seconds, settings.control_connections_max, settings.control_retries
    )
    # A poll that failed is repeated by the consumer, which knows whether it still wants to.
    polling = _config(settings, settings.poll_read_seconds, settings.poll_connections_max, retries=0)
    session, told = get_session(), _told(settings)
    async with AsyncExitStack() as stack:
        clients = Clients(
            await stack.enter_async_context(session.create_client("sqs", config=polling, **told)),
            await stack.enter_async_context(session.create_client("sqs", config=control, **told)),
        )
        sns = await stack.enter_async_context(session.create_client("sns", config=control, **told))
        lean_sns = None
        if settings.lean_calls:
            polls, calls = await _sessions(stack, settings)
            credentials = await _credentials(settings, session)
            line = Line(calls, clients.control.meta.endpoint_url, settings.region, credentials, metrics)
            lean_sns = LeanSns(replace(line, endpoint_url=sns.meta.endpoint_url))
            clients = replace(clients, lean_polling=LeanSqs(replace(line, http=polls)), lean_control=LeanSqs(line))
        if metrics:
            for client in (clients.polling, clients.control, sns):
                metrics.watch(client)
        yield Aws(settings, clients, sns, lean_sns)


async def _credentials(settings: AwsSettings, session: AioSession) -> Credentials:
    if settings.access_key and settings.secret_key:
        given = ReadOnlyCredentials(
            settings.access_key.get_secret_value(), settings.secret_key.get_secret_value(), None
        )

        async def credentials() -> ReadOnlyCredentials:
            return given

        return credentials
    found = await session.get_credentials()
    if found is None:
        raise NoCredentialsError
    # Renews them when their time is nearly over.
    return found.get_frozen_credentials


async def _sessions(
    stack: AsyncExitStack, settings: AwsSettings
) -> tuple[aiohttp.ClientSession, aiohttp.ClientSession]:
    """Open one session for polls and one for all other calls."""

    async def open_(read_seconds: float, connections: int) -> aiohttp.ClientSession:
        timeout = aiohttp.ClientTimeout(total=read_seconds, connect=settings.connect_seconds)
        connector = aiohttp.TCPConnector(limit=connections, ssl=settings.tls.context() or True)
        return await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout, connector=connector))

    return (
        await open_(settings.poll_read_seconds, settings.poll_connections_max),
        await open_(settings.control_read_seconds, settings.control_connections_max),
    )


def _config(settings: AwsSettings, read_seconds: float, connections: int, retries: int) -> AioConfig:
    return AioConfig(
        connect_timeout=settings.connect_seconds,
        read_timeout=read_seconds,
        max_pool_connections=connections,
        retries={"max_attempts": retries, "mode": "standard"},
        parameter_validation=False,
    )


def _told(settings: AwsSettings) -> dict[str, Any]:
    secret = settings.secret_key
    return {
        "region_name": settings.region,
        "endpoint_url": settings.endpoint_url,
        "verify": str(settings.tls.ca_file) if settings.tls.ca_file else None,
        "aws_access_key_id": settings.access_key.get_secret_value() if settings.access_key else None,
        "aws_secret_access_key": secret.get_secret_value() if secret else None,
    }
