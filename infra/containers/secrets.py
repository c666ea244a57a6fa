"""Write the passwords that docker-compose.yml asks for: `python -m infra.containers.secrets .local/containers.env`."""

import sys
from pathlib import Path

import orjson

from infra.local.accounts import SESSIONS, generated, names
from infra.local.roster import databases, roster


def variables() -> tuple[str, ...]:
    """Name every secret: of the superuser, each database's login, each client, sessions, and of who watches."""
    logins = tuple(f"{name.upper()}_DATABASE_PASSWORD" for name in databases(roster()))
    clients = tuple(f"{spec.name.upper()}_CLIENT_SECRET" for spec in roster() if spec.client)
    watching = ("PROMETHEUS_CLIENT_SECRET", "GRAFANA_ADMIN_PASSWORD")
    return ("POSTGRES_PASSWORD", *logins, *clients, *watching, "STAFF_UI_SESSION_SECRETS", "SIGN_IN_SECRETS")


def written() -> str:
    """Generate them all; the sign-in server's list holds the same secrets that the services are given."""
    chosen = generated(name for name in variables() if name != "SIGN_IN_SECRETS")
    everybody = generated(name for name in names() if name != SESSIONS)
    everybody |= {spec.client: chosen[f"{spec.name.upper()}_CLIENT_SECRET"] for spec in roster() if spec.client}
    everybody["prometheus"] = chosen["PROMETHEUS_CLIENT_SECRET"]
    lines = [f"{name}={value}" for name, value in chosen.items()]
    return "\n".join([*lines, f"SIGN_IN_SECRETS='{orjson.dumps(everybody).decode()}'", ""])


def main(file: Path) -> None:
    """Write the file once: the database keeps the passwords that it was made with."""
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.touch(mode=0o600)
    file.write_text(written())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
