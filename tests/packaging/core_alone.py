"""A user with only artigraph-core: models and runs on SQLite. test_installs.py runs it."""

import asyncio
import sys
from dataclasses import dataclass, field

from artigraph import ArtifactMapping, ArtifactModel, Run, RunManager
from artigraph.db import dispose_engines, set_engine


@dataclass
class Point(ArtifactModel, version=1):
    """A model with scalars, a nested model and a mapping."""

    x: int
    label: str
    inner: "Point | None" = None
    named: ArtifactMapping[str, "Point"] = field(default_factory=ArtifactMapping)


async def main() -> None:
    """Save, load and compare, without and with a run."""
    set_engine("sqlite+aiosqlite:///core.db", create_tables=True)
    model = Point(1, "outer", Point(2**70, "inner"), ArtifactMapping(a=Point(3, "é")))
    node_id = await model.save(label="point")
    assert await Point.load(node_id) == model
    async with RunManager(Run(node_parent_id=None)) as manager:
        await manager.save_artifact("point", model)
        assert await manager.load_artifacts() == {"point": model}
    await dispose_engines()


asyncio.run(main())
names = "aioboto3 boto3 botocore numpy obstore pandas polars pyarrow scipy PIL networkx attr msgspec pydantic"
large = "torch xarray geopandas xgboost lightgbm jax plotly altair"
heavy = {*names.split(), *large.split()} & set(sys.modules)
assert not heavy, heavy
print("core alone works")
