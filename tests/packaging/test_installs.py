"""The distributions as users install them, from the built wheels, each time in an environment of its own."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.workspace import public_plugins
from tests.support.distributions import PACKAGES, ROOT, Environment

pytestmark = pytest.mark.slow

Make = Callable[..., Environment]

VERSION = tomllib.loads((ROOT / "packages/artigraph/pyproject.toml").read_text("utf-8"))["project"]["version"]
LEAVES = public_plugins()
PROMISED = {
    "attrs": "from artigraph.attrs import ArtifactModel; import artigraph.attrs._kind",
    "aws": "from artigraph.storage.aws import S3Storage",
    "azure": "from artigraph.storage.obstore import ObjectStorage",
    "gcs": "from artigraph.storage.obstore import ObjectStorage; ObjectStorage('gs://bucket')",
    "migrations": "import alembic, artigraph.migrations",
    "msgspec": "from artigraph.msgspec import ArtifactModel; import artigraph.msgspec._kind",
    "mysql": "import asyncmy",
    "obstore": "from artigraph.storage import storage_from_url; storage_from_url('s3://bucket')",
    "numpy": "from artigraph.serializer.numpy import array_serializer",
    "pandas": "from artigraph.serializer.pandas import dataframe_serializer, pandas_serializer",
    "polars": "from artigraph.serializer.polars import dataframe_serializer",
    "postgresql": "import asyncpg",
    "pyarrow": "from artigraph.serializer.pyarrow import feather_serializer, parquet_serializer",
    "pydantic": "from artigraph.pydantic import ArtifactModel; import artigraph.pydantic._kind",
    "scipy": "from artigraph.serializer.scipy import sparse_serializer",
    "pillow": "from artigraph.serializer.pillow import image_serializer",
    "networkx": "from artigraph.serializer.networkx import graph_serializer",
    "ui": "from artigraph.ui import create_app; create_app('sqlite:///results.db')",
}
"""An import for each extra of the umbrella, which fails without the extra."""
LARGE = [
    f"artigraph.serializer.{each}"
    for each in ("altair", "geopandas", "jax", "lightgbm", "plotly", "torch", "xarray", "xgboost")
]
"""Packages whose libraries are not part of `all`; scripts/frameworks.py tests them."""


def test_the_core_alone_installs_little_and_works(environment: Make, dists: Path) -> None:
    env = environment(f"artigraph-core=={VERSION}", dists=dists)
    assert env.distributions() == {"aiosqlite", "artigraph-core", "greenlet", "sqlalchemy", "typing-extensions"}
    assert env.run((ROOT / "tests/packaging/core_alone.py").read_text("utf-8")) == "core alone works\n"


def test_a_plugin_that_is_not_installed_is_not_found(environment: Make, dists: Path) -> None:
    env = environment(f"artigraph-core=={VERSION}", dists=dists)
    for leaf in [leaf for leaves in LEAVES.values() for leaf in leaves]:
        code = f"import artigraph\ntry:\n    import {leaf}\nexcept ModuleNotFoundError as error:\n    print(error.name)"
        assert env.run(code) == f"{leaf}\n"


@pytest.mark.parametrize("extra", PROMISED)
def test_an_extra_installs_what_it_promises(extra: str, environment: Make, dists: Path) -> None:
    env = environment(f"artigraph[{extra}]=={VERSION}", dists=dists)
    env.run(f"import artigraph\nfrom artigraph.storage.file import FileSystem\n{PROMISED[extra]}")


def test_everything_together(environment: Make, dists: Path) -> None:
    """All extras: imports stay light, every entry point loads, and a plugin that goes leaves the others."""
    env = environment(f"artigraph[all]=={VERSION}", dists=dists)
    names = (
        "aioboto3 boto3 botocore numpy obstore pandas polars pyarrow scipy PIL alembic attr msgspec networkx pydantic"
    )
    heavy = set(names.split())
    assert env.run(f"import artigraph, sys; print({heavy!r} & set(sys.modules))") == "set()\n"
    env.run("\n".join(PROMISED.values()))
    groups = ("artigraph.storage", "artigraph.serializer")
    loaded = env.run(
        "from importlib.metadata import entry_points\n"
        f"for group in {groups!r}:\n"
        "    for entry in entry_points(group=group):\n"
        f"        if entry.module in {LARGE!r}:\n"
        "            continue\n"
        "        assert entry.load().name == entry.name, entry\n"
        "        print(entry.dist.name)\n"
        "from importlib import import_module\n"
        "for entry in entry_points(group='artigraph.model_kind'):\n"
        "    assert entry.load().claims(int) is False\n"
        "for entry in entry_points(group='artigraph.serializer_types'):\n"
        f"    if entry.value not in {LARGE!r}:\n"
        "        import_module(entry.value)\n"
    )
    assert "artigraph-serializers" in loaded.splitlines()
    for gone, leaves in LEAVES.items():
        env.uninstall(gone)
        left = [leaf for name, others in LEAVES.items() if name > gone for leaf in others if leaf not in LARGE]
        env.run("\n".join(f"import {leaf}" for leaf in ["artigraph", *left]))
        for leaf in leaves:
            code = f"try:\n    import {leaf}\nexcept ModuleNotFoundError:\n    print('gone')"
            assert env.run(code) == "gone\n"


def test_a_missing_extra_names_the_pip_command(environment: Make, dists: Path) -> None:
    """Every distribution without any extra: what needs a library names the extra that brings it."""
    plain = [f"{name}=={VERSION}" for name in ("artigraph", "artigraph-serializers", "artigraph-models")]
    env = environment(*plain, dists=dists)
    imports = {name: f"import {leaf}" for leaf in LEAVES["artigraph-serializers"] for name in [leaf.split(".")[-1]]}
    imports |= {f"{leaf.split('.')[-1]}": f"import {leaf}" for leaf in LEAVES["artigraph-models"]}
    imports |= {
        "postgresql": "from artigraph.db import set_engine; set_engine('postgresql://user@host/data')",
        "mysql": "from artigraph.db import set_engine; set_engine('mysql://user@host/data')",
        "migrations": "import asyncio, artigraph.migrations as m; asyncio.run(m.upgrade('sqlite:///some.db'))",
        "aws": "from artigraph.storage import storage_from_url; storage_from_url('s3://bucket')",
        "gcs": "from artigraph.storage import storage_from_url; storage_from_url('gs://bucket')",
        "azure": "from artigraph.storage import storage_from_url; storage_from_url('az://bucket')",
        "ui": "import artigraph.cli as c, sys; sys.argv = ['artigraph', 'ui']; c.main()",
    }
    umbrella = tomllib.loads((ROOT / "packages/artigraph/pyproject.toml").read_text("utf-8"))["project"]
    # obstore has the storages of gcs and azure.
    assert imports.keys() | {"obstore"} == umbrella["optional-dependencies"].keys() - {"all"}
    for extra, code in imports.items():
        said = env.run(
            "import contextlib, io, traceback\nout = io.StringIO()\n"
            "with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):\n"
            f"    try:\n        {code}\n"
            "    except BaseException:\n        traceback.print_exc()\n"
            "print(out.getvalue())\n"
        )
        assert f"pip install 'artigraph[{extra}]'" in said, (extra, said)


def test_each_plugin_says_which_serializers_and_storages_it_has() -> None:
    for package in PACKAGES:
        project = tomllib.loads((package / "pyproject.toml").read_text("utf-8"))["project"]
        if package.name == "artigraph-serializers":
            targets = [target.partition(":")[0] for target in project["entry-points"]["artigraph.serializer"].values()]
            assert {re.sub(r"\._.*", "", target) for target in targets} == set(LEAVES[package.name])


def test_upgrading_with_pip_needs_an_uninstall_first(environment: Make, dists: Path) -> None:
    """Check what the README says: an upgrade breaks without the uninstall, and works with it."""
    upgrade = ["install", f"artigraph=={VERSION}", "--find-links", str(dists)]
    works = "from artigraph import ArtifactModel; from artigraph.storage.file import FileSystem; print('works')"

    env = environment("pip", dists=dists)
    env.pip("install", "artigraph==0.0.4")
    env.pip(*upgrade)
    with pytest.raises(AssertionError, match="cannot import name 'ArtifactModel' from 'artigraph'"):
        env.run(works)

    env = environment("pip", dists=dists)
    env.pip("install", "artigraph==0.0.4")
    env.pip("uninstall", "--yes", "artigraph")
    env.pip(*upgrade)
    assert env.run(works) == "works\n"
