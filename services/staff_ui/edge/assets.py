"""Style sheets, scripts, fonts and pictures: of the pinned npm packages and our own, under addresses that never lie.

An address has the digest of the content in it, so that browsers may keep it for ever and a release is seen at once.
"""

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from aiohttp import web

from libs.web.compression import takes_gzip
from services.staff_ui.edge.policy import ASSET_HEADERS
from services.staff_ui.errors import NotThere

TYPES = MappingProxyType(
    {
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".svg": "image/svg+xml",
        ".png": "image/png",
        ".ico": "image/x-icon",
        ".woff": "font/woff",
        ".woff2": "font/woff2",
    }
)
SMALLER = frozenset({".css", ".js", ".svg"})
GOVUK, MOJ = "govuk-frontend/dist/govuk", "@ministryofjustice/frontend/moj"
# Where a file of the packages is, and what styles and scripts call it.
PACKAGED = (
    (f"{GOVUK}/assets/fonts", "fonts"),
    (f"{GOVUK}/assets/images", "images"),
    (f"{MOJ}/assets/images", "images"),
)
SHEETS = ("govuk-frontend.min.css", "moj-frontend.min.css", "govuk-frontend.min.js", "moj-frontend.min.js")
NAMED = re.compile(rb"/assets/([\w./-]+)")
SOURCE_MAP = re.compile(rb"\n?(?://|/\*)# sourceMappingURL=\S+(?: \*/)?\s*$")


@dataclass(frozen=True)
class Asset:
    """One file."""

    body: bytes
    smaller: bytes | None
    type: str


class Assets:
    """All of them, read once at start."""

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self._urls: dict[str, str] = {}
        self._assets: dict[str, Asset] = {}
        # What names no other first; then the styles and scripts that name those.
        for name in sorted(contents, key=lambda name: (name.endswith((".css", ".js")), name.startswith("staff-ui"))):
            self._add(name, contents[name])

    def url(self, name: str) -> str:
        """Return the address of a file. Raises KeyError: a template names what is not there."""
        return self._urls[name]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Send the file; an old address is gone, as its content is."""
        asset = self._assets.get(request.path)
        if asset is None:
            raise NotThere(request.path)
        headers = {**ASSET_HEADERS, "Content-Type": asset.type}
        if asset.smaller is None:
            return web.Response(body=asset.body, headers=headers)
        headers["Vary"] = "Accept-Encoding"
        if takes_gzip(request.headers.get("Accept-Encoding", "")):
            return web.Response(body=asset.smaller, headers={**headers, "Content-Encoding": "gzip"})
        return web.Response(body=asset.body, headers=headers)

    def _add(self, name: str, content: bytes) -> None:
        suffix = Path(name).suffix
        if suffix in {".css", ".js"}:
            content = NAMED.sub(self._named, SOURCE_MAP.sub(b"", content))
        digest = blake2b(content, digest_size=8).hexdigest()
        url = f"/assets/{name.removesuffix(suffix)}.{digest}{suffix}"
        self._urls[name] = url
        self._assets[url] = Asset(content, gzip.compress(content, 9) if suffix in SMALLER else None, TYPES[suffix])

    def _named(self, found: re.Match[bytes]) -> bytes:
        name = found[1].decode()
        return self._urls.get(name, f"/assets/{name}").encode()


def read_assets(node_modules: Path) -> Assets:
    """Read what npm installed, and our own. Raises FileNotFoundError: `make venv` was not run."""
    if not (node_modules / GOVUK).is_dir():
        raise FileNotFoundError(f"{node_modules} lacks {GOVUK}: run `make venv`, or set NODE_MODULES")
    contents: dict[str, bytes] = {}
    for folder, called in PACKAGED:
        for file in sorted((node_modules / folder).iterdir()):
            if file.suffix in TYPES:
                contents[f"{called}/{file.name}"] = file.read_bytes()
    for folder in (GOVUK, MOJ):
        for name in SHEETS:
            file = node_modules / folder / name
            if file.is_file():
                contents[name] = file.read_bytes()
    for own in (files("services.staff_ui") / "assets").iterdir():
        contents[own.name] = own.read_bytes()
    return Assets(MappingProxyType(contents))
