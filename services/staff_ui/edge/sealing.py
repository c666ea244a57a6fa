"""Sealed text: encrypted, authenticated and dated, so that a browser can keep what it must neither read nor change."""

import base64
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Seal:
    """Closes and opens; what was closed for one purpose does not open for another."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = [secret.encode() for secret in secrets]
        self._boxes: dict[str, MultiFernet] = {}

    def close(self, purpose: str, content: Mapping[str, Any], now: float) -> str:
        """Seal it; the text is fit for a cookie."""
        return self._box(purpose).encrypt_at_time(orjson.dumps(content), int(now)).decode()

    def open(self, purpose: str, sealed: str, seconds_max: float, now: float) -> Mapping[str, Any] | None:
        """Open it; None when it was not sealed by us for this purpose, or too long ago."""
        try:
            content = self._box(purpose).decrypt_at_time(sealed.encode(), int(seconds_max), int(now))
        except (InvalidToken, ValueError):
            return None
        opened: Mapping[str, Any] = orjson.loads(content)
        return opened

    def _box(self, purpose: str) -> MultiFernet:
        if purpose not in self._boxes:
            self._boxes[purpose] = MultiFernet([Fernet(_key(secret, purpose)) for secret in self._secrets])
        return self._boxes[purpose]


def _key(secret: bytes, purpose: str) -> bytes:
    derived = HKDF(SHA256(), 32, salt=sha256(b"staff-ui").digest(), info=purpose.encode()).derive(secret)
    return base64.urlsafe_b64encode(derived)
