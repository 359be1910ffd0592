"""Model classes that cloudpickle makes again: in the worker of a pipeline engine, and when a result comes back."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import types
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select as rows_of
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph import ArtifactModel, migrations, select
from artigraph.db import engine_context, read
from artigraph.model._classes import last_defined
from artigraph.orm import node_table

MAIN = """
from __future__ import annotations
import asyncio, base64, cloudpickle, gc, subprocess, sys
from dataclasses import dataclass
from pathlib import PurePosixPath as Known
from artigraph import ArtifactModel, ArtifactModelConfig, select
from artigraph.model.definition import traits_of
from artigraph.storage.file import FileSystem

@dataclass
class Inner(ArtifactModel, name="by-value.Inner"):
    where: Known

@dataclass
class Outer(
    ArtifactModel,
    name="by-value.Outer",
    version=7,
    aliases=("by-value.Former",),
    config=ArtifactModelConfig(default_field_storage=FileSystem("data", durable=False)),
):
    number: int
    inner: Inner
    more: str = "more"

def in_worker(sent, code):
    start = "import asyncio, base64, cloudpickle, sys\\nfrom artigraph import ArtifactModel, select\\n"
    start += "sent = cloudpickle.loads(base64.b64decode(sys.stdin.read()))\\n"
    given = base64.b64encode(cloudpickle.dumps(sent)).decode()
    done = subprocess.run([sys.executable, "-c", start + code], input=given, stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0
    return cloudpickle.loads(base64.b64decode(done.stdout))

outer = Outer(1, Inner(Known("a/b")))
USED = sys.argv[1] == "used"
if USED:
    outer_id = asyncio.run(outer.save("outer"))
"""
ANSWER = "sys.stdout.write(base64.b64encode(cloudpickle.dumps({})).decode())\n"


def run(folder: Path, code: str, used: str = "used") -> None:
    """Run a main program. With "used", it saves a model before it sends its class away."""
    (folder / "main.py").write_text(MAIN + code, "utf-8")
    env = {**os.environ, "ARTIGRAPH_URL": f"sqlite:///{folder}/store.db"}
    command = [sys.executable, "main.py", used]
    done = subprocess.run(command, cwd=folder, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    await migrations.upgrade(f"sqlite:///{tmp_path}/store.db")
    return tmp_path


@pytest.mark.parametrize("used", ["used", "unused"])
async def test_a_class_of_the_main_program_keeps_its_line(folder: Path, used: str) -> None:
    """Its names, its version, its config, and what its string annotations mean. Its storages become known."""
    worker = f"""
async def work():
    node_id = await sent.save("in the worker")
    loaded = await ArtifactModel.load(node_id)
    again = await ArtifactModel.load(node_id)
    assert type(loaded) is type(sent) and loaded == sent == again, loaded
    assert [each.number for each in await select(type(sent)).all()][-1] == 1
    return node_id, loaded
{ANSWER.format("asyncio.run(work())")}"""
    run(
        folder,
        f"""
node_id, back = in_worker(outer, {worker!r})
assert type(back) is Outer and back == outer
async def check():
    assert type(await ArtifactModel.load(node_id)) is Outer
    assert await Outer.load(node_id) == outer
    if USED:
        assert type(await ArtifactModel.load(outer_id)) is Outer
asyncio.run(check())
traits = traits_of(Outer)
assert (traits.name, traits.version, traits.aliases) == ("by-value.Outer", 7, ("by-value.Former",))
assert [path.name for path in __import__("pathlib").Path("data").iterdir()]
""",
        used,
    )
    async with engine_context(f"sqlite:///{folder}/store.db"):
        stored = rows_of(node_table.c.model_name, node_table.c.model_version).where(node_table.c.parent_id.is_(None))
        found = await read(lambda connection: connection.execute(stored.distinct()))
        assert [tuple(row) for row in found] == [("by-value.Outer", 7)]


async def test_a_load_in_a_worker_needs_no_use_of_the_class_before(folder: Path) -> None:
    worker = ANSWER.format("[type(asyncio.run(ArtifactModel.load(sent[1]))) is sent[0]]")
    run(folder, f"assert in_worker((Outer, outer_id), {worker!r}) == [True]")


async def test_nothing_keeps_what_came_back_alive(folder: Path) -> None:
    run(
        folder,
        f"""
def classes():
    gc.collect()
    return sum(isinstance(each, type) and each.__name__ in ("Outer", "Inner") for each in gc.get_objects())
before = classes()
for _ in range(3):
    back = in_worker(outer, {ANSWER.format("sent")!r})
    assert asyncio.run(Outer.load(outer_id)) == back
assert classes() == before
""",
    )


@dataclass
class Held(ArtifactModel, name="by-value.Held"):
    x: int


def copy_of(cls: type[Any]) -> type[Any]:
    """Return what cloudpickle makes of a class that it does not know: an equal class of the same place."""
    namespace = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__annotations__": {"x": int}}
    made: type[Any] = dataclass(type(cls.__name__, (ArtifactModel,), namespace, name="by-value.Held"))
    return made


async def test_the_class_at_its_place_wins_over_a_copy(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    node_id = await Held(1).save("x")
    copied = copy_of(Held)
    copied_id = await copied(2).save("y")
    for each in (node_id, copied_id):
        assert type(await ArtifactModel.load(each)) is Held
    assert last_defined("by-value.Held") is Held
    assert type(await copied.load(node_id)) is copied  # it is what the caller names
    assert await select(Held).all() == [Held(1), Held(2)]
    gone = weakref.ref(copy_of(Held))
    gc.collect()
    assert gone() is None
    monkeypatch.delattr(sys.modules[__name__], "Held")
    assert type(await ArtifactModel.load(node_id)) is copied  # the newest, where the place holds none of them


async def test_a_bare_class_never_stands_for_one_that_is_finished(engine: AsyncEngine) -> None:
    """cloudpickle makes one when an instance of a local class comes back, without the function in its name."""

    @dataclass
    class Local(ArtifactModel, name="by-value.Local"):
        x: int
        next: Local | None = None

    bare = types.new_class(
        "Local", (ArtifactModel,), {"name": "by-value.Local"}, lambda space: space.update(__module__=__name__)
    )
    assert last_defined("by-value.Local") is Local
    node_id = await Local(1, Local(2)).save("x")
    assert type(await ArtifactModel.load(node_id)) is Local
    del bare
