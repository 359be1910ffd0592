"""Every refusal says what to do for the type. Types of libraries that the tests lack have stand-ins of their names."""

from __future__ import annotations

import argparse
import array
import asyncio
import collections
import concurrent.futures
import functools
import importlib
import io
import ipaddress
import logging
import multiprocessing
import os
import re
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import types
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from artigraph import ArtifactModel
from artigraph.errors import SerializationError, UnknownSerializerError
from artigraph.serializer import get_serializer_by_type
from artigraph.serializer.codec import encode
from artigraph.serializer.codec.refusals import ADVICE, advice_for

_np: Any = np
_pd: Any = pd
_pl: Any = pl


async def _coroutine() -> None:
    """Do nothing."""


def _frame() -> Any:
    return _pd.DataFrame({"a": [1]})


def _of(module: str, name: str) -> Callable[[], type[Any]]:
    return lambda: getattr(importlib.import_module(module), name)


REAL: dict[str, type[Any] | Callable[[], type[Any]]] = {
    "builtins.function": types.FunctionType,
    "builtins.method": types.MethodType,
    "builtins.builtin_function_or_method": types.BuiltinFunctionType,
    "builtins.code": types.CodeType,
    "functools.partial": functools.partial,
    "builtins.type": type,
    "builtins.module": types.ModuleType,
    "builtins.generator": types.GeneratorType,
    "builtins.async_generator": types.AsyncGeneratorType,
    "builtins.coroutine": types.CoroutineType,
    "asyncio.Future": importlib.import_module("asyncio.futures")._PyFuture,
    "_asyncio.Future": asyncio.Task,
    "concurrent.Future": concurrent.futures.Future,
    "concurrent.Executor": concurrent.futures.ThreadPoolExecutor,
    "builtins.dict_keys": type(os.environ.copy().keys()),
    "builtins.dict_values": type(os.environ.copy().values()),
    "builtins.dict_items": type(os.environ.copy().items()),
    "builtins.mappingproxy": types.MappingProxyType,
    "builtins.bytearray": bytearray,
    "builtins.memoryview": memoryview,
    "builtins.slice": slice,
    "builtins.ellipsis": types.EllipsisType,
    "builtins.BaseException": KeyError,
    "array.array": array.array,
    "re.Pattern": re.Pattern,
    "types.SimpleNamespace": types.SimpleNamespace,
    "argparse.Namespace": argparse.Namespace,
    "collections.ChainMap": collections.ChainMap,
    "collections.UserDict": collections.UserDict,
    "collections.UserList": collections.UserList,
    "ipaddress._IPAddressBase": ipaddress.IPv4Address,
    "_io._IOBase": io.TextIOWrapper,
    "tempfile._TemporaryFileWrapper": lambda: type(tempfile.NamedTemporaryFile()),  # noqa: SIM115
    "_socket.socket": socket.socket,
    "ssl.SSLContext": ssl.SSLContext,
    "subprocess.Popen": subprocess.Popen,
    "logging.Logger": logging.Logger,
    "_thread.lock": lambda: type(threading.Lock()),
    "_thread.RLock": lambda: type(threading.RLock()),
    "_thread._local": threading.local,
    "threading.Condition": threading.Condition,
    "threading.Event": threading.Event,
    "threading.Semaphore": threading.BoundedSemaphore,
    "threading.Thread": threading.Thread,
    "asyncio.Lock": asyncio.Lock,
    "asyncio.Event": asyncio.Event,
    "multiprocessing.SemLock": importlib.import_module("multiprocessing.synchronize").Lock,
    "multiprocessing.BaseProcess": multiprocessing.Process,
    "sqlite3.Connection": sqlite3.Connection,
    "sqlite3.Cursor": sqlite3.Cursor,
    "sqlalchemy.Engine": sa.Engine,
    "sqlalchemy.AsyncEngine": AsyncEngine,
    "sqlalchemy.Connection": sa.Connection,
    "sqlalchemy.AsyncConnection": AsyncConnection,
    "sqlalchemy.Session": Session,
    "sqlalchemy.AsyncSession": AsyncSession,
    "sqlalchemy.Result": sa.CursorResult,
    "sqlalchemy.Row": sa.Row,
    "pandas.BaseGroupBy": _of("pandas.api.typing", "DataFrameGroupBy"),
    "pandas.BaseWindow": _of("pandas.api.typing", "Rolling"),
    "polars.LazyFrame": pl.LazyFrame,
    "polars.GroupBy": _of("polars.dataframe.group_by", "GroupBy"),
    "polars.LazyGroupBy": _of("polars.lazyframe.group_by", "LazyGroupBy"),
    "polars.Expr": pl.Expr,
    "numpy.MaskedArray": _np.ma.MaskedArray,
    "numpy.matrix": _np.matrix,
    "numpy.memmap": _np.memmap,
    "numpy.Generator": _np.random.Generator,
    "numpy.RandomState": _np.random.RandomState,
    "sklearn.BaseEstimator": _of("sklearn.linear_model", "LogisticRegression"),
    "sklearn.Bunch": _of("sklearn.utils", "Bunch"),
    "scipy._spbase": _of("scipy.sparse", "csr_array"),
    "networkx.Graph": _of("networkx", "DiGraph"),
    "pydantic.BaseModel": _of("pydantic", "RootModel"),
}
"""The types of this environment by the key of their advice."""

WORDS = {
    "polars.LazyFrame": "collect()",
    "sklearn.BaseEstimator": "docs/how-to/keep-a-fitted-model.md",
    "matplotlib.Figure": "Media.from_figure",
    "torch.Module": "module.state_dict()",
    "xgboost.XGBModel": "value.get_booster()",
    "lightgbm.LGBMModel": "value.booster_",
    "builtins.generator": "list(value)",
    "pyspark.DataFrame": "toPandas()",
    "dask.FrameBase": "compute()",
    "transformers.PreTrainedModel": "Folder(path)",
    "_io._IOBase": "File(path)",
}


def _type_for(key: str) -> type[Any]:
    real = REAL.get(key)
    if isinstance(real, type):
        return real
    library, _, name = key.partition(".")
    if real is not None and find_spec(library) is not None:  # the lowest versions are tested with fewer libraries
        return real()
    base = type(name, (), {"__module__": f"{library}.somewhere.inside", "__qualname__": name})
    return type("Derived", (base,), {"__module__": "user.code"})


TAKEN = (
    "altair",
    "geopandas",
    "jax",
    "lightgbm",
    "networkx",
    "numpy",
    "pandas",
    "PIL",
    "plotly",
    "scipy",
    "torch",
    "xarray",
    "xgboost",
)
"""Libraries whose values a serializer takes, also those of derived classes, or asks for what is not installed."""


@pytest.mark.parametrize("key", ADVICE)
def test_each_type_of_the_table_gets_its_advice(key: str) -> None:
    cls = _type_for(key)
    assert advice_for(cls) == ADVICE[key]
    assert WORDS.get(key, "") in ADVICE[key]
    assert ADVICE[key].endswith(".")
    if not issubclass(cls, dict) and key.partition(".")[0] not in TAKEN:
        with pytest.raises(UnknownSerializerError, match=re.escape(ADVICE[key])):
            get_serializer_by_type(cls)


def test_types_of_this_environment_are_the_real_ones() -> None:
    libraries = {"numpy", "pandas", "polars", "sqlalchemy", "sklearn", "scipy", "networkx", "pydantic"}
    expected = {key for key in ADVICE if key.partition(".")[0] in libraries | sys.stdlib_module_names}
    assert expected == REAL.keys()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: (item for item in [1]), "list(value)"),
        (lambda: iter([1]), "list(value)"),
        (lambda: map(str, [1]), "list(value)"),
        (lambda: lambda: 0, "Code is not stored"),
        (lambda: print, "Code is not stored"),
        (lambda: int, "name of the class"),
        (lambda: re, "__name__"),
        (io.BytesIO, "File(path)"),
        (threading.Lock, "Leave it out"),
        (lambda: sqlite3.connect(":memory:"), "without passwords"),
        (lambda: create_async_engine("sqlite+aiosqlite://"), "without passwords"),
        (lambda: _pl.LazyFrame({"a": [1]}), "collect()"),
        (lambda: _frame().groupby("a"), "aggregation"),
        (lambda: ValueError("x"), "str(value)"),
    ],
)
def test_a_refusal_says_what_to_do(make: Callable[[], object], words: str) -> None:
    value = make()
    with pytest.raises(SerializationError) as caught:
        encode([value])
    assert "value[0] is of type" in str(caught.value)
    assert words in str(caught.value)
    if isinstance(value, sqlite3.Connection):
        value.close()


async def test_a_save_says_it_with_the_field() -> None:
    @dataclass
    class Report(ArtifactModel, name="tests.Refusals"):
        frame: Any

    with pytest.raises(SerializationError, match=r"Report\.frame \(of type polars.*collect\(\)") as caught:
        await Report(_pl.LazyFrame({"a": [1]})).save("it")
    assert caught.value.__cause__ is not None


def test_types_without_advice_get_the_general_one() -> None:
    class Mine:
        pass

    assert advice_for(Mine) is None
    with pytest.raises(SerializationError, match="Name a serializer for the field, or convert the value"):
        encode(Mine())
