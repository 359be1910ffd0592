"""`artigraph ui`."""

from __future__ import annotations

import logging
import webbrowser
from importlib import import_module
from pathlib import Path
from typing import Any

import click


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="The port; 0 means any. By default 8710, or one after it.")
@click.option("--allow-host", multiple=True, help="A name under which browsers may ask for it. May be repeated.")
@click.option("--no-open", is_flag=True, help="Do not open a browser.")
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Read this file instead of artigraph.toml in the working directory.",
)
def ui(*, host: str, port: int | None, allow_host: tuple[str, ...], no_open: bool, config: Path | None) -> None:
    """Show the store in a browser, until you press Ctrl+C.

    It prints an address with a token, which is needed to see a page. It only reads.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")

    def announce(address: str, once: str) -> None:
        click.echo(f"The web view runs. Press Ctrl+C to stop it.\n\n    {address}\n")
        if not no_open:
            webbrowser.open(once)

    _web_view().serve(announce, host=host, port=port, allowed_hosts=allow_host, config=config)


def _web_view() -> Any:
    """Return `artigraph.ui`, which is another distribution."""
    from artigraph.errors import MissingDependencyError

    try:
        return import_module("artigraph.ui")
    except ModuleNotFoundError as error:
        msg = f"The web view is not installed ({error.name} is missing): pip install 'artigraph[ui]'"
        raise MissingDependencyError(msg) from error
