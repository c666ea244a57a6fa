"""Bearer tokens as HMPPS Auth signs them: RS256, roles in `authorities`, a key that outlives a restart."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

ALGORITHM = "RS256"
KEY_BITS = 2048


@dataclass(frozen=True)
class Grant:
    """What a token says about its bearer."""

    client_id: str
    username: str | None = None
    name: str | None = None
    roles: frozenset[str] = frozenset()
    scopes: tuple[str, ...] = ("read", "write")
    caseloads: frozenset[str] | None = None
    grant_type: str = "client_credentials"


def new_key() -> rsa.RSAPrivateKey:
    """Make a signing key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def kept_key(file: Path) -> rsa.RSAPrivateKey:
    """Read the key, or make it once; with the same key, tokens stay valid when the server restarts."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = file.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_bytes(
            new_key().private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )
        fresh.replace(file)
    key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


@dataclass(frozen=True)
class Signer:
    """Signs what was granted and publishes the key to check it by."""

    key: rsa.RSAPrivateKey
    issuer: str
    now: Callable[[], datetime]
    lifetime: timedelta = timedelta(hours=1)
    key_id: str = field(init=False)

    def __post_init__(self) -> None:
        public = self.key.public_key()
        der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        object.__setattr__(self, "key_id", sha256(der).hexdigest()[:16])

    def token(self, grant: Grant) -> str:
        """Sign a token for this grant, valid from now."""
        return self._signed(self._claims(grant))

    def id_token(self, grant: Grant, nonce: str) -> str:
        """Sign who signed in, for the client that asked, with the word it sent along (OpenID Connect Core §2)."""
        start = int(self.now().timestamp())
        end = start + int(self.lifetime.total_seconds())
        about = {"iss": self.issuer, "sub": grant.username, "aud": grant.client_id, "iat": start, "exp": end}
        return self._signed({**about, "name": grant.name, **({"nonce": nonce} if nonce else {})})

    def _signed(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self.key, algorithm=ALGORITHM, headers={"kid": self.key_id})

    def jwks(self) -> dict[str, Any]:
        """Describe the public key as a JWK set."""
        public = orjson.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**public, "kid": self.key_id, "use": "sig", "alg": ALGORITHM}]}

    def _claims(self, grant: Grant) -> dict[str, Any]:
        start = self.now()
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": grant.username or grant.client_id,
            "client_id": grant.client_id,
            "grant_type": grant.grant_type,
            "auth_source": "nomis" if grant.username else "none",
            "authorities": with_prefix(grant.roles),
            "scope": list(grant.scopes),
            "jti": str(uuid4()),
            "iat": int(start.timestamp()),
            "exp": int((start + self.lifetime).timestamp()),
        }
        if grant.username:
            claims["user_name"] = grant.username
        if grant.name:
            claims["name"] = grant.name
        if grant.caseloads is not None:
            claims["caseloads"] = sorted(grant.caseloads)
        return claims


def with_prefix(roles: Iterable[str]) -> list[str]:
    """Roles as the claim carries them, with `ROLE_` before each."""
    return sorted(role if role.startswith("ROLE_") else f"ROLE_{role}" for role in roles)
