"""The program: it finds the command, runs it, and turns errors into exit codes."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from artigraph.cli._exit_codes import ExitCode, code_of

COMMANDS = {
    "alias": "List, set and remove the aliases of a series.",
    "cache": "List functions with cached results, explain runs, and forget results.",
    "cat": "Print a value.",
    "compare": "Show in what runs differ.",
    "completion": "Print the script that completes words in a shell.",
    "db": "Show, create and migrate the tables.",
    "diff": "Show what differs between two artifacts or two runs.",
    "doctor": "Examine the store and its surroundings, and say what to do.",
    "du": "Show how much values take.",
    "fsck": "Check all rows and objects, and report what is wrong.",
    "gc": "Remove the objects that nothing refers to.",
    "get": "Write the bytes of a value to a file.",
    "lineage": "Show what an artifact or a run was made from, and what was made from it.",
    "log": "List the versions of a series.",
    "lost": "Mark runs whose process died.",
    "ls": "List artifacts, series or runs, the newest first.",
    "move": "Copy the objects of a storage to another one, and use them there.",
    "prune": "Delete old artifacts and runs by a rule.",
    "rm": "Delete artifacts and runs.",
    "search": "Find ids, models, labels, runs and tags.",
    "show": "Show a run or an artifact.",
    "stale": "Show which inputs have newer versions.",
    "table": "Write the artifacts of a model to a file, one row for each.",
    "tag": "Add tags to a run.",
    "tree": "Draw a run or an artifact with everything in it.",
    "ui": "Show the store in a browser.",
    "upgrade": "Rewrite the artifacts that older versions of a class stored.",
}
"""Each command with its first line of help. The module of its name has it, and is imported when it is used."""


class _Commands(click.Group):
    """Imports a command when it is used. The list of commands imports none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = getattr(import_module(f"artigraph.cli._commands.{cmd_name}"), cmd_name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


_EPILOG = """\b
REF names a run, an artifact or a part of one:
  018f3c5e-7b2a            an id, or at least 6 digits of its beginning
  run:train                the newest run of this name
  @                        the newest run
  Report/report            the newest artifact of this model and label
  Report/report@best       the one that an alias points to
  Report/report@-2         by number: 0 is the oldest, -1 the newest
  Report/report@2026-11-01 the newest at the end of that day, in UTC

\b
The store is that of the environment variable ARTIGRAPH_URL, or of the key
`url` in [database] of artigraph.toml in the working directory. Else it is the
folder .artigraph in the working directory or in the nearest one above.
"""


@click.command(
    "artigraph",
    cls=_Commands,
    epilog=_EPILOG,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="artigraph-core", prog_name="artigraph", message="%(prog)s %(version)s")
def program() -> None:
    """List, show, compare and delete what an Artigraph store holds. No code of your models is needed or run."""


def main(arguments: Sequence[str] | None = None, *, width: int | None = None) -> int:
    """Run the command line and return the exit code.

    Args:
        arguments: the words after the name of the program; by default those of `sys.argv`.
        width: print tables of this width, as `--width` does, unless the arguments ask for another one.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if "_ARTIGRAPH_COMPLETE" in os.environ:  # a shell asks for words
        from artigraph.cli._shells import use_scripts

        use_scripts()
        gc.disable()  # the process ends at once, and collections would take some of the little time that it has
    try:
        code = program.main(given, "artigraph", standalone_mode=False, obj=width)
        sys.stdout.flush()
    except BaseException as error:
        ending = _code_after(error, given)
        if ending is None:
            raise
        return ending
    return int(code or ExitCode.OK)


def _code_after(error: BaseException, given: Sequence[str]) -> int | None:
    """Report an error, and return the exit code. Return None for an error that nobody expected."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        click.echo(err=True)
        return ExitCode.INTERRUPTED
    if isinstance(error, BrokenPipeError):  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    if isinstance(error, click.ClickException):
        if isinstance(error, click.exceptions.NoArgsIsHelpError):
            click.echo(error.format_message(), err=True)
        else:
            _report(type(error).__name__, error.format_message(), _hint_of(error), given)
        return error.exit_code
    from artigraph.errors import ArtigraphError

    if not isinstance(error, ArtigraphError):
        return None
    _report(type(error).__name__, str(error), _hint_of(error), given)
    return code_of(error)


def _hint_of(error: Exception) -> str | None:
    """Return what to do about an error on the command line. The messages of the library name its functions instead."""
    if isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx is not None else "artigraph"
        return f"`{path} --help` shows the arguments"
    if isinstance(error, click.ClickException):
        return None
    from artigraph.cli._error import hint_of

    return hint_of(error)


def _report(kind: str, message: str, hint: str | None, given: Sequence[str]) -> None:
    options = given[: given.index("--")] if "--" in given else given
    if not {"--json", "--jsonl"}.isdisjoint(options):
        import json

        from artigraph.cli._error import ErrorDocument, ErrorItem

        click.echo(json.dumps(ErrorDocument(ErrorItem(kind, message, hint)).to_dict()), err=True)
        return
    click.echo(f"Error: {message}", err=True)
    if hint is not None:
        click.echo(f"Hint: {hint}", err=True)
