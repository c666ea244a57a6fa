"""The sign-off report as a page that can be printed and signed: no script, nothing loaded, everything escaped."""

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from types import MappingProxyType

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from services.migration.records import Subject
from services.migration.rules.signing import SignOff

_HERE = files("services.migration.views")
_STYLE = (_HERE / "sign_off.css").read_text(encoding="utf-8")
_PAGE = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(
    (_HERE / "sign_off.html").read_text(encoding="utf-8")
)
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()

# Only our own style, known by its digest; no script, no picture, no form, no frame around it.
HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
)


def page(report: SignOff) -> str:
    """Return the page."""
    # The style is a file of ours; escaped, its digest would be another.
    return _PAGE.render(report=report, subjects=list(Subject), style=Markup(_STYLE))  # noqa: S704
