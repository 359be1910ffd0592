"""The rows of tables of runs and artifacts. A page has a thousand cells, which a template writes far more slowly.

All text that is stored goes through `escape`, mostly by `_shown`. The rest are numbers, moments and ids.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from markupsafe import Markup, escape

from artigraph.printable import quote_item, shortened
from artigraph.ui._filters import cell, duration, short, visible, when_html
from artigraph.ui._links import Links
from artigraph.view import ArtifactItem, RunItem
from artigraph.view.listing import InputItem

_MOST_INPUTS = 5
"""The most inputs that the heading of a group names."""
_LONGEST_ERROR = 120


class RunLine(NamedTuple):
    """A row of the table of runs: a run, or the link to the runs that a level leaves out."""

    item: RunItem
    depth: int
    is_open: bool
    more: bool = False
    """Whether it stands for the other runs inside of `item`."""


@dataclass(frozen=True, slots=True)
class RunLines:
    """Rows below a common heading: the artifacts that the runs used. None means that runs are in no groups."""

    inputs: tuple[InputItem, ...] | None
    lines: list[RunLine]


def run_lines(links: Links, groups: Sequence[RunLines], chosen: Sequence[str], opened: Sequence[str]) -> Markup:
    """Return the rows of the list of runs, which can be chosen for a comparison, and opened."""
    made: list[str] = []
    texts = _Texts()
    for group in groups:
        if group.inputs is not None:
            made.append(_heading(links, group.inputs, 5 + len(chosen)))
        made += (
            _more(links, line, chosen) if line.more else _run_line(links, line, chosen, opened, texts)
            for line in group.lines
        )
    return Markup("\n".join(made))  # noqa: S704 (each part escapes what is stored)


def _heading(links: Links, inputs: Sequence[InputItem], width: int) -> str:
    named = ", ".join(
        f"{_artifact(links, each.artifact_id, each.label)} {_id(each.artifact_id)}" for each in inputs[:_MOST_INPUTS]
    )
    left = len(inputs) - _MOST_INPUTS
    text = f"Used {named}{f' and {left:,} more' if left > 0 else ''}"
    text = text if inputs else '<span class="none">Used no artifact</span>'
    return f'<tr class="group"><th scope="rowgroup" colspan="{width}">{text}</th></tr>'


def _more(links: Links, line: RunLine, chosen: Sequence[str]) -> str:
    item = line.item
    link = escape(links.to("runs", under=item.run_id, cols=[quote_item(each) for each in chosen]))
    text = f"All {item.child_runs:,} runs inside of {_shown(item.name or 'it')}"
    return (
        f'<tr><th scope="row" class="depth{line.depth}"><a href="{link}">{text}</a></th>'
        f'<td colspan="{4 + len(chosen)}"></td></tr>'
    )


def _run_line(links: Links, line: RunLine, chosen: Sequence[str], opened: Sequence[str], texts: _Texts) -> str:
    item = line.item
    node_id, name = str(item.run_id), texts[item.name or "unnamed run"]
    fold = ""
    if item.child_runs:
        inside = texts[item.name or "this run"]
        others = [each for each in opened if each != node_id] if line.is_open else [*opened, node_id]
        do, mark = ("Hide", "▾") if line.is_open else ("Show", "▸")
        fold = (
            f' <a class="fold" href="{escape(links.here(open=others))}"'
            f' aria-label="{do} the runs inside of {inside}">{mark} {item.child_runs:,}</a>'
        )
    error = ""
    if item.error_type:
        message = shortened(visible(item.error_message or ""), _LONGEST_ERROR)
        error = f'<span class="problem">{_shown(item.error_type.rpartition(".")[2])}</span> {escape(message)}'
    return (
        f'<tr><th scope="row" class="depth{line.depth}"><div class="run">'
        f'<input type="checkbox" name="run" value="{node_id}" aria-label="Compare {name}, {short(node_id)}"> '
        f'<a href="{links.start_of("run")}{node_id}">{name}</a>{_served(item)}{fold}</div></th>'
        f"<td>{_status(item, texts)}</td><td>{when_html(item.started_at)}</td>"
        f'<td class="right">{duration(item.duration)}</td>{_cells(item, chosen)}<td class="cut">{error}</td></tr>'
    )


def inner_runs(links: Links, items: Sequence[RunItem]) -> Markup:
    """Return the rows of runs inside of a run."""
    made: list[str] = []
    texts = _Texts()
    for item in items:
        inside = f' <span class="none">with {item.child_runs:,} inside</span>' if item.child_runs else ""
        made.append(
            f'<tr><th scope="row"><a href="{links.start_of("run")}{item.run_id}">'
            f"{texts[item.name or 'unnamed run']}</a>{_served(item)}{inside}</th>"
            f"<td>{_status(item, texts)}</td><td>{when_html(item.started_at)}</td>"
            f'<td class="right">{duration(item.duration)}</td></tr>'
        )
    return Markup("\n".join(made))  # noqa: S704 (what is stored is escaped)


def artifact_lines(
    links: Links, items: Sequence[ArtifactItem], names: Sequence[str], *, model: bool, served: Collection[UUID] = ()
) -> Markup:
    """Return the rows of artifacts.

    Args:
        links: the links of the page.
        items: the artifacts.
        names: the columns.
        model: whether there is a column with the model.
        served: the artifacts that a run was served.
    """
    models: dict[str, str] = {}  # many artifacts have the same one
    start, texts = links.start_of("artifact"), _Texts()
    made: list[str] = []
    for item in items:
        name = item.model_name
        if model and name not in models:
            models[name] = f'<td><a href="{escape(links.to("artifacts", model=name))}">{_shown(name)}</a></td>'
        aliases = "".join(f'<span class="alias">{_shown(alias)}</span>' for alias in item.aliases)
        mark = ""
        if item.artifact_id in served:
            mark = f' <span class="tag" title="Run {item.run_id} computed it">served</span>'
        made.append(
            f'<tr><th scope="row"><a href="{start}{item.artifact_id}">{texts[item.label]}</a> {aliases}{mark}</th>'
            f"{models[name] if model else ''}<td>{when_html(item.created_at)}</td>{_cells(item, names)}</tr>"
        )
    return Markup("\n".join(made))  # noqa: S704 (what is stored is escaped)


def _artifact(links: Links, artifact_id: UUID, label: str) -> str:
    return f'<a href="{links.start_of("artifact")}{artifact_id}">{_shown(label)}</a>'


def _id(node_id: UUID) -> str:
    return f'<code class="id" title="{node_id}">{short(node_id)}</code>'


def _status(item: RunItem, texts: _Texts) -> str:
    status = texts[item.status]
    return f'<span class="status {status}">{status}</span>'


def _served(item: RunItem) -> str:
    if item.cached_from is None:
        return ""
    return f' <span class="tag" title="The cache served this call from run {item.cached_from}">served</span>'


def _cells(item: RunItem | ArtifactItem, names: Sequence[str]) -> str:
    columns, problems = item.columns, item.problems
    made: list[str] = []
    for name in names:
        if name in problems:
            made.append(f'<td><span class="problem" title="{_shown(problems[name])}">cannot be read</span></td>')
        elif name in columns:
            value = columns[name]
            right = ' class="right"' if isinstance(value, (int, float)) and not isinstance(value, bool) else ""
            made.append(f"<td{right}>{escape(cell(value))}</td>")
        else:
            made.append("<td></td>")
    return "".join(made)


def _shown(text: str | None) -> str:
    """Return a stored text as HTML in which every character is visible."""
    return escape(visible(text))


class _Texts(dict[str, str]):
    """What `_shown` returns, by the text. Many rows of a page have the same name, label or status."""

    def __missing__(self, text: str) -> str:
        made = self[text] = str(_shown(text))
        return made


WRITERS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {"artifact_lines": artifact_lines, "inner_runs": inner_runs, "run_lines": run_lines}
)
"""What templates call with the links of their page."""
