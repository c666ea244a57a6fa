"""Settings in, `app.run` out."""

import uvloop

from services.locations.app import run
from services.locations.settings import Settings

if __name__ == "__main__":
    uvloop.run(run(Settings()))
