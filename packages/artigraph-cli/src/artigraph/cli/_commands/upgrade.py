"""`artigraph upgrade MODULE:CLASS`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from artigraph.cli._command import store_command
from artigraph.cli._output import Output
from artigraph.cli._parameters import dry_run_option, yes_option

if TYPE_CHECKING:
    from artigraph.model.any_model import AnyModel


@store_command(storages=True, writes=True)
@click.argument("model", metavar="MODULE:CLASS")
@dry_run_option
@yes_option
async def upgrade(output: Output, model: str, *, dry_run: bool, yes: bool) -> None:
    """Rewrite the artifacts that older versions of a class stored.

    It imports the module that you name, from the working directory or an installed package. It converts each artifact
    by the class's migrations, prints what would change, and asks. Ids, labels, runs, uses and aliases stay. Programs
    with the older class cannot load the result.
    """
    from functools import partial

    from artigraph.cli._plan import delete_by_plan
    from artigraph.cli._reports import upgrade_document
    from artigraph.maintenance import upgrade as rewrite

    work = partial(rewrite, _find_class(model))
    await delete_by_plan(
        output,
        work,
        upgrade_document,
        is_empty=lambda plan: not plan.artifacts,
        dry_run=dry_run,
        yes=yes,
        question="Rewrite these?",
    )


def _find_class(name: str) -> type[AnyModel]:
    """Return the model class that `package.module:Class` names.

    Raises:
        UsageError: there is no such module or class.
    """
    import sys
    from functools import reduce
    from importlib import import_module
    from pathlib import Path

    from artigraph.model.any_model import is_class_of_models

    module, _, path = name.partition(":")
    if not module or not path:
        msg = f"{name!r} names no class: write MODULE:CLASS, such as pipeline.models:Report"
        raise click.UsageError(msg)
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = reduce(getattr, path.split("."), import_module(module))
    except (ImportError, AttributeError) as error:
        msg = f"{name} cannot be imported: {error}"
        raise click.UsageError(msg) from error
    if not is_class_of_models(found):
        msg = f"{name} is no model class: it is {found!r:.100}"
        raise click.UsageError(msg)
    return found
