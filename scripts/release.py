"""Check that the checkout is ready to be released as a tag: `release.py v1.0.0`.

Every distribution must have the tag's version, and require the other distributions in exactly that version.
CHANGELOG.md must have a dated section for it.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = re.compile(r"artigraph(-[a-z]+)*")


def main(tag: str) -> int:
    """Print the problems; return 1 if there are any."""
    found = list(problems(ROOT, tag))
    for problem in found:
        print(problem)
    return 1 if found else 0


def problems(root: Path, tag: str) -> Iterator[str]:
    """Yield the problems that prevent a release of the checkout in `root` as `tag`."""
    version = tag.removeprefix("v")
    if not re.fullmatch(r"v\d+\.\d+\.\d+((a|b|rc)\d+)?", tag):
        yield f"The tag {tag!r} is not a version: name it like v1.0.0 or v1.0.0rc1."
        return
    for path in sorted(root.glob("packages/*/pyproject.toml")):
        project = tomllib.loads(path.read_text("utf-8"))["project"]
        if project["version"] != version:
            yield f"{path.parent.name} has the version {project['version']}; the tag says {version}."
        optional = project.get("optional-dependencies", {}).values()
        for requirement in [*project.get("dependencies", ()), *(one for group in optional for one in group)]:
            name = NAME.match(requirement)
            pinned = requirement.endswith((f"=={version}", "]"))  # an extra of its own has no version
            if name and not (pinned and (requirement.endswith(f"=={version}") or name[0] == project["name"])):
                yield f"{path.parent.name} requires {requirement!r}; write =={version}."
    news = (root / "CHANGELOG.md").read_text("utf-8")
    if not re.search(rf"^## {re.escape(version)} \(\d{{4}}-\d\d-\d\d\)$", news, re.MULTILINE):
        yield f"CHANGELOG.md has no section '## {version} (YYYY-MM-DD)'."


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
