"""The views of the reports of maintenance for notebooks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import artigraph.html as html
from artigraph.html import Part
from artigraph.printable import bytes_text, count_text

if TYPE_CHECKING:
    from artigraph.maintenance._report import Amount, CopyReport, Example, FsckReport, GcReport, Problem, SkippedStorage


def gc_view(report: GcReport) -> Part:
    """Return what `gc` deleted, or would delete, and what it kept."""
    done = "would be deleted" if report.dry_run else "deleted"
    note = "dry run: nothing was deleted" if report.dry_run else f"grace {report.grace}"
    rows = [
        ("in use", report.in_use, ()),
        (f"{done}: no artifact uses them", report.unused, report.unused_examples),
        (f"{done}: no row names them", report.unregistered, report.unregistered_examples),
        (f"{done}: left by interrupted writes", report.unfinished, ()),
        ("kept: younger than the grace period", report.young, ()),
        ("kept: without the id of this store", report.foreign, report.foreign_examples),
        ("not deleted: the deletion failed", report.failed, report.failed_examples),
        ("missing objects, see fsck", report.dangling, report.dangling_examples),
    ]
    body = html.table((_amount(*row) for row in rows), head=["objects", "count", "size", "examples"])
    skipped = [*_skipped("not known here", report.skipped), *_skipped("not searched", report.unswept)]
    return html.element("div", html.heading("gc", html.muted(note)), body, *skipped)


def copy_view(report: CopyReport) -> Part:
    """Return what `copy_objects` copied, or would copy, and what remains."""
    note = "dry run: nothing was copied" if report.dry_run else f"from {report.source} to {report.target}"
    rows = [
        ("in the source at the beginning", report.planned, ()),
        ("copied", report.moved, ()),
        ("in the target already", report.merged, ()),
        ("not copied: missing or damaged", report.failed, report.failed_examples),
        ("remaining in the source", report.remaining, ()),
    ]
    body = html.table((_amount(*row) for row in rows), head=["objects", "count", "size", "examples"])
    notes = [html.muted(f"malformed: {example}") for example in report.malformed_examples]
    return html.element("div", html.heading("copy_objects", html.muted(note)), body, *notes)


def fsck_view(report: FsckReport) -> Part:
    """Return the problems that `fsck` found, by their kind, and what it read."""
    count = sum(report.counts.values())
    title = html.heading("fsck", "✓ no problems" if report.ok else f"✗ {count_text(count, 'problem')}")
    rows = [
        ("with a row", report.objects, ()),
        ("read and compared", report.read, ()),
        ("without a row, which is no problem", report.unregistered, report.unregistered_examples),
    ]
    amounts = html.table((_amount(*row) for row in rows), head=["objects", "count", "size", "examples"])
    kinds = [html.table(_problems(report), head=["kind", "problem", "node"])] if report.counts else []
    notes = [] if report.unrecorded is None else [html.muted(f"not recorded: {report.unrecorded}")]
    return html.element("div", title, *kinds, amounts, *_skipped("not searched", report.unlisted), *notes)


def _problems(report: FsckReport) -> Iterator[Sequence[Part]]:
    for kind, count in report.counts.items():
        named = [problem for problem in report.problems if problem.kind == kind]
        yield from map(_problem, named)
        if count > len(named):
            yield kind, html.muted(f"and {count - len(named):,} more"), ""


def _problem(problem: Problem) -> list[Part]:
    return [problem.kind, problem.text, "" if problem.node_id is None else html.identifier(problem.node_id)]


def _amount(name: str, amount: Amount, examples: Sequence[Example]) -> list[Part]:
    shown: Part = ""
    if examples:
        texts = [html.element("div", html.code(str(example))) for example in examples]
        shown = html.details(html.muted(f"{len(examples):,}"), *texts)
    return [name, f"{amount.count:,}", bytes_text(amount.size), shown]


def _skipped(what: str, storages: Sequence[SkippedStorage]) -> list[Part]:
    return [html.element("div", html.element("b", f"{each.name} "), f"{what}: {each.reason}") for each in storages]
