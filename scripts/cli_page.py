"""Write docs/reference/command-line.md from the help texts and real output, and the recording of the README.

`just cli-page` does it. A test fails if one of them is old.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from artigraph.cli._main import COMMANDS, program

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/reference/command-line.md"
GROUPS = {
    "alias": ("ls", "set", "rm"),
    "cache": ("ls", "explain", "clear"),
    "db": ("info", "current", "upgrade", "downgrade"),
}
HEAD = Path(__file__).with_name("cli_page_head.md").read_text("utf-8")


def page() -> str:
    """Return the text of the page."""
    # In a process of its own, because the storages of the store stay registered.
    done = subprocess.run([sys.executable, "-m", "scripts.cli_examples"], check=True, capture_output=True, cwd=ROOT)
    examples: dict[str, list[list[str]]] = json.loads(done.stdout)
    sections = [HEAD, _section("artigraph", [])]
    for name in COMMANDS:
        sections.append(_section(f"artigraph {name}", [name]))
        sections += [f"```console\n$ artigraph {line}\n{output}\n```\n" for line, output in examples.get(name, ())]
        sections += [_section(f"artigraph {name} {each}", [name, each], "###") for each in GROUPS.get(name, ())]
    return "\n".join(sections)


def _section(title: str, arguments: list[str], marks: str = "##") -> str:
    done = CliRunner().invoke(program, [*arguments, "--help"], prog_name="artigraph", terminal_width=80)
    assert done.exit_code == 0, done.output
    return f"{marks} {title}\n\n```text\n{done.output.rstrip()}\n```\n"


if __name__ == "__main__":
    os.environ["COLUMNS"] = "80"
    PAGE.write_text(page(), "utf-8")
