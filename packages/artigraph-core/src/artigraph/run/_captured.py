"""What is captured for a run: the environment, and the exception that it failed with.

The environment is the state of the code, the command, Python, its packages and the machine.
"""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import socket
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, NamedTuple

from artigraph.errors import class_name
from artigraph.graph.run_rows import RunStatus

_PATIENCE = 5.0
"""The seconds that git may take. A run waits no longer for optional information."""
_REPOSITORY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE")
"""Variables that git's own hooks set. They would override the repository of any folder."""


def capture_environment() -> dict[str, Any]:
    """Return the environment of this process by name, without the values that cannot be determined.

    Values that look like secrets are masked. Call it in a thread: it waits for git and reads the packages' metadata.
    """
    return {
        **_git(_folder_of_code()),
        "command_line": _command_line(),
        **_folder(),
        "python_version": platform.python_version(),
        "python_implementation": platform.python_implementation(),
        "packages": _packages(),
        "host": _masked(socket.gethostname()),
        "platform": _masked(platform.platform()),
        "process_id": os.getpid(),
    }


def _command_line() -> list[str]:
    from artigraph.run._masking import masked_arguments

    return [_text(argument) for argument in masked_arguments(sys.orig_argv)]


def _masked(text: str) -> str:
    from artigraph.run._masking import masked_text  # compiles long patterns, which most programs never need

    return masked_text(text)


def _text(argument: str) -> str:
    """Return a string of the operating system with the characters replaced that not every database stores."""
    return argument.encode(errors="replace").decode()


def _folder() -> dict[str, Any]:
    try:
        return {"working_directory": _masked(_text(os.getcwd()))}  # noqa: PTH109 (Path.cwd() does the same)
    except OSError:  # the folder was removed
        return {}


def _folder_of_code() -> Path:
    """Return the folder of the program, or the working directory if there is no program file, as in a notebook."""
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    return Path(file).parent if isinstance(file, str) and Path(file).is_file() else Path()


def _git(folder: Path) -> dict[str, Any]:
    """Return the commit, the branch, and whether a tracked file differs, or {} without a work tree or without git."""
    program = shutil.which("git")
    if program is None:
        return {}
    # Run no hook or monitor of the repository, change nothing in it, and take no other repository for it.
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
        found["git_branch"] = _masked(branch)
    return found


def _packages() -> dict[str, str]:
    """Return the version of each installed distribution by name. The first one found is the one that Python imports."""
    found: dict[str, str] = {}
    for distribution in distributions():
        try:
            name, version = distribution.metadata["Name"], distribution.version
        except (KeyError, TypeError, ValueError, OSError):  # a distribution that was installed or removed only in part
            continue
        if name and version:
            found.setdefault(str(name), str(version))
    return dict(sorted(found.items()))


_NAME_LENGTH = 255
_ERROR_LENGTH = 4000
_LONGEST_MESSAGE = 3 * _ERROR_LENGTH
"""The length to which a message is cut before it is masked, since a mask is usually shorter than what it hides."""


class Outcome(NamedTuple):
    """How a run ended, with the class and the message of the exception if it failed."""

    status: RunStatus
    error_type: str | None = None
    error_message: str | None = None


def outcome_of(error: BaseException | None) -> Outcome:
    """Return the outcome of a run whose block was left by this exception, or by none."""
    if error is None or (isinstance(error, SystemExit) and error.code in (0, None)):
        return Outcome("completed")
    if isinstance(error, asyncio.CancelledError | KeyboardInterrupt | GeneratorExit):
        return Outcome("cancelled")
    return Outcome("failed", class_name(type(error))[-_NAME_LENGTH:], _message_of(error))


def _message_of(error: BaseException) -> str:
    """Return an exception's message, with secrets masked, in a form that every database stores."""
    try:
        text = str(error)
    except Exception as failure:  # an exception whose message cannot be had is still to be recorded
        text = f"<no message: {type(failure).__name__}>"
    text = text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    return _masked(text[:_LONGEST_MESSAGE])[:_ERROR_LENGTH]
