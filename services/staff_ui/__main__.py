"""Settings in, `app.run` out."""

import uvloop

from services.staff_ui.app import run
from services.staff_ui.settings import Settings

if __name__ == "__main__":
    uvloop.run(run(Settings()))
