"""What a browser may do with a page of ours: nothing that the page's own files do not ask for."""

from collections.abc import Mapping
from types import MappingProxyType

CONTENT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
ASSET_HEADERS = MappingProxyType(
    {
        "Cache-Control": "public, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
)


def page_headers(*, secure: bool, hsts_seconds: int) -> Mapping[str, str]:
    """Return the headers of every page."""
    headers = {
        "Content-Security-Policy": CONTENT + ("; upgrade-insecure-requests" if secure else ""),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        # Pages name people's work; a shared machine must not show them after sign-out.
        "Cache-Control": "no-store",
    }
    if secure and hsts_seconds:
        headers["Strict-Transport-Security"] = f"max-age={hsts_seconds}; includeSubDomains"
    return MappingProxyType(headers)
