"""One stand-in as a process: `python -m infra.local.stand_in sign_in`."""

import asyncio
import signal
import sys
from datetime import UTC, datetime

from aiohttp import web

from infra.local import prison_register, prisoner_search, sign_in
from infra.local.accounts import Accounts
from infra.local.stand_in_settings import SignInSettings, StandInSettings
from infra.local.tokens import Signer, kept_key

DRAIN_SECONDS = 5


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the composition root owns the clock


def build(name: str) -> tuple[web.Application, StandInSettings]:
    """Wire the stand-in of that name."""
    match name:
        case "sign_in":
            secret_settings = SignInSettings()
            signer = Signer(kept_key(secret_settings.sign_in_key_file), secret_settings.api_base_url_oauth, _now)
            return sign_in.application(Accounts(secret_settings.sign_in_secrets), signer, _now), secret_settings
        case "prison_register":
            return prison_register.application(), StandInSettings()
        case "prisoner_search":
            settings = StandInSettings()
            return prisoner_search.application(settings.api_base_url_oauth), settings
        case _:
            raise SystemExit(f"no stand-in is called {name}")


async def run(name: str) -> None:
    """Serve until told to stop."""
    app, settings = build(name)
    stop = asyncio.Event()
    for sent in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sent, stop.set)
    runner = web.AppRunner(app, shutdown_timeout=DRAIN_SECONDS, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, settings.http_host, settings.http_port).start()
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1]))
