"""What to do for a value that cannot be stored: advice by the type's library and name, found without importing it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["ADVICE", "advice_for"]

_MODEL_PAGE = 'docs/how-to/keep-a-fitted-model.md ("Keep a fitted model") shows how'
_ESTIMATOR = (
    f"Loading a pickled estimator would run its code. Store its parameters and arrays, or a file: {_MODEL_PAGE}."
)
_SAVED = f"Save it into a folder and store that as a Folder(path), or store its weights as arrays: {_MODEL_PAGE}."
_ONCE = "It can be read only once. Store its items: list(value)."
_ITEMS = "Store its items: list(value)."
_CODE = "Code is not stored. Store the name of the function and its arguments, and look the function up after loading."
_LIVE = "It is a resource of this process. Store what is needed to open it again, without passwords"
_CONNECTION = f"{_LIVE}: the name of the database, say."
_LOCK = "It belongs to this process and holds no data. Leave it out of the model."
_FILE = "Store the content: File(path), or the bytes that read() returns."
_NUMPY = "Store it as an array of NumPy"
_LAZY_FRAME = "It is a query that was not run. Store its result"
_FIGURE = "Store its picture: Media.from_figure(figure, 'png'), or the data that it shows."

ADVICE: Mapping[str, str] = MappingProxyType(
    {
        # Python itself
        "builtins.function": _CODE,
        "builtins.method": _CODE,
        "builtins.builtin_function_or_method": _CODE,
        "builtins.code": _CODE,
        "functools.partial": _CODE,
        "builtins.type": "Code is not stored. Store the name of the class, and look it up after loading.",
        "builtins.module": "A module is code, and code is not stored. Store its __name__ and version.",
        "builtins.generator": _ONCE,
        "builtins.async_generator": "It can be read only once. Store its items: [item async for item in value].",
        "builtins.coroutine": "Await it, and store the result.",
        "_asyncio.Future": "Await it, and store the result.",
        "asyncio.Future": "Await it, and store the result.",
        "concurrent.Future": "Store what its result() returns.",
        "concurrent.Executor": _LOCK,
        "builtins.dict_keys": _ITEMS,
        "builtins.dict_values": _ITEMS,
        "builtins.dict_items": "Store the dict itself, or list(value).",
        "builtins.mappingproxy": "Store a dict of it: dict(value).",
        "builtins.bytearray": "Store an immutable copy: bytes(value).",
        "builtins.memoryview": "Store an immutable copy: bytes(value).",
        "builtins.slice": "Store a tuple of its start, stop and step.",
        "builtins.ellipsis": "Store None or a text for it.",
        "builtins.BaseException": "Store its type and text: type(value).__name__ and str(value).",
        "array.array": "Store an array of NumPy, numpy.asarray(value), or list(value).",
        "re.Pattern": "Store its pattern and flags, and compile it after loading.",
        "types.SimpleNamespace": "Store a dict of it: vars(value).",
        "argparse.Namespace": "Store a dict of it: vars(value).",
        "collections.ChainMap": "Store a dict of it: dict(value).",
        "collections.UserDict": "Store what it holds: value.data.",
        "collections.UserList": "Store what it holds: value.data.",
        "ipaddress._IPAddressBase": "Store its text: str(value).",
        "_io._IOBase": _FILE,
        "tempfile._TemporaryFileWrapper": _FILE,
        "_socket.socket": f"{_LIVE}: host and port.",
        "ssl.SSLContext": _LOCK,
        "subprocess.Popen": "It is a process. Store its arguments and what it printed.",
        "logging.Logger": _LOCK,
        "_thread.lock": _LOCK,
        "_thread.RLock": _LOCK,
        "_thread._local": _LOCK,
        "threading.Condition": _LOCK,
        "threading.Event": _LOCK,
        "threading.Semaphore": _LOCK,
        "threading.Thread": _LOCK,
        "asyncio.Lock": _LOCK,
        "asyncio.Event": _LOCK,
        "multiprocessing.SemLock": _LOCK,
        "multiprocessing.BaseProcess": _LOCK,
        # Databases and services
        "sqlite3.Connection": _CONNECTION,
        "sqlite3.Cursor": "Store its rows: value.fetchall().",
        "sqlalchemy.Engine": _CONNECTION,
        "sqlalchemy.AsyncEngine": _CONNECTION,
        "sqlalchemy.Connection": _CONNECTION,
        "sqlalchemy.AsyncConnection": _CONNECTION,
        "sqlalchemy.Session": _CONNECTION,
        "sqlalchemy.AsyncSession": _CONNECTION,
        "sqlalchemy.Result": "Store its rows: [tuple(row) for row in value].",
        "sqlalchemy.Row": "Store a tuple or dict of it: tuple(row), row._asdict().",
        "psycopg.BaseConnection": _CONNECTION,
        "psycopg2.connection": _CONNECTION,
        "asyncpg.Connection": _CONNECTION,
        "duckdb.DuckDBPyConnection": _CONNECTION,
        "_duckdb.DuckDBPyConnection": _CONNECTION,
        "duckdb.DuckDBPyRelation": f"{_LAZY_FRAME}: value.arrow() or value.df().",
        "_duckdb.DuckDBPyRelation": f"{_LAZY_FRAME}: value.arrow() or value.df().",
        "botocore.BaseClient": _CONNECTION,
        "requests.Session": _LOCK,
        "requests.Response": "Store its content and status: value.content, value.status_code.",
        "httpx.Response": "Store its content and status: value.content, value.status_code.",
        # Tables
        "pandas.BaseGroupBy": "It is a step of a query. Store the result of an aggregation, value.sum() say.",
        "pandas.BaseWindow": "It is a step of a query. Store the result of an aggregation, value.mean() say.",
        "polars.LazyFrame": f"{_LAZY_FRAME}: value.collect().",
        "polars.GroupBy": "It is a step of a query. Store the result of value.agg(...).",
        "polars.LazyGroupBy": "It is a step of a query. Store the result of value.agg(...).collect().",
        "polars.Expr": "It is a part of a query, not data. Store the result of the query.",
        "pyspark.DataFrame": f"{_LAZY_FRAME}: value.toPandas() or value.toArrow(), or write it and store a Reference.",
        "pyspark.Series": f"{_LAZY_FRAME}: value.to_pandas().",
        "pyspark.RDD": f"{_LAZY_FRAME}: value.collect().",
        "pyspark.SparkSession": _CONNECTION,
        "dask.FrameBase": f"{_LAZY_FRAME}: value.compute(), or write it and store a Reference.",
        "dask._Frame": f"{_LAZY_FRAME}: value.compute(), or write it and store a Reference.",
        "dask_expr.FrameBase": f"{_LAZY_FRAME}: value.compute(), or write it and store a Reference.",
        "dask.Array": f"{_LAZY_FRAME}: value.compute().",
        "dask.Bag": f"{_LAZY_FRAME}: value.compute().",
        "dask.Delayed": f"{_LAZY_FRAME}: value.compute().",
        "ibis.Expr": f"{_LAZY_FRAME}: value.to_pyarrow().",
        "geopandas.GeoDataFrame": "Install artigraph[geopandas], which stores it.",
        "geopandas.GeoSeries": "Install artigraph[geopandas], which stores it.",
        "geopandas.GeometryArray": "Store it as a series: geopandas.GeoSeries(value).",
        "shapely.BaseGeometry": "Store a series, geopandas.GeoSeries([value]), or its WKB: shapely.to_wkb(value).",
        "shapely.STRtree": "Store the geometries of it, value.geometries, and make the tree again after loading.",
        "pyproj.CRS": "Store its JSON, value.to_json(), and make it again with pyproj.CRS.from_json.",
        "modin.BasePandasDataset": "Store a frame of pandas: value.modin.to_pandas().",
        "cudf.Frame": "Store a frame of pandas or a table of Arrow: value.to_pandas(), value.to_arrow().",
        "datasets.Dataset": "Store what its save_to_disk(path) writes as a Folder(path), or value.to_pandas().",
        "datasets.DatasetDict": "Store what its save_to_disk(path) writes as a Folder(path).",
        # Arrays
        "numpy.MaskedArray": "Store two arrays: value.data and value.mask.",
        "numpy.matrix": f"{_NUMPY}: numpy.asarray(value).",
        "numpy.memmap": f"{_NUMPY}: numpy.array(value), or the file as a File(path).",
        "numpy.Generator": "Store its state, a dict: value.bit_generator.state.",
        "numpy.RandomState": "Store its state, a dict: value.get_state(legacy=False).",
        "cupy.ndarray": f"{_NUMPY}: value.get().",
        "torch.Tensor": f"{_NUMPY}: value.numpy(force=True), or name a serializer for tensors in the field.",
        "tensorflow.Tensor": f"{_NUMPY}: value.numpy().",
        "tensorflow.Variable": f"{_NUMPY}: value.numpy().",
        "jaxlib.ArrayImpl": f"{_NUMPY}: numpy.asarray(value), or install a serializer: artigraph[jax].",
        "jax.Tracer": "It has no elements before the function runs. Return it from the function, and store the result.",
        "jax.Ref": "It can change. Store its content: value[...].",
        "scipy._spbase": "Store its data, indices, indptr and shape as arrays.",
        "xarray.Dataset": "Install artigraph[xarray], which stores it.",
        "xarray.DataArray": "Install artigraph[xarray], which stores it.",
        "xarray.DataTree": "Store its datasets by path: {node.path: node.to_dataset() for node in value.subtree}.",
        "xarray.Variable": "Store it as a DataArray: xarray.DataArray(value).",
        "xarray.Coordinates": "Store it as a Dataset: value.to_dataset().",
        "xarray.Index": "Store the dataset that it belongs to, or value.to_pandas_index().",
        "xarray.GroupBy": "It is a step of a query. Store the result of an aggregation, value.mean() say.",
        "xarray.Rolling": "It is a step of a query. Store the result of an aggregation, value.mean() say.",
        "xarray.Coarsen": "It is a step of a query. Store the result of an aggregation, value.mean() say.",
        "zarr.Array": f"{_NUMPY}: value[:], or the folder of the store as a Folder(path).",
        "zarr.Group": "Store the folder of the store as a Folder(path).",
        "h5py.Dataset": f"{_NUMPY}: value[()].",
        "h5py.File": _FILE,
        # Models
        "sklearn.BaseEstimator": _ESTIMATOR,
        "sklearn.Bunch": "Store a dict of it: dict(value).",
        "xgboost.Booster": "Store the bytes of it: bytes(value.save_raw('ubj')).",
        "xgboost.XGBModel": "Store its booster, value.get_booster(), and its parameters, value.get_params().",
        "xgboost.DMatrix": "Store the frame or array that it was made from.",
        "lightgbm.Booster": "Store the text of it: value.model_to_string(num_iteration=-1).",
        "lightgbm.LGBMModel": "Store its booster, value.booster_, and its parameters, value.get_params().",
        "lightgbm.Dataset": "Store the frame or array that it was made from.",
        "lightgbm.CVBooster": "Store its boosters, value.boosters, and value.best_iteration.",
        "catboost._CatBoostBase": "Save it with value.save_model(path), and store a File(path).",
        "statsmodels.Results": "Store its parameters and statistics: value.params, value.summary().as_text().",
        "torch.Module": "Its code is not stored; its data is. Save module.state_dict(), a dict of tensors.",
        "torch.Optimizer": "Save its state_dict().",
        "transformers.PreTrainedModel": f"Call value.save_pretrained(path), and store a Folder(path). {_MODEL_PAGE}.",
        "transformers.PreTrainedTokenizerBase": "Call value.save_pretrained(path), and store a Folder(path).",
        "spacy.Language": "Call value.to_disk(path), and store a Folder(path).",
        "keras.Model": f"Call value.save('model.keras'), and store a File of it. {_MODEL_PAGE}.",
        "tensorflow.Model": _SAVED,
        "tensorflow.Module": _SAVED,
        "onnx.ModelProto": "Store its bytes: value.SerializeToString().",
        # Pictures
        "matplotlib.Figure": _FIGURE,
        "matplotlib.Artist": "Store the picture of its figure: Media.from_figure(value.figure, 'png').",
        "seaborn.Grid": "Store the picture of its figure: Media.from_figure(value.figure, 'png').",
        "plotly.BaseFigureWidget": "Store the figure without the widget: plotly.graph_objects.Figure(value).",
        "plotly.BaseFigure": "Store its JSON, value.to_json(), or install a serializer: artigraph[plotly].",
        "plotly.BasePlotlyType": "Store a figure that has it, plotly.graph_objects.Figure(data=[value]) say.",
        "altair.TopLevelMixin": "Store its JSON, value.to_dict(), or install a serializer: artigraph[altair].",
        "altair.JupyterChart": "Store the chart without the widget: value.chart.",
        "altair.SchemaBase": "Store the chart that has it, or its JSON: value.to_dict().",
        "bokeh.Model": "Store its JSON or HTML, bokeh.embed.json_item(value) say.",
        "PIL.Image": "Store its bytes: value.save(buffer, 'PNG'), Media(buffer.getvalue(), 'image/png').",
        # Other libraries
        "networkx.Graph": "Store its JSON: networkx.node_link_data(value).",
        "pydantic.BaseModel": "Store a dict of it, value.model_dump(), or make it a plain dataclass.",
        "omegaconf.Container": "Store a dict of it: OmegaConf.to_container(value).",
    }
)
"""What to do for instances of a class and of classes derived from it. A key is a library and the name of a class in it,
wherever in the library it is defined, since libraries move their classes."""


def advice_for(cls: type[Any]) -> str | None:
    """Return what to do for a value of a type that cannot be stored; None if there is no advice for the type.

    The nearest class in the MRO decides. Nothing is imported.
    """
    for base in cls.__mro__:
        found = ADVICE.get(f"{base.__module__.partition('.')[0]}.{base.__qualname__}")
        if found is not None:
            return found
    return _ONCE if issubclass(cls, Iterator) else None
