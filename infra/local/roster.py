"""Who lives in the estate: each stand-in and each service, and what each is told about the others."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import orjson

from infra.local.accounts import SESSIONS
from infra.local.broker import ACCESS_KEY, SECRET_KEY, BrokerKind
from infra.local.settings import ROOT


@dataclass(frozen=True)
class ServiceSpec:
    """One process: how it is started and what it needs. `port_setting` is also how a person chooses its port.

    `root` is the tree whose code it runs: another one than ours where two releases run side by side. `told` outranks
    what the estate tells it: another credential where one is changed for another.
    """

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    database: str | None = None
    client: str | None = None
    tier: Literal["stand-in", "service"] = "service"
    ready_path: str = "/health/readiness"
    number: int = 1
    root: Path = ROOT
    told: Mapping[str, str] = field(default_factory=dict)

    @property
    def part(self) -> str:
        """What this process is called: the service's name, and a number if it is not the first of its kind."""
        return self.name if self.number == 1 else f"{self.name}-{self.number}"

    @property
    def port_setting(self) -> str:
        """Name of the field in the settings."""
        return f"{self.name}_port"

    @property
    def folder(self) -> str:
        """Where its code is."""
        return self.module.replace(".", "/")


def _stand_in(name: str) -> ServiceSpec:
    return ServiceSpec(name, "infra.local.stand_in", (name,), tier="stand-in", ready_path="/health/ping")


STAND_INS = (_stand_in("sign_in"), _stand_in("prison_register"), _stand_in("prisoner_search"))
SERVICES = (
    ServiceSpec("nomis", "services.nomis", database="nomis"),
    ServiceSpec("mapping", "services.mapping", database="mapping"),
    ServiceSpec("locations", "services.locations", database="locations", client="locations"),
    ServiceSpec("to_nomis", "services.to_nomis", client="to-nomis"),
    ServiceSpec("from_nomis", "services.from_nomis", client="from-nomis"),
    ServiceSpec("migration", "services.migration", database="migration", client="migration"),
    ServiceSpec("reconciliation", "services.reconciliation", database="reconciliation", client="reconciliation"),
    ServiceSpec("staff_ui", "services.staff_ui", client="staff-ui"),
)
# How each service is told where another is; prisoner search stands in for the one door of prison-api that is asked.
ADDRESS = MappingProxyType(
    {
        "API_BASE_URL_OAUTH": "sign_in",
        "API_BASE_URL_LOCATIONS": "locations",
        "API_BASE_URL_NOMIS": "nomis",
        "API_BASE_URL_MAPPING": "mapping",
        "API_BASE_URL_PRISONER_SEARCH": "prisoner_search",
        "API_BASE_URL_PRISON_API": "prisoner_search",
        "API_BASE_URL_PRISON_REGISTER": "prison_register",
        "API_BASE_URL_MIGRATION": "migration",
        "API_BASE_URL_RECONCILIATION": "reconciliation",
        "API_BASE_URL_TO_NOMIS": "to_nomis",
        "API_BASE_URL_FROM_NOMIS": "from_nomis",
    },
)


# ministack's long poll sleeps 100 ms at a time, so it is asked again and again. fauxqs answers at once, as AWS does.
POLLING: Mapping[BrokerKind, Mapping[str, str]] = MappingProxyType(
    {
        "ministack": MappingProxyType({"QUEUE_WAIT_SECONDS": "0", "QUEUE_IDLE_PAUSE_SECONDS": "0.05"}),
        "fauxqs": MappingProxyType({"QUEUE_WAIT_SECONDS": "20", "QUEUE_IDLE_PAUSE_SECONDS": "0"}),
    },
)


def roster() -> tuple[ServiceSpec, ...]:
    """Give everyone who is started, in order of start."""
    return (*STAND_INS, *SERVICES)


def replicated(specs: Iterable[ServiceSpec], replicas: Mapping[str, int]) -> tuple[ServiceSpec, ...]:
    """Give each as often as `replicas` says, else once."""
    return tuple(replace(spec, number=number) for spec in specs for number in range(1, replicas.get(spec.name, 1) + 1))


def databases(specs: Iterable[ServiceSpec]) -> tuple[str, ...]:
    """Name the databases that these need; each is its owner's alone."""
    return tuple(dict.fromkeys(spec.database for spec in specs if spec.database))


@dataclass(frozen=True)
class Surroundings:
    """What there is to tell a process of one estate: where the others are, and its own secrets only."""

    urls: Mapping[str, str]
    aws_endpoint: str
    aws_region: str
    broker: BrokerKind
    messaging_file: Path
    log_level: str
    key_file: Path
    dsns: Mapping[str, str]
    secrets: Mapping[str, str]

    def environment(self, spec: ServiceSpec, port: int) -> dict[str, str]:
        """Everything the process is told."""
        told = {setting: self.urls[name] for setting, name in ADDRESS.items() if name in self.urls}
        common = {
            "OAUTH_ISSUER": self.urls["sign_in"],
            "HTTP_HOST": "127.0.0.1",
            "HTTP_PORT": str(port),
            "AWS_ENDPOINT_URL": self.aws_endpoint,
            "AWS_REGION": self.aws_region,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "MESSAGING_FILE": str(self.messaging_file),
            "LOG_LEVEL": self.log_level,
            "PYTHONUNBUFFERED": "1",
            "SERVICE": spec.name,
            # Our NOMIS takes `If-Match` and can be read in bulk.
            "NOMIS_CONDITIONAL_WRITES": "true",
            "NOMIS_BULK_READS": "true",
            # One machine, and a broker that forgets everything when it ends.
            "ALLOW_PURGE": "true",
            **POLLING[self.broker],
        }
        return told | common | self._own(spec)

    def _own(self, spec: ServiceSpec) -> dict[str, str]:
        own: dict[str, str] = {}
        if spec.database:
            own["DATABASE_URL"] = self.dsns[spec.database]
        if spec.client:
            own |= {"CLIENT_ID": spec.client, "CLIENT_SECRET": self.secrets[spec.client]}
        if spec.name == "staff_ui":
            own["SESSION_SECRETS"] = self.secrets[SESSIONS]
            # Browsers go to both themselves, and in containers they know them by other names than the services do.
            own["PUBLIC_URL"] = self.urls["staff_ui"]
            own["OAUTH_AUTHORIZE_URL"] = f"{self.urls['sign_in']}/oauth/authorize"
        if spec.name == "sign_in":
            known = {name: secret for name, secret in self.secrets.items() if name != SESSIONS}
            own["SIGN_IN_SECRETS"] = orjson.dumps(known).decode()
            own["SIGN_IN_KEY_FILE"] = str(self.key_file)
        return own
