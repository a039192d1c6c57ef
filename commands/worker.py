"""``sohoa worker``: this machine's cores read pages for a cluster."""

import click

from cli import Context
from commands.engines import needs_cluster_packages, reading_options
from schemas.errors import SettingsRejected
from schemas.language import _
from schemas.settings import load_settings


@click.command(help=_("Read pages for a cluster (dask://host:8786) until Ctrl-C; nothing is stored here."))
@click.argument("address", default="")
@click.option("--threads", type=click.IntRange(0), default=0, help=_("Pages read at once (0: one a core)."))
@click.pass_obj
def command(context: Context, address: str, threads: int) -> int:
    settings = load_settings(context.folder / "sohoa.toml")  # reading makes no workspace
    chosen = address or settings.reading.workers
    if isinstance(chosen, int):
        raise SettingsRejected(_("no cluster is named; give its address as dask://host:8786, or set reading.workers"))
    with needs_cluster_packages():
        from ingest.cluster import serve
    options = reading_options(settings, fast=False)
    serve(chosen, settings.cluster, options, threads, say=lambda line: click.echo(line, err=True))
    return 0
