"""What a run runs in: the state of the code, the command, Python, its packages and the machine."""

from __future__ import annotations

import os
import platform
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

__all__ = ["capture_environment", "masked"]

_PATIENCE = 5.0
"""Seconds that git has; a run waits no longer for what it can do without."""
_LONGEST = 2000
"""The most code points of an argument that is kept, and the most arguments."""
_MASK = "***"
_WORDS = "passw|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential|auth(?!ors?\\b)"
_NAME = rf"[\w.-]*(?:{_WORDS})[\w.-]*"
_OPTION = re.compile(f"--?{_NAME}", re.IGNORECASE)
_ASSIGNED = re.compile(f"({_NAME}[=:]).+", re.IGNORECASE | re.DOTALL)
_IN_URL = re.compile(r"(?<=://)[^/\s@]*@")
_IN_QUERY = re.compile(rf"([?&;]{_NAME}=)[^&;\s]*", re.IGNORECASE)
_REPOSITORY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE")
"""What git's own hooks set, and what would stand for the repository of any folder."""


def capture_environment() -> dict[str, Any]:
    """Return what is known of where this process runs, by name; what cannot be found out is left out.

    It waits for git and reads the packages' metadata, so it is for a thread.
    """
    return {
        **_git(_folder_of_code()),
        "command_line": masked(sys.orig_argv),
        **_folder(),
        "python_version": platform.python_version(),
        "python_implementation": platform.python_implementation(),
        "packages": _packages(),
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "process_id": os.getpid(),
    }


def masked(arguments: Sequence[str]) -> list[str]:
    """Return a command line without what looks like a secret in it: by the name of its option, or in a URL.

    Code that stands in it (`python -c`) is left out, for nothing tells what in it is one.
    """
    shown: list[str] = []
    hides = False
    for index, argument in enumerate(arguments[:_LONGEST]):
        if index and arguments[index - 1] == "-c":
            shown.append("<code>")
        elif hides and not argument.startswith("-"):
            shown.append(_MASK)
        else:
            shown.append(_masked(argument))
        hides = _OPTION.fullmatch(argument) is not None
    return [_text(argument) for argument in shown]


def _masked(argument: str) -> str:
    if len(argument) > _LONGEST:
        return f"<{len(argument)} characters>"
    if "://" in argument:
        argument = _IN_QUERY.sub(rf"\1{_MASK}", _IN_URL.sub(f"{_MASK}@", argument))
        name, assigned, _ = argument.partition("=")
        return f"{name}={_MASK}" if assigned and "://" not in name and _OPTION.fullmatch(f"--{name}") else argument
    return _ASSIGNED.sub(rf"\1{_MASK}", argument)


def _text(argument: str) -> str:
    """Return what of a text of the operating system every database stores."""
    return argument.encode(errors="replace").decode()


def _folder() -> dict[str, Any]:
    try:
        return {"working_directory": _text(os.getcwd())}  # noqa: PTH109 (Path.cwd() does the same)
    except OSError:  # it was removed
        return {}


def _folder_of_code() -> Path:
    """Return the folder of the program, or the working directory where there is none, in a notebook say."""
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    return Path(file).parent if isinstance(file, str) and Path(file).is_file() else Path()


def _git(folder: Path) -> dict[str, Any]:
    """Return commit, branch and whether a tracked file differs, where the folder is in a work tree and git is here."""
    program = shutil.which("git")
    if program is None:
        return {}
    # No hook or monitor of the repository is run, nothing of it is changed, and no other one is taken for it.
    command = [program, "-C", str(folder), "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}"]
    command += ["status", "--porcelain=v2", "--branch", "--untracked-files=no", "--ignore-submodules=all"]
    surroundings = {name: value for name, value in os.environ.items() if name not in _REPOSITORY}
    surroundings |= {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603 (the program is git, and no shell)
            command, env=surroundings, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=_PATIENCE
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    lines = done.stdout.decode(errors="replace").splitlines()
    said = dict(line.removeprefix("# ").split(" ", 1) for line in lines if line.startswith("# branch."))
    commit, branch = said.get("branch.oid"), said.get("branch.head")
    found: dict[str, Any] = {"git_dirty": any(not line.startswith("#") for line in lines)}
    if commit not in (None, "(initial)"):
        found["git_commit"] = commit
    if branch not in (None, "(detached)"):
        found["git_branch"] = branch
    return found


def _packages() -> dict[str, str]:
    """Return the version of each installed distribution by its name; what is found first is what is imported."""
    found: dict[str, str] = {}
    for distribution in distributions():
        try:
            name, version = distribution.metadata["Name"], distribution.version
        except (KeyError, TypeError, ValueError, OSError):  # one that was installed or removed by half
            continue
        if name and version:
            found.setdefault(str(name), str(version))
    return dict(sorted(found.items()))
