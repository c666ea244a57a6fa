"""One stand-in as a process: `python -m infra.local.stand_in sign_in`."""

import asyncio
import sys
from datetime import UTC, datetime

from aiohttp import web

from infra.local import prison_register, prisoner_search, sign_in
from infra.local.accounts import Accounts
from infra.local.stand_in_settings import SignInSettings, StandInSettings
from infra.local.tokens import Signer, kept_key
from libs.telemetry import logging
from libs.web.application import stop_on_signals

DRAIN_SECONDS = 5


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the composition root owns the clock


def build(name: str, settings: StandInSettings) -> web.Application:
    """Wire the stand-in of that name."""
    match name:
        case "sign_in":
            secret = SignInSettings()
            signer = Signer(kept_key(secret.sign_in_key_file), secret.api_base_url_oauth, _now)
            return sign_in.application(Accounts(secret.sign_in_secrets), signer, _now)
        case "prison_register":
            return prison_register.application(settings.auth)
        case "prisoner_search":
            return prisoner_search.application(settings.auth)
        case _:
            raise SystemExit(f"no stand-in is called {name}")


async def run(name: str) -> None:
    """Serve until told to stop."""
    settings = StandInSettings()
    logging.configure(name, settings.log_level)
    stop = stop_on_signals()
    runner = web.AppRunner(build(name, settings), shutdown_timeout=DRAIN_SECONDS, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, settings.http_host, settings.http_port).start()
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1]))
