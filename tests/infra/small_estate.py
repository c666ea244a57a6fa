"""An estate with one stand-in as a program of its own, so that a test can kill its supervisor."""

import asyncio
import sys

from infra.local.__main__ import arguments, keep_up
from infra.local.roster import STAND_INS
from infra.local.supervisor import Estate

if __name__ == "__main__":
    sys.exit(asyncio.run(keep_up(Estate(arguments(sys.argv[1:])[1], STAND_INS[:1]))))
