"""Who may ask the sign-in stand-in for a token: one client for each service, some people for the pages and the demo."""

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

SYNC_ROLES = frozenset({"NOMIS_LOCATIONS", "SYNC_LOCATIONS", "VIEW_LOCATIONS"})
STAFF_ROLES = frozenset({"VIEW_LOCATIONS", "MAINTAIN_LOCATIONS", "READ_LOCATION_REFERENCE_DATA"})
OPERATOR_ROLES = frozenset(
    {
        *SYNC_ROLES,
        *STAFF_ROLES,
        "ESTABLISHMENT_ROLL",
        "MIGRATE_LOCATIONS",
        "MIGRATION_ADMIN",
        "PRISONER_ADMIN",
        "PRISONER_SEARCH",
        "NOMIS_DPS_MAPPING__LOCATIONS__R",
        "QUEUE_ADMIN",
        "RECONCILE_LOCATIONS",
        "SWITCH_OVER_LOCATIONS",
        "VIEW_PRISONER_LOCATIONS",
    },
)
# A second credential of a client has an id of its own, as HMPPS Auth's duplicates have.
DUPLICATE = re.compile(r"-[0-9]+$")
# Not an account: what the pages seal their cookies with.
SESSIONS = "staff-ui-sessions"


@dataclass(frozen=True)
class Client:
    """A program that authenticates with a secret; redirects are where a signed-in person may be sent back to."""

    id: str
    roles: frozenset[str]
    scopes: tuple[str, ...] = ("read", "write")
    redirects: tuple[str, ...] = ()

    def trusts(self, redirect: str) -> bool:
        """Whether a person may be sent there; on loopback any port will do (RFC 8252 §7.3), as ours can be chosen."""
        try:
            parts = urlsplit(redirect)
        except ValueError:
            return False
        return parts._replace(netloc=parts.hostname or "").geturl() in self.redirects and parts.username is None


@dataclass(frozen=True)
class User:
    """A person; caseloads are the prisons they may act on."""

    username: str
    name: str
    roles: frozenset[str]
    caseloads: frozenset[str]


CLIENTS = (
    Client("locations", frozenset({"PRISONER_SEARCH", "ESTABLISHMENT_ROLL"})),
    Client("to-nomis", SYNC_ROLES),
    Client("from-nomis", SYNC_ROLES),
    Client("migration", SYNC_ROLES | {"MIGRATE_LOCATIONS"}),
    Client("reconciliation", SYNC_ROLES),
    Client(
        "staff-ui", frozenset(), redirects=("http://127.0.0.1/sign-in/callback", "http://localhost/sign-in/callback")
    ),
    Client("operator", OPERATOR_ROLES),
    Client("prometheus", frozenset({"METRICS"}), scopes=("read",)),
)
USERS = (
    User("LEI_STAFF", "Lee Staff", STAFF_ROLES, frozenset({"LEI"})),
    User("MDI_STAFF", "Mo Staff", STAFF_ROLES, frozenset({"MDI", "LEI"})),
    User("VIEWER", "Vi Ewer", frozenset({"VIEW_LOCATIONS"}), frozenset({"LEI", "MDI"})),
    User("OPERATOR", "Op Erator", OPERATOR_ROLES, frozenset({"LEI", "MDI"})),
)


@dataclass(frozen=True)
class Accounts:
    """The table with its secrets; who has no secret cannot sign in."""

    secrets: Mapping[str, str]
    clients: tuple[Client, ...] = CLIENTS
    users: tuple[User, ...] = USERS

    def client(self, client_id: str) -> Client | None:
        """Look a client up by id; a duplicate of one (`to-nomis-1`), where it has a secret, may do the same."""
        name = DUPLICATE.sub("", client_id) if client_id in self.secrets else client_id
        found = next((client for client in self.clients if client.id == name), None)
        return found and replace(found, id=client_id)

    def authenticated_client(self, client_id: str, secret: str) -> Client | None:
        """Give the client if the secret is its own."""
        return self.client(client_id) if self._knows(client_id, secret) else None

    def authenticated_user(self, username: str, password: str) -> User | None:
        """Give the person if the password is theirs; names are upper case as in NOMIS."""
        user = next((user for user in self.users if user.username == username.upper()), None)
        return user if user and self._knows(user.username, password) else None

    def _knows(self, name: str, secret: str) -> bool:
        expected = self.secrets.get(name)
        return expected is not None and secrets.compare_digest(expected.encode(), secret.encode())


def generated(names: Iterable[str]) -> dict[str, str]:
    """Make a secret for each name."""
    return {name: secrets.token_urlsafe(24) for name in names}


def names() -> tuple[str, ...]:
    """Name all who need a secret."""
    return (*(client.id for client in CLIENTS), *(user.username for user in USERS), SESSIONS)
