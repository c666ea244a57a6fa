"""Settings in, `app.run` out."""

import uvloop

from services.migration.app import run
from services.migration.settings import Settings

if __name__ == "__main__":
    uvloop.run(run(Settings()))
