"""The pages without an estate: what they are told from outside, and people who are signed in."""

import time
from typing import Any

from pydantic import SecretStr

from infra.local.settings import ROOT
from services.staff_ui.edge import forgery
from services.staff_ui.edge.guard import SESSION
from services.staff_ui.edge.sealing import Seal
from services.staff_ui.edge.sessions import Session, Sessions
from services.staff_ui.settings import SessionLimits, Settings
from tests.conftest import NOBODY, Auth

SECRET = "s" * 32


def settings(auth: Auth, public_url: str, api_url: str = "") -> Settings:
    """Point all APIs to one address; without it, nothing answers there."""
    api_url = api_url or NOBODY
    names = ("locations", "reconciliation", "migration", "to_nomis", "from_nomis", "prison_register")
    return Settings.model_validate(
        dict(
            public_url=public_url,
            api_base_url_oauth=auth.url,
            oauth_issuer=auth.issuer,
            client_id="staff-ui",
            client_secret=SecretStr("x"),
            api_retries=0,
            session_secrets=SecretStr(SECRET),
            node_modules=ROOT / "infra/node/node_modules",
            **{f"api_base_url_{name}": api_url for name in names},
        )
    )


def signed_in(token: str, seconds: float = 3600, name: str = "Lee") -> tuple[str, str]:
    """Return the session's cookie, and a token for its forms."""
    now = time.time()
    session = Session.begun(token, name, now + seconds, now)
    sealed = Sessions(Seal([SECRET]), SessionLimits()).closed(session, now)
    return sealed, forgery.token(session.forgery_key)


def cookie(token: str) -> dict[str, str]:
    """Return the header that a browser with this session sends."""
    return {"Cookie": f"{SESSION}={signed_in(token)[0]}"}


def progress(**changed: Any) -> dict[str, Any]:
    """Return what the migration's progress door answers of a run that is under way."""
    plain_run = {
        "migrationId": "2026-11-24T10:00:00",
        "migrationType": "LOCATIONS",
        "status": "STARTED",
        "paused": False,
        "estimated": 400,
        "listingComplete": True,
        "listed": 100,
        "migrated": 40,
        "skipped": 10,
        "failed": 5,
        "pending": 45,
        "perSecond": 4.0,
        "secondsLeft": 90,
        "prisons": [],
    }
    return plain_run | changed
