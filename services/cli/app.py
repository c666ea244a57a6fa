"""Puts the commands together."""

import typer

from services.cli.commands import conflicts, estate, location, migrate, outbox, prisons, queues, reconcile

# Typer shows a line of its own where a paragraph is.
EPILOG = """
Example: lip migrate start --prison LEI --watch

Example: lip reconcile run --prison LEI --no-settle --watch

Example: lip location show LEI-A-1-001 --json

Example: lip --install-completion

Services and token come from the environment (API_BASE_URL_…, CLIENT_ID, CLIENT_SECRET, LIP_TOKEN_URL), \
else from the endpoints file (LIP_ENDPOINTS).

Ends with 0 when fine, 1 when something was found that must not be overlooked, 2 when the words were wrong, \
3 when a service refused, 4 when one could not be reached.
"""

app = typer.Typer(
    name="lip",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Operate the move of prison locations off NOMIS.",
    epilog=EPILOG,
)
app.add_typer(migrate.app, name="migrate")
app.add_typer(reconcile.app, name="reconcile")
app.add_typer(queues.app, name="queues")
app.add_typer(outbox.app, name="outbox")
app.add_typer(conflicts.app, name="conflicts")
app.add_typer(prisons.app, name="prisons")
app.add_typer(location.app, name="location")
app.add_typer(estate.app, name="estate")
app.add_typer(estate.topology, name="topology")


def main() -> None:
    """Run the command of the command line; completion is installed under the name that people type."""
    app(prog_name="lip")
