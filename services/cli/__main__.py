"""Run it: `python -m services.cli --help`."""

from services.cli.app import main

if __name__ == "__main__":
    main()
