"""Whether a form that arrives was sent by a page of ours (OWASP: signed double token, and where the browser says)."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping

from yarl import URL

from services.staff_ui.errors import Forged

FIELD = "_csrf"
OURS = frozenset({"same-origin", "none"})


def token(key: str) -> str:
    """Make the token of a form: another each time, so that compressing a page gives nothing away."""
    salt = secrets.token_hex(8)
    return f"{salt}.{_signed(key, salt)}"


def check(key: str, given: str) -> None:
    """Refuse a token that was not made with this session's key. Raises Forged."""
    salt, _, signature = given.partition(".")
    if not hmac.compare_digest(_signed(key, salt).encode(), signature.encode()):
        raise Forged("the form's token is not of this session")


def check_origin(headers: Mapping[str, str], public: URL) -> None:
    """Refuse what a browser says comes from another site; silent browsers have the token alone. Raises Forged."""
    site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    if site is not None and site not in OURS:
        raise Forged(f"sent from a page that is {site}")
    if origin is not None and origin != str(public.origin()):
        raise Forged("sent from a page of another origin")


def _signed(key: str, salt: str) -> str:
    return hmac.new(key.encode(), salt.encode(), hashlib.sha256).hexdigest()
