"""Mask text that looks like a secret, by its name or by its shape, in what is captured for a run.

Captured are the run's command line, its environment and the message of its exception. What the user passes is stored as
given.

When in doubt, a text is masked: a masked path can be looked up elsewhere, but a stored password cannot be withdrawn.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath, PureWindowsPath

MASK = "***"
"""The text that replaces a secret."""
CODE = "<code>"
"""The text that replaces code."""
_LONGEST = 2000
"""The longest argument that is kept, in code points, and the largest number of arguments."""
_KEYS = (
    "api|access|account|private|secret|shared|master|storage|signing|encryption|subscription|service|license|ssh|hmac"
)
_WORDS = (
    r"passw|passphrase|pwd|(?<!by)(?<!com)(?<!sur)(?<!res)pass(?:in|out|code)?(?![a-z]|[_-]?(?:through|fds|env))|secret|cred(?![a-z])|credential|"
    rf"(?:{_KEYS})[_-]?key|token(?!i[sz]|s)|(?:api|access|auth|refresh)[_-]?tokens|auth(?!ors?\b|or[_-])|jwt|bearer|"
    r"cookie|session[_-]?id|signature|(?<![a-z])(?:sig|sas|otp|pat|dsn)(?![a-z])|conn(?:ection)?[_-]?str"
)
_NAME = rf"[\w.-]*(?:{_WORDS})[\w.-]*"
_OPTION = re.compile(rf"(?:--?|/)?{_NAME}", re.IGNORECASE)
_ASSIGNED = re.compile(rf"((?:--?|/)?{_NAME}\s*[=:]\s*)(?=\S).+", re.IGNORECASE | re.DOTALL)
_IN_TEXT = re.compile(
    rf"""((?<![\w.-]){_NAME}["']?\s*(?:=|:(?!//))\s*)(?:"[^"]*"|'[^']*'|\{{[^}}]*\}}|[^\s"'&;,)\]}}]+)""", re.IGNORECASE
)
"""A name and its value in other text: a query, a connection string, JSON, or the repr of a dict."""
_URL_USER = re.compile(r"(?<=://)(?:[^\s\"'<>/?#@]*:[^\s\"'<>]*|[^\s\"'<>/?#@]+)@")
"""The user and the password of a URL. A password may hold a raw `@`, `/`, `?` or `#`, so it ends at the last `@`."""
_SHAPES = re.compile(
    r"(?:AKIA|ASIA)[0-9A-Z]{16}"  # AWS
    r"|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|hf_\w{20,}|npm_\w{30,}|pypi-[\w-]{20,}"
    r"|sk-[\w-]{16,}|[srp]k_(?:live|test)_\w{10,}|xox[a-z]-[\w-]{10,}|AIza[\w-]{30,}|ya29\.[\w.-]+|dapi[0-9a-f]{32}"
    r"|SG\.[\w-]{16,}\.[\w-]{16,}"
    r"|eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?"  # a JSON web token
    r"|-----BEGIN [^-]*PRIVATE KEY-----.*?(?:-----END [^-]*-----|$)",
    re.DOTALL,
)
"""Secrets that are recognized anywhere: tokens by their prefixes, and private keys."""
_SCHEME = re.compile(r"\b((?:Bearer|Basic|Digest|Token)\s+)[\w.~+/=-]{8,}", re.IGNORECASE)
"""The value of an HTTP header that authorizes."""
_PAIR = re.compile(r"([^\s:/@]+):(?!//)(\S+)")
_USER_OPTIONS = frozenset({"-u", "-U", "--user", "--userpwd", "--proxy-user", "--basic-auth", "--login"})
"""Options whose value is a name and a password, separated by a colon or a percent sign."""
_SHORT = {
    **dict.fromkeys(("mysql", "mysqldump", "mysqladmin", "mysqlimport", "mariadb", "mariadb-dump", "sshpass"), "-p"),
    **dict.fromkeys(("mongo", "mongosh", "mongodump", "mongorestore", "docker", "podman"), "-p"),
    "redis-cli": "-a",
    "ldapsearch": "-w",
    "ldapmodify": "-w",
    "sqlcmd": "-P",
    "bcp": "-P",
}
"""The short option by which a program takes a password. In other programs `-p` is a port, a path or a plugin."""
_CODE_OPTION = re.compile(r"-[A-Za-z]*c")
_NO_CODE = re.compile(r"[\w./\\:@+,~-]{1,200}")
"""A file or a word, which may follow `-c` in programs other than Python."""


def masked_arguments(arguments: Sequence[str]) -> list[str]:
    """Return the command line of this process with secrets masked and code left out."""
    given = list(arguments[:_LONGEST])
    kinds = _kinds_of_python(given)
    shown: list[str] = []
    program = _program(given[0]) if given else ""
    for index, argument in enumerate(given):
        before = given[index - 1] if index else ""
        if index < len(kinds):
            shown.append(kinds[index])
        elif _SHORT.get(program) == before or (_OPTION.fullmatch(before) and before[0] == "-" and _is_value(argument)):
            shown.append(MASK)
        elif (short := _SHORT.get(program)) is not None and argument.startswith(short) and len(argument) > len(short):
            shown.append(short + MASK)
        elif _CODE_OPTION.fullmatch(before) and not _NO_CODE.fullmatch(argument):
            shown.append(CODE)
        elif before in _USER_OPTIONS:
            shown.append(_without_password(argument))
        else:
            shown.append(_argument(argument))
        if not argument.startswith("-") and _program(argument) in _SHORT:
            program = _program(argument)
    return shown


def _kinds_of_python(arguments: Sequence[str]) -> list[str]:
    """Return the interpreter and its own options, up to the program, as they are shown; code is left out."""
    shown = [_argument(argument) for argument in arguments[:1]]
    if not re.match(r"(?:python|pypy)", _program(arguments[0]) if arguments else ""):
        return shown
    rest = iter(arguments[1:])
    for argument in rest:
        if not re.match(r"-[A-Za-z?]", argument):
            break
        for at, letter in enumerate(argument[1:], 1):
            if letter == "c":
                attached = argument[at + 1 :]
                shown.append(argument[: at + 1] + (CODE if attached else ""))
                if not attached and next(rest, None) is not None:
                    shown.append(CODE)
                return shown
            if letter in "mWX":
                shown.append(_argument(argument))
                if not argument[at + 1 :] and (value := next(rest, None)) is not None:
                    shown.append(_argument(value))
                if letter == "m":
                    return shown
                break
        else:
            shown.append(_argument(argument))
    return shown


def _program(path: str) -> str:
    name = PureWindowsPath(path).name if "\\" in path else PurePath(path).name
    return name.lower().removesuffix(".exe")


def _is_value(argument: str) -> bool:
    """Return whether an argument is the value of the option before it, and not an option itself."""
    return not re.fullmatch(r"-[A-Za-z]|--[A-Za-z][\w.-]*(?:=.*)?", argument, re.DOTALL)


def _argument(argument: str) -> str:
    if len(argument) > _LONGEST:
        return f"<{len(argument)} characters>"
    attached = re.fullmatch(r"(-[A-Za-z]*c)(.*[\s();].*)", argument, re.DOTALL)
    if attached is not None:
        return attached[1] + CODE
    option, assigned, value = argument.partition("=")
    if assigned and option in _USER_OPTIONS:
        return f"{option}={_without_password(value)}"
    whole = _ASSIGNED.fullmatch(argument)
    if whole is not None and "://" not in whole[1] and not re.match(r"\w+://", argument):
        return whole[1] + MASK
    return masked_text(argument)


def _without_password(text: str) -> str:
    for mark in (":", "%"):
        user, found, password = text.partition(mark)
        if found and not password.isdecimal() and not password.startswith("//"):
            return f"{user}{mark}{MASK}"
    return masked_text(text)


def masked_text(text: str) -> str:
    """Return a text with recognizable secrets masked: passwords in URLs, tokens, keys, and values with such names."""
    if "://" in text:
        text = _URL_USER.sub(f"{MASK}@", text)
    text = _SHAPES.sub(MASK, text)
    text = _SCHEME.sub(rf"\1{MASK}", text)
    return _IN_TEXT.sub(_hide, text)


def _hide(found: re.Match[str]) -> str:
    value = found[0][len(found[1]) :]
    # A number of tokens is no token, and a mask stays as it is.
    return (
        found[0]
        if value.strip("\"'") == MASK or re.fullmatch(r"\d{1,7}|None|True|False|null", value)
        else found[1] + MASK
    )
