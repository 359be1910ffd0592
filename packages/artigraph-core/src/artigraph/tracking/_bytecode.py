"""Hash the code of a function so that two hashes are equal if the code does the same by the same steps.

The hash is of the compiled code that runs, not of a file, which may have changed since it was imported. It leaves out
what has no effect: the names of local variables, line numbers, comments, docstrings and annotations.

The compiler sometimes chooses other jumps for the same code with other line breaks. So the module's source is compiled
again with all positions removed, if it is there and compiles to the very code that runs.
"""

from __future__ import annotations

import ast
import dis
import hashlib
import linecache
import re
import struct
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any, NamedTuple, cast
from weakref import WeakKeyDictionary

_SKIPPED = frozenset({"NOP", "CACHE", "EXTENDED_ARG", "MAKE_CELL", "COPY_FREE_VARS", "LOAD_CLOSURE"})
"""Instructions whose presence or order depends on line breaks, or on the names of variables."""
_BOOKKEEPING = frozenset({"__doc__", "__firstlineno__", "__static_attributes__"})
"""What the body of a class stores about itself."""
_JUMPS = frozenset((*dis.hasjrel, *dis.hasjabs))
_CONSTANTS, _NAMES = frozenset(dis.hasconst), frozenset(dis.hasname)
_VARIABLES = frozenset((*dis.haslocal, *dis.hasfree))
_FLAGS = 0x01 | 0x02 | 0x04 | 0x08 | 0x20 | 0x80 | 0x100 | 0x200
"""The flags that say what kind of function it is. Others say how it was compiled, and change no result."""
_NAMING = frozenset(
    (
        *("locals", "vars", "dir", "eval", "exec", "_getframe", "currentframe", "stack", "f_locals"),
        *("query", "sql", "execute", "evaluate"),
    )
)
"""Globals and attributes through which code can see the names of its variables, and of the globals in its texts."""
_WORD = re.compile(r"[^\W\d]\w*")
_GLOBALS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS", "STORE_GLOBAL", "DELETE_GLOBAL"})
_FUTURE = 0x1FF0000
"""The flags of `from __future__ import ...`."""


@dataclass(frozen=True, slots=True)
class CodeFacts:
    """The facts of a code object, without the values to which its names refer."""

    digest: bytes
    free_variables: tuple[str, ...]
    """The variables of enclosing functions that it uses, in an order that does not depend on their names."""
    global_names: tuple[str, ...]
    """The global and built-in names that it uses, also in functions inside it."""
    attribute_names: tuple[str, ...]
    """The names of attributes that it uses, such as those of modules."""
    imports: tuple[tuple[str, int, tuple[str, ...]], ...]
    """The modules that it imports when it runs, each with the number of leading dots and the names it takes."""
    inner_names: tuple[str, ...]
    """The names of the functions inside it, in their order."""


_facts: WeakKeyDictionary[CodeType, CodeFacts] = WeakKeyDictionary()


def facts_of(function: FunctionType) -> CodeFacts:
    """Return the facts of the code of a function."""
    code = function.__code__
    found = _facts.get(code)
    if found is None:
        found = _facts[code] = _examine(_without_positions(function))
    return found


class Encoded(NamedTuple):
    """Constants that are ready to be hashed."""

    data: bytes


def encoded(items: object) -> Encoded:
    """Return constants in the form in which `digest_of` hashes them. There they stand for themselves."""
    pieces: list[bytes] = []
    _add_pieces(items, pieces)
    return Encoded(b"".join(pieces))


def digest_of(items: object) -> bytes:
    """Return the SHA-256 of constants, in which values of different types or bits are different."""
    pieces: list[bytes] = []
    _add_pieces(items, pieces)
    return hashlib.sha256(b"".join(pieces)).digest()


def _add_pieces(item: object, pieces: list[bytes]) -> None:
    """Append the type, the length and the bytes of a constant, and of all that it holds."""
    kind: type[Any] = type(item)
    if isinstance(item, str):
        data = item.encode("utf-8", "surrogatepass")
        pieces += (b"str %d " % len(data), data)
    elif isinstance(item, Encoded):
        pieces += item
    elif isinstance(item, (tuple, list)):
        parts = cast("Sequence[object]", item)
        pieces.append(b"%b %d " % (b"tuple" if isinstance(item, tuple) else b"list", len(parts)))
        for part in parts:
            _add_pieces(part, pieces)
    elif kind is bytes:
        data = cast("bytes", item)
        pieces += (b"bytes %d " % len(data), data)
    elif kind is frozenset:
        parts = sorted(digest_of(part) for part in cast("frozenset[object]", item))
        pieces += (b"frozenset %d " % len(parts), *parts)
    elif kind is slice:  # a constant since Python 3.14
        limits = cast("slice[object, object, object]", item)
        _add_pieces(("slice", limits.start, limits.stop, limits.step), pieces)
    elif kind in _NUMBERS:
        pieces.append(_NUMBERS[kind](item))
    elif item is None or item is ... or kind is bool:
        pieces.append(b"%a " % item)
    else:
        msg = f"a {kind.__name__} is no constant"
        raise TypeError(msg)


_NUMBERS: Mapping[type[Any], Callable[[Any], bytes]] = {
    float: lambda value: b"float" + struct.pack(">d", value),
    complex: lambda value: b"complex" + struct.pack(">dd", value.real, value.imag),
    int: lambda value: b"int %x " % value,  # Python limits the length of decimal numbers
}


# Normal form --------------------------------------------------------------------------------------------------------


def _examine(code: CodeType) -> CodeFacts:
    normal = _Normal()
    form = normal.form(code, {})
    names = _unique(normal.globals)
    if not _NAMING.isdisjoint((*names, *normal.attributes)):
        form = (form, tuple(_variable_names(code)))
        words = (word for text in normal.texts for word in _WORD.findall(text))
        names = _unique((*names, *words))  # as in `frame.query("a > @LIMIT")`
    free = tuple(sorted(code.co_freevars, key=lambda name: normal.outer.get(name, len(normal.outer))))
    attributes, imports = _unique(normal.attributes), _unique(normal.imports)
    return CodeFacts(digest_of(form), free, names, attributes, imports, tuple(_inner_names(code)))


def _unique(items: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(sorted(set(items)))


def _variable_names(code: CodeType) -> Iterator[tuple[str, ...]]:
    yield (*code.co_varnames, *code.co_cellvars, *code.co_freevars)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _variable_names(constant)


def _inner_names(code: CodeType) -> Iterator[str]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant.co_name
            yield from _inner_names(constant)


class _Normal:
    def __init__(self) -> None:
        self.globals: list[str] = []
        self.attributes: list[str] = []
        self.texts: list[str] = []
        self.imports: list[tuple[str, int, tuple[str, ...]]] = []
        self.outer: dict[str, int] = {}
        """The numbers of the variables of enclosing functions."""

    def form(self, code: CodeType, around: Mapping[str, object]) -> tuple[object, ...]:
        """Return the parts of a code object that have an effect. Variables are numbers, in the order of their use.

        Args:
            code: the code object.
            around: the numbers of the variables of the enclosing code, which this one may use.
        """
        numbers: dict[str, object] = {}
        count = code.co_argcount + code.co_kwonlyargcount + sum(bool(code.co_flags & flag) for flag in (0x04, 0x08))
        parameters = code.co_varnames[:count]
        numbers.update((name, ("parameter", index)) for index, name in enumerate(parameters))
        outermost = not around

        def number(name: str) -> object:
            if name in code.co_freevars and not outermost:
                return ("outer", around.get(name, name))
            if name in code.co_freevars:
                return ("free", self.outer.setdefault(name, len(self.outer)))
            return numbers.setdefault(name, len(numbers))

        inside = _Numbers(number)
        kept, places = _instructions(code)
        steps = [self._step(instruction, code.co_consts, number, inside, places) for instruction in kept]
        self._note_imports(kept)
        signature = (code.co_posonlyargcount, code.co_argcount, code.co_kwonlyargcount, code.co_flags & _FLAGS)
        return (parameters, signature, code.co_exceptiontable, tuple(steps))

    def _step(
        self,
        instruction: dis.Instruction,
        constants: tuple[object, ...],
        number: Callable[[str], object],
        inside: _Numbers,
        places: Mapping[int, int],
    ) -> object:
        code = instruction.opcode
        value: Any = instruction.argval
        detail: Any = instruction.arg
        if code in _JUMPS:
            detail = places[value]
        elif code in _CONSTANTS:
            detail = constants[detail]  # `dis` of Python 3.11 does not know the names of keywords, which are constants
            if isinstance(detail, str):
                self.texts.append(detail)
            detail = self.form(detail, inside) if isinstance(detail, CodeType) else detail
        elif code in _VARIABLES:
            names: tuple[str, ...] = (value,) if type(value) is str else value
            detail = tuple(number(name) for name in names)
        elif code in _NAMES:
            detail = instruction.argrepr  # it also says how the name is used, as in `NULL + print`
            (self.globals if instruction.opname in _GLOBALS else self.attributes).append(value)
        return (instruction.opname, detail)

    def _note_imports(self, instructions: Sequence[dis.Instruction]) -> None:
        for index, instruction in enumerate(instructions):
            if instruction.opname == "IMPORT_NAME":
                given: dict[type[Any], Any] = {int: 0, tuple: ()}
                for each in instructions[max(0, index - 2) : index]:
                    value: Any = each.argval
                    given[type(value)] = value
                self.imports.append((instruction.argval, given[int], given[tuple]))


class _Numbers(Mapping[str, object]):
    """The numbers of variables, which are given when they are asked for. It is never empty."""

    def __init__(self, number: Any) -> None:
        self._number = number

    def __getitem__(self, name: str) -> object:
        return self._number(name)

    def get(self, name: str, default: object = None) -> object:
        del default
        return self._number(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 1


def _instructions(code: CodeType) -> tuple[list[dis.Instruction], dict[int, int]]:
    """Return the instructions that have an effect, and the index of each place in the code among them."""
    cells = frozenset((*code.co_cellvars, *code.co_freevars))
    kept: list[dis.Instruction] = []
    places: dict[int, int] = {}
    for instruction in dis.get_instructions(code):
        places[instruction.offset] = len(kept)
        if instruction.opname in _SKIPPED or (instruction.opname == "LOAD_FAST" and instruction.argval in cells):
            continue  # a closure is made of the variables that the inner function uses
        if instruction.opname == "STORE_NAME" and instruction.argval in _BOOKKEEPING and kept:
            places[instruction.offset] = len(kept) - 1
            kept.pop()
            continue
        kept.append(instruction)
    return kept, places


# Source without positions -------------------------------------------------------------------------------------------

_Key = tuple[str, int]
"""The qualified name and the first line of a code object."""
_lock = threading.Lock()
_modules: dict[tuple[str, int], tuple[tuple[str, ...], Mapping[_Key, tuple[CodeType, CodeType]]]] = {}
"""For each file, its lines, and its code objects: as they are, and without positions."""


def _without_positions(function: FunctionType) -> CodeType:
    """Return the function's code compiled without positions, or as it is if the source is missing or has changed."""
    code = function.__code__
    lines = tuple(linecache.getlines(code.co_filename, function.__globals__))
    if not lines:
        return code
    flags = code.co_flags & _FUTURE
    with _lock:
        known = _modules.get((code.co_filename, flags))
    if known is None or known[0] != lines:
        known = lines, _compiled("".join(lines), code.co_filename, flags)
        with _lock:
            _modules[code.co_filename, flags] = known
    real, plain = known[1].get((code.co_qualname, code.co_firstlineno), (None, code))
    return plain if real == code else code


def _compiled(source: str, file: str, flags: int) -> Mapping[_Key, tuple[CodeType, CodeType]]:
    try:
        tree = ast.parse(source, file)
        real = compile(source, file, "exec", flags, dont_inherit=True)
        for node in ast.walk(tree):
            if hasattr(node, "lineno"):
                positions: Any = node
                positions.lineno = positions.end_lineno = 1
                positions.col_offset = positions.end_col_offset = 0
        plain = compile(tree, file, "exec", flags, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # not Python, such as a cell with magics
        return {}
    return {(code.co_qualname, code.co_firstlineno): (code, other) for code, other in _pairs(real, plain)}


def _pairs(real: CodeType, plain: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """Yield the code objects inside two codes in pairs. They are the same functions in the same order."""
    inside = [[each for each in code.co_consts if isinstance(each, CodeType)] for code in (real, plain)]
    if [each.co_qualname for each in inside[0]] != [each.co_qualname for each in inside[1]]:
        return
    for one, other in zip(*inside, strict=True):
        yield one, other
        yield from _pairs(one, other)


PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
"""The version of Python, which decides how code is compiled."""
