"""`endpoints.json`: from it any client can find the estate. It holds secrets, so only its owner may read it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from infra.local.accounts import CLIENTS, USERS
from infra.local.tokens import with_prefix


def sign_in_entry(url: str, secrets: Mapping[str, str]) -> dict[str, Any]:
    """Say where tokens come from, and who may ask for which."""
    token_url = f"{url}/oauth/token"
    return {
        "url": url,
        "jwksUrl": f"{url}/.well-known/jwks.json",
        "tokenUrl": token_url,
        "authorizeUrl": f"{url}/oauth/authorize",
        "howto": f"curl -s -u operator:{secrets['operator']} -d grant_type=client_credentials {token_url}",
        "clients": {
            client.id: {"secret": secrets[client.id], "roles": with_prefix(client.roles), "scopes": list(client.scopes)}
            for client in CLIENTS
        },
        "users": {
            user.username: {
                "password": secrets[user.username],
                "roles": with_prefix(user.roles),
                "prisons": sorted(user.caseloads),
            }
            for user in USERS
        },
    }


def write(file: Path, endpoints: Mapping[str, Any]) -> None:
    """Replace the file in one step: a reader sees the old or the new one, and nobody else sees either."""
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_bytes(orjson.dumps(endpoints, option=orjson.OPT_INDENT_2))
    fresh.replace(file)
