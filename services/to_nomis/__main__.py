"""Settings in, `app.run` out."""

import uvloop

from services.to_nomis.app import run
from services.to_nomis.settings import Settings

if __name__ == "__main__":
    uvloop.run(run(Settings()))
