"""Settings in, `app.run` out."""

import uvloop

from services.nomis.app import run
from services.nomis.settings import Settings

if __name__ == "__main__":
    uvloop.run(run(Settings()))
