"""Settings in, `app.run` out."""

import uvloop

from services.from_nomis.app import run
from services.from_nomis.settings import Settings

if __name__ == "__main__":
    uvloop.run(run(Settings()))
