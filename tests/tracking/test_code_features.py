"""Changes behind features of Python and of libraries of models: each is noticed."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from artigraph.tracking._known_code import CodeIdentity
from tests.tracking.test_code import Files, program

__all__ = ["program"]

_TOOLS = """
def helper(x):
    return x + 1

LIMIT = 5

def documented():
    "Explain it first."

class Documented:
    "Be a class."

def typed(x: int) -> int:
    return x

class Made:
    size = 1

def made() -> Made: ...
"""
_TYPED = """
import sys
from types import ModuleType

class Typed(ModuleType):
    @property
    def LIMIT(self): return 33

    def __call__(self, x): return x + 35

sys.modules[__name__].__class__ = Typed
"""
_INSTEAD = """
import sys

class Instead:
    rate = 33

sys.modules[__name__] = Instead()
"""
_LAZY = """
def __getattr__(name):
    from prog import tools
    return getattr(tools, name)
"""
CASES: dict[str, tuple[str, str, str]] = {
    "a dataclass of a shell": (
        """
        source = '''
        from dataclasses import dataclass
        @dataclass
        class A:
            k: int = 1
            def go(self): return self.k * 1
        '''
        exec(compile(source, '<string>', 'exec'))
        def step(): return A().go()
        """,
        "self.k * 1",
        "self.k * 7",
    ),
    "a callable object that wraps": (
        """
        import functools
        class Retry:
            def __init__(s, f, n): functools.update_wrapper(s, f); s.f, s.n = f, n
            def __call__(s, x): return s.f(x) * s.n
        helper = Retry(len, 2)
        def step(x): return helper(x)
        """,
        "s.f(x) * s.n",
        "s.f(x) + s.n",
    ),
    "the state of an object that wraps": (
        """
        import functools
        class Retry:
            def __init__(s, f, n): functools.update_wrapper(s, f); s.f, s.n = f, n
            def __call__(s, x): return s.f(x) * s.n
        helper = Retry(len, 2)
        def step(x): return helper(x)
        """,
        "Retry(len, 2)",
        "Retry(len, 3)",
    ),
    "the state of an object with every attribute": (
        """
        class Settings:
            def __init__(s, **k): s._k = k
            def __getattr__(s, n): return s.__dict__.get('_k', {}).get(n, 0)
        S = Settings(rate=1)
        def step(): return S.rate
        """,
        "rate=1",
        "rate=2",
    ),
    "a method of a model that is a constant": (
        """
        from artigraph import ArtifactModel
        from dataclasses import dataclass, field
        @dataclass
        class Leaf(ArtifactModel):
            v: int
            def d(self): return self.v * 2
        L = [Leaf(1)]
        def step(): return L[0].d()
        """,
        "self.v * 2",
        "self.v * 3",
    ),
    "the version of a model that is made": (
        """
        from artigraph import ArtifactModel
        from dataclasses import dataclass, field
        @dataclass
        class Old(ArtifactModel, version=1):
            v: int
        def step(x): return Old(x)
        """,
        "version=1",
        "version=2",
    ),
    "a module in a dictionary": (
        """
        from prog import tools
        T = {'t': tools}
        def step(): return T['t'].helper(1)
        """,
        "x + 1",
        "x + 2",
    ),
    "a module as an argument": (
        """
        from prog import tools
        def apply(m): return m.helper(1)
        def step(): return apply(tools)
        """,
        "x + 1",
        "x + 2",
    ),
    "a module in a class": (
        """
        from prog import tools
        class A:
            backend = tools
            def go(self): return self.backend.helper(1)
        def step(): return A().go()
        """,
        "x + 1",
        "x + 2",
    ),
    "a constant of a module in a package": (
        """
        import prog
        from prog import tools
        def step(): return prog.tools.LIMIT
        """,
        "LIMIT = 5",
        "LIMIT = 6",
    ),
    "a constant of a module that a module has": (
        """
        from prog import middle
        def step(): return middle.tools.LIMIT
        """,
        "LIMIT = 5",
        "LIMIT = 6",
    ),
    "a module as a default": (
        """
        from prog import tools
        def step(m=tools): return m.helper(1)
        """,
        "x + 1",
        "x + 2",
    ),
    "a module that a function returns": (
        """
        def backend():
            from prog import tools
            return tools
        def step(): return backend().helper(1)
        """,
        "x + 1",
        "x + 2",
    ),
    "a constant of a module in a list": (
        """
        from prog import tools
        T = [tools]
        def step(): return T[0].LIMIT
        """,
        "LIMIT = 5",
        "LIMIT = 6",
    ),
    "a hash of a class": (
        """
        class A:
            def __hash__(self): return 1
        def step(): return hash(A())
        """,
        "return 1",
        "return 2",
    ),
    "the order of a pattern": (
        """
        class A:
            __match_args__ = ('x', 'y')
            x, y = 1, 2
        def step(v=A()):
            match v:
                case A(p, q): return p
        """,
        "('x', 'y')",
        "('y', 'x')",
    ),
    "a hook of attrs": (
        """
        import attrs
        @attrs.define
        class A:
            x: int
            def __attrs_post_init__(self): self.x += 1
        def step(): return A(1).x
        """,
        "self.x += 1",
        "self.x += 2",
    ),
    "an option of a dataclass": (
        """
        from dataclasses import dataclass, field
        @dataclass(eq=True)
        class A:
            x: int
        def step(): return A(1) == A(1)
        """,
        "eq=True",
        "eq=False",
    ),
    "the metadata of a field": (
        """
        from dataclasses import dataclass, field
        @dataclass
        class A:
            x: int = field(default=1, metadata={'unit': 'm'})
        def step(): return A()
        """,
        "'unit': 'm'",
        "'unit': 'km'",
    ),
    "a converter of attrs": (
        """
        import attrs
        def twice(v): return v * 2
        @attrs.define
        class A:
            x: int = attrs.field(converter=twice)
        def step(): return A(1).x
        """,
        "v * 2",
        "v * 3",
    ),
    "the field of a validator": (
        """
        from typing import Annotated, Literal

        from pydantic import AfterValidator, BaseModel, Field, PrivateAttr, field_validator

        class A(BaseModel):
            x: int = 1
            y: int = 1
            @field_validator('x')
            @classmethod
            def check(cls, v): return v * 2
        def step(): return A(x=1, y=1)
        """,
        "field_validator('x')",
        "field_validator('y')",
    ),
    "the mode of a validator": (
        """
        from typing import Annotated, Literal

        from pydantic import AfterValidator, BaseModel, Field, PrivateAttr, field_validator

        class A(BaseModel):
            x: int
            @field_validator('x', mode='before')
            @classmethod
            def check(cls, v): return v
        def step(): return A(x=1)
        """,
        "'before'",
        "'after'",
    ),
    "a private attribute": (
        """
        from typing import Annotated, Literal

        from pydantic import AfterValidator, BaseModel, Field, PrivateAttr, field_validator

        class A(BaseModel):
            _x: int = PrivateAttr(default=1)
        def step(): return A()._x
        """,
        "=1)",
        "=2)",
    ),
    "a literal": (
        """
        from typing import Annotated, Literal

        from pydantic import AfterValidator, BaseModel, Field, PrivateAttr, field_validator

        class A(BaseModel):
            x: Literal[1, 3]
        def step(): return A
        """,
        "[1, 3]",
        "[1, 2]",
    ),
    "a validator in an annotation": (
        """
        from typing import Annotated, Literal

        from pydantic import AfterValidator, BaseModel, Field, PrivateAttr, field_validator

        def val(v): return v + 1
        class A(BaseModel):
            x: list[Annotated[int, AfterValidator(val)]]
        def step(): return A(x=[1])
        """,
        "v + 1",
        "v + 2",
    ),
    "a bound in an annotation": (
        """
        from typing import Annotated, Literal

        from pydantic import AfterValidator, BaseModel, Field, PrivateAttr, field_validator

        class A(BaseModel):
            x: list[Annotated[int, Field(gt=1)]]
        def step(): return A
        """,
        "gt=1",
        "gt=2",
    ),
    "a class in the text of an annotation": (
        """
        from __future__ import annotations
        from typing import Annotated, Literal

        from pydantic import AfterValidator, BaseModel, Field, PrivateAttr, field_validator

        class C(BaseModel):
            v: int
            def t(self): return self.v * 2
        class A(BaseModel):
            x: list[C]
        def step(): return A.model_validate({}).x[0].t()
        """,
        "self.v * 2",
        "self.v * 3",
    ),
    "a factory of msgspec": (
        """
        import msgspec
        def make(): return [1]
        class A(msgspec.Struct):
            x: list = msgspec.field(default_factory=make)
        def step(): return A().x
        """,
        "[1]",
        "[2]",
    ),
    "a tag of msgspec": (
        """
        import msgspec
        class A(msgspec.Struct, tag='a'):
            x: int
        def step(): return msgspec.json.encode(A(1))
        """,
        "tag='a'",
        "tag='b'",
    ),
    "the name of a keyword in a call": (
        """
        def area(width=1, height=2, depth=3): return width * height - depth
        def step(): return area(width=5)
        """,
        "width=5",
        "depth=5",
    ),
    "the order of keywords in a call": (
        """
        def first(**names): return next(iter(names))
        def step(): return first(a=1, b=1)
        """,
        "a=1, b=1",
        "b=1, a=1",
    ),
    "an argument of a partial method": (
        """
        from functools import partialmethod
        class A:
            def add(self, n): return n
            one = partialmethod(add, 1)
        def step(): return A().one()
        """,
        "(add, 1)",
        "(add, 2)",
    ),
    "a kind of property": (
        """
        class classproperty(property):
            def __get__(self, i, o): return self.fget(o) + 1
        class A:
            @classproperty
            def x(cls): return 1
        def step(): return A.x
        """,
        "self.fget(o) + 1",
        "self.fget(o) + 2",
    ),
    "a decimal of ours": (
        """
        from decimal import Decimal
        class M(Decimal): pass
        X = M('1')
        def step(): return X
        """,
        "M('1')",
        "M('2')",
    ),
    "types in an alias": (
        """
        from typing import Literal, get_args
        L = Literal['a', 'b']
        def step(): return get_args(L)
        """,
        "'b'",
        "'c'",
    ),
    "types in a union": (
        """
        N = int | str
        def step(x): return isinstance(x, N)
        """,
        "int | str",
        "int | float",
    ),
    "an argument of a generic base": (
        """
        from typing import Generic, TypeVar
        T = TypeVar('T')
        class C:
            def go(self): return 1
        class Box(Generic[T]): pass
        class B(Box[C]): pass
        def step(): return B.__orig_bases__
        """,
        "return 1",
        "return 2",
    ),
    "functions in a tuple of another library": (
        """
        from outside import compose
        def one(x): return x + 1
        P = compose(one, len)
        def step(x): return P(x)
        """,
        "return x + 1",
        "return x + 2",
    ),
    "which item is taken": (
        """
        from operator import itemgetter
        GET = itemgetter(1)
        def step(x): return GET(x)
        """,
        "itemgetter(1)",
        "itemgetter(2)",
    ),
    "a namespace": (
        """
        from types import SimpleNamespace
        S = SimpleNamespace(rate=1)
        def step(): return S.rate
        """,
        "rate=1",
        "rate=2",
    ),
    "bytes that can change": (
        """
        B = bytearray(b'a')
        def step(): return B
        """,
        "b'a'",
        "b'b'",
    ),
    "names of variables in a query": (
        """
        def step(df):
            lo = 1; hi = 2
            return df.query('a > @lo')
        """,
        "lo = 1; hi = 2",
        "hi = 1; lo = 2",
    ),
    "a very large number": (
        """
        X = 10 ** 5000
        def step(): return X
        """,
        "5000",
        "5001",
    ),
    "what a module gives on request": (
        """
        from prog import lazy
        def step(): return lazy.helper(1)
        """,
        "x + 1",
        "x + 2",
    ),
    "a method of a class in a deque": (
        """
        from collections import deque
        class P:
            def go(self): return 1
        ARGUMENTS = (deque([P()]), {P(): 1})
        def step(x): return x[0].go()
        """,
        "return 1",
        "return 2",
    ),
    "a method of a generic base": (
        """
        from typing import Generic, TypeVar
        T = TypeVar('T')
        class Box(Generic[T]):
            def go(self): return 1
        class B(Box[int]): pass
        def step(): return B().go()
        """,
        "return 1",
        "return 2",
    ),
    "a method of a generic class with its argument": (
        """
        from typing import Generic, TypeVar
        T = TypeVar('T')
        class Box(Generic[T]):
            def go(self): return 1
        B = Box[int]
        def step(): return B().go()
        """,
        "return 1",
        "return 2",
    ),
    "a method of a generic class in an annotation": (
        """
        from typing import Generic, TypeVar
        from dataclasses import dataclass, fields
        T = TypeVar('T')
        class Box(Generic[T]):
            def go(self): return 1
        @dataclass
        class A:
            b: Box[int]
        def step(): return fields(A)[0].type().go()
        """,
        "return 1",
        "return 2",
    ),
    "what a new type is": (
        """
        from typing import NewType
        from pydantic import BaseModel
        N = NewType('N', int)
        class A(BaseModel):
            x: N
        def step(): return A(x='1').x
        """,
        "('N', int)",
        "('N', str)",
    ),
    "the bound of a type variable": (
        """
        from typing import TypeVar
        N = TypeVar('N', bound=int)
        def step(): return N.__bound__
        """,
        "=int",
        "=str",
    ),
    "the default of a dictionary": (
        """
        from collections import defaultdict
        D = defaultdict(lambda: 5)
        def step(): return D['x']
        """,
        "5",
        "6",
    ),
    "the default of a dictionary of ours": (
        """
        from collections import defaultdict
        class Counts(defaultdict): pass
        D = Counts(lambda: 5)
        def step(): return D['x']
        """,
        "5",
        "6",
    ),
    "an attribute of a member of an enum": (
        """
        from enum import Enum
        class C(Enum):
            RED = 1, 'r'
            def __new__(cls, value, extra):
                new = object.__new__(cls); new._value_ = value; new.extra = extra
                return new
        def step(): return C.RED.extra
        """,
        "'r'",
        "'g'",
    ),
    "a default of None in a dataclass with slots": (
        """
        from dataclasses import dataclass
        @dataclass(slots=True)
        class A:
            x: int = None
        def step():
            try: return A()
            except TypeError: return 5
        """,
        "int = None",
        "int",
    ),
    "whether lru_cache tells types apart": (
        """
        from functools import lru_cache
        @lru_cache(typed=True)
        def helper(x): return x
        def step(): return helper(3), helper(3.0)
        """,
        "typed=True",
        "typed=False",
    ),
    "an attribute of a function that is named like one of tracked": (
        """
        def helper(): return helper.cached
        helper.cached = 1
        def step(): return helper()
        """,
        "cached = 1",
        "cached = 2",
    ),
    "the order of keywords of a partial": (
        """
        from functools import partial
        def names(**keywords): return list(keywords)
        P = partial(names, a=1, b=1)
        def step(): return P()
        """,
        "a=1, b=1",
        "b=1, a=1",
    ),
    "a private slot that the base has, too": (
        """
        class A:
            __slots__ = ('__dict__', '__x')
            def __init__(self): self.__x = 1
        class B(A):
            __slots__ = ('__x',)
            def put(self, x): self.__x = x; return self
            def get(self): return self.__x
        O = B().put(5)
        def step(): return O.get()
        """,
        "put(5)",
        "put(6)",
    ),
    "a class that make_dataclass made": (
        """
        from dataclasses import make_dataclass
        A = make_dataclass('A', [('x', int, 1)])
        def step(): return A()
        """,
        "1)",
        "2)",
    ),
    "the name of an inner function that is asked for": (
        """
        def name(function): return function.__name__
        def step():
            def local(): pass
            return name(local)
        """,
        "local",
        "nearby",
    ),
    "which list contains itself": (
        """
        A = [1]
        B = [2, A]
        A.append(B)
        B.append(A)
        def step(): return A[1][2]
        """,
        "B.append(A)",
        "B.append(B)",
    ),
    "which slot an attribute stands for": (
        """
        class Base:
            __slots__ = ('x', 'y')
        class A(Base):
            __slots__ = ()
            z = Base.x
        def step(v): return A.z
        """,
        "z = Base.x",
        "z = Base.y",
    ),
    "what a property of a built-in type an attribute stands for": (
        """
        class A(int):
            part = int.real
        def step(v): return A(v).part
        """,
        "int.real",
        "int.imag",
    ),
    "an attribute of a function below lru_cache": (
        """
        from functools import lru_cache
        @lru_cache
        def helper(): return helper.rate
        helper.rate = 33
        def step(): return helper()
        """,
        "33",
        "34",
    ),
    "an attribute of a function below a decorator of another library": (
        """
        from contextlib import contextmanager
        @contextmanager
        def helper(): yield helper.rate
        helper.rate = 33
        def step():
            with helper() as rate: return rate
        """,
        "33",
        "34",
    ),
    "a decimal as the argument of a decorator of another library": (
        """
        from decimal import Decimal
        from outside import plain_decorator
        @plain_decorator(Decimal('33'))
        def helper(): return 1
        def step(): return helper()
        """,
        "33",
        "34",
    ),
    "the body of a decorator that returns a proxy": (
        """
        import wrapt
        @wrapt.decorator
        def around(wrapped, instance, args, kwargs): return wrapped(*args) + 33
        @around
        def helper(): return 1
        def step(): return helper()
        """,
        "33",
        "34",
    ),
    "a property of a module": (
        """
        from prog import typed
        def step(): return typed.LIMIT
        """,
        "return 33",
        "return 34",
    ),
    "a module that is called": (
        """
        from prog import typed
        def step(): return typed(1)
        """,
        "x + 35",
        "x + 36",
    ),
    "an object in the place of a module": (
        """
        def step():
            from prog.instead import rate
            return rate
        """,
        "rate = 33",
        "rate = 34",
    ),
    "one of two modules of one name": (
        """
        import importlib.util, pathlib
        def load(file):
            spec = importlib.util.spec_from_file_location('prog.plugin', pathlib.Path(__file__).parent / file)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
        PLUGINS = [load('tools.py'), load('other.py')]
        def step(): return [each.helper(1) for each in PLUGINS]
        """,
        "x + 37",
        "x + 38",
    ),
    "a function that a program makes built-in": (
        """
        import builtins
        def put(x): return x + 33
        builtins._artigraph_test = put
        def step(): return _artigraph_test(1)
        """,
        "33",
        "34",
    ),
    "a private attribute of an instance of pydantic": (
        """
        from pydantic import BaseModel
        class A(BaseModel):
            _x: int = 1
        a = A()
        a._x = 33
        def step(): return a._x
        """,
        "33",
        "34",
    ),
    "a pattern of a field": (
        """
        from pydantic import BaseModel, Field
        class A(BaseModel):
            x: str = Field(pattern='a+')
        def step(): return A(x='a')
        """,
        "a+",
        "a*",
    ),
    "the configuration of a dataclass of pydantic": (
        """
        from pydantic import ConfigDict
        from pydantic.dataclasses import dataclass
        @dataclass(config=ConfigDict(str_to_lower=True))
        class A:
            x: str
        def step(): return A('A')
        """,
        "lower=True",
        "lower=False",
    ),
    "which methods attrs makes": (
        """
        import attrs
        @attrs.define(repr=True)
        class A:
            x: int
        def step(): return repr(A(1))
        """,
        "repr=True",
        "repr=False",
    ),
    "defaults that a named tuple gets later": (
        """
        from collections import namedtuple
        P = namedtuple('P', 'x')
        P.__new__.__defaults__ = (33,)
        def step(): return P()
        """,
        "33",
        "34",
    ),
    "which methods are abstract": (
        """
        from abc import ABC, abstractmethod
        class A(ABC):
            @abstractmethod
            def go(self): ...
        A.__abstractmethods__ = frozenset()
        def step(): return A()
        """,
        "frozenset()",
        "frozenset({'go'})",
    ),
    "a base that only runs when the class is made": (
        """
        class One:
            def go(self): return 33
        class Chosen:
            def __mro_entries__(self, bases): return (globals()['One'],)
        class A(Chosen()): pass
        def step(): return A().go()
        """,
        "33",
        "34",
    ),
    "a method of a class from which another library derives": (
        """
        class Base:
            def go(self): return 33
        A = type('A', (Base,), {'__module__': 'outside'})
        def step(): return A().go()
        """,
        "33",
        "34",
    ),
    "the most items of a deque of instances": (
        """
        from collections import deque
        class A: pass
        D = deque([A()], 33)
        def step(): return D.maxlen
        """,
        "33",
        "34",
    ),
    "an attribute of an ordered dictionary": (
        """
        from collections import OrderedDict
        D = OrderedDict(a=1)
        D.rate = 33
        def step(): return D.rate
        """,
        "33",
        "34",
    ),
    "whether a variable of a closure has a value": (
        """
        def make():
            if True: rate = None
            def helper(): return rate
            return helper
        HELPER = make()
        def step(): return HELPER()
        """,
        "if True",
        "if False",
    ),
    "a global in a query": (
        """
        LIMIT = 33
        def step(frame): return frame.query('a > @LIMIT')
        """,
        "33",
        "34",
    ),
    "names of variables in an expression": (
        """
        def step(numexpr):
            lo = 1; hi = 2
            return numexpr.evaluate('lo * 2')
        """,
        "lo = 1; hi = 2",
        "hi = 1; lo = 2",
    ),
    "the docstring of the module, beside that of the function": (
        """
        'The first.'
        def step():
            'Explain.'
            return __doc__
        """,
        "The first",
        "The second",
    ),
    "the name of a function that was set": (
        """
        def helper(): ...
        helper.__name__ = 'first'
        def step(): return helper.__name__
        """,
        "first",
        "second",
    ),
    "the version of a cached function that it calls": (
        """
        from artigraph import Cache, tracked
        @tracked(cache=Cache(version=1))
        def helper(x): return x
        def step(): return helper(1)
        """,
        "version=1",
        "version=2",
    ),
}
_NEWER_CASES: dict[str, tuple[str, str, str]] = {
    "an alias": (
        """
        from typing import Literal
        type X = Literal['a'] | list[X]
        def step(): return X.__value__
        """,
        "'a'",
        "'b'",
    ),
    "a global in an alias in a class": (
        """
        LIMIT = 5
        def step():
            class A:
                type X = LIMIT
            return A.X.__value__
        """,
        "LIMIT = 5",
        "LIMIT = 6",
    ),
    "a method of a base with a type parameter": (
        """
        class Box[T]:
            def go(self): return 1
        class B(Box[int]): pass
        def step(): return B().go()
        """,
        "return 1",
        "return 2",
    ),
}
if sys.version_info >= (3, 12):
    CASES |= _NEWER_CASES
_ASKED_FOR = {
    "the docstring of a function": ("", "tools.documented.__doc__", "first", "second"),
    "the docstring of a class": ("", "tools.Documented.__doc__", "a class", "the class"),
    "the docstring that a function finds": (
        "from inspect import getdoc",
        "getdoc(tools.documented)",
        "first",
        "second",
    ),
    "the annotations of a function": ("", "tools.typed.__annotations__", "x: int", "x: float"),
    "the types of a function": ("import typing", "typing.get_type_hints(tools.typed)", "x: int", "x: float"),
    "the class in a signature": ("from inspect import signature", "signature(tools.made)", "size = 1", "size = 2"),
    "types by another name": ("from typing import get_type_hints as types", "types(tools.typed)", "x: int", "x: float"),
}
"""For each, what is imported, how the function asks for it, and a change."""
for _name, (_import, _asks, _before, _after) in _ASKED_FOR.items():
    _main = f"{_import}\nfrom prog import tools\ndef step(): return {_asks}\n"
    CASES[_name] = (_main, _before, _after)


def test_a_function_with_the_name_of_a_module_hides_nothing_of_it(program: Callable[[Files], CodeIdentity]) -> None:
    files = {
        "__init__.py": "from prog import tools as module\nLIMIT = 1\ndef tools(): return LIMIT\n",
        "main.py": "from prog import module, tools\ndef step(): return tools(), module.LIMIT\n",
        "tools.py": _TOOLS,
    }
    first = program(files)
    assert first.parts != program({**files, "tools.py": _TOOLS.replace("LIMIT = 5", "LIMIT = 6")}).parts
    assert first.parts != program({**files, "__init__.py": files["__init__.py"].replace("= 1", "= 2")}).parts


@pytest.mark.parametrize("what", CASES)
def test_a_change_is_noticed(what: str, program: Callable[[Files], CodeIdentity]) -> None:
    source, before, after = CASES[what]
    files = {"main.py": source, "tools.py": _TOOLS, "lazy.py": _LAZY, "middle.py": "from prog import tools"}
    files |= {"typed.py": _TYPED, "instead.py": _INSTEAD, "other.py": "def helper(x): return x + 37"}
    assert any(before in text for text in files.values())
    changed = {name: text.replace(before, after) for name, text in files.items()}
    first = program(files)
    assert first == program(files)
    assert first.parts != program(changed).parts


SAME = {
    "a set of functions": (
        """
        def around(function):
            def call(): return function()
            return call
        @around
        def one(): return 1
        @around
        def two(): return 2
        @around
        def three(): return 3
        ALL = {one, two, three, lambda: 4, lambda: 5, lambda: 6}
        def step(): return ALL
        """
    ),
    "a decorator that keeps the globals of its module": (
        """
        from pydantic import validate_call
        @validate_call
        def helper(x: int): return x
        def step(): return helper(1)
        """
    ),
}


@pytest.mark.parametrize("what", SAME)
def test_it_is_the_same_in_each_import_from_each_folder(what: str, program: Callable[[Files], CodeIdentity]) -> None:
    found = [program({"main.py": SAME[what]}) for _ in range(8)]
    assert all(each == found[0] for each in found)


def test_a_docstring_is_no_query(program: Callable[[Files], CodeIdentity]) -> None:
    main = "LIMIT = 5\ndef step(frame):\n    'Up to LIMIT.'\n    return frame.query('a > 3')\n"
    assert program({"main.py": main}).parts == program({"main.py": main.replace("Up to LIMIT", "All")}).parts
