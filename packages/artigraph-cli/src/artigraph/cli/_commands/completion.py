"""`artigraph completion SHELL`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from artigraph.cli._shells import use_scripts


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    r"""Print the script that completes words in a shell.

    \b
    bash: add to ~/.bashrc         eval "$(artigraph completion bash)"
    zsh:  add to ~/.zshrc          eval "$(artigraph completion zsh)"
    fish: write to a file          artigraph completion fish > ~/.config/fish/completions/artigraph.fish

    It completes commands, options, models, labels, aliases and the names of runs.
    """
    use_scripts()
    made = get_completion_class(shell)
    assert made is not None  # click has these three
    program = ctx.find_root().command
    click.echo(made(program, {}, "artigraph", "_ARTIGRAPH_COMPLETE").source())
