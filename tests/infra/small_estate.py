"""An estate with one stand-in as a program of its own, so that a test can kill its supervisor."""

import asyncio
import sys
from pathlib import Path

from infra.local.__main__ import keep_up
from infra.local.roster import STAND_INS
from infra.local.settings import EstateSettings
from infra.local.supervisor import Estate

if __name__ == "__main__":
    settings = EstateSettings.on_free_ports(Path(sys.argv[1]), postgres_fsync=False)
    sys.exit(asyncio.run(keep_up(Estate(settings, STAND_INS[:1]))))
