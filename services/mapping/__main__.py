"""Settings in, `app.run` out."""

import uvloop

from services.mapping.app import run
from services.mapping.settings import Settings

if __name__ == "__main__":
    uvloop.run(run(Settings()))
