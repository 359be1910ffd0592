"""The pages of an artifact, a series, compared runs, and a lineage."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple
from unittest.mock import Mock
from urllib.parse import quote, urljoin
from uuid import UUID, uuid4

import numpy as np
import pandas as pd
import pytest

from artigraph import ArtifactMapping, ArtifactModel, Run, RunManager, artifact_field, series
from artigraph.db import engine_context
from artigraph.storage import MemoryStorage
from artigraph.stored import open_stored
from artigraph.ui import create_app
from artigraph.ui._pages import content
from artigraph.ui._pages.content import attachment, image_type
from tests.support.web import HOSTILE, Page, page_of
from tests.ui.conftest import Client, client_of, document, error, statements

memory = MemoryStorage("ui-detail")
PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", 40, 30, 8, 2, 0, 0, 0) + b"\0" * 4_000
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
LARGE = bytes(range(256)) * 4_000


@dataclass
class Layer(ArtifactModel, name="uidetail.Layer"):
    size: int


@dataclass
class Model(ArtifactModel, name="uidetail.Model", version=3):
    accuracy: float
    title: str
    metrics: ArtifactMapping[str, float]
    layer: Layer
    weights: np.ndarray = artifact_field(storage=memory)
    frame: pd.DataFrame = artifact_field(storage=memory)
    picture: bytes = artifact_field(storage=memory, default=PNG)
    drawing: bytes = artifact_field(storage=memory, default=SVG)
    large: bytes = artifact_field(storage=memory, default=LARGE)


class Store(NamedTuple):
    """What is in the store."""

    models: list[UUID]
    runs: list[UUID]
    data: UUID
    hostile: UUID


async def fill(url: str) -> Store:
    models: list[UUID] = []
    runs: list[UUID] = []
    frame = pd.DataFrame({"age": range(30), HOSTILE: ["x"] * 30})
    async with engine_context(url, create_tables=True):
        data = await Layer(1).save("data")
        for number in range(5):
            rate, note = 0.1 * (number + 1), HOSTILE if number == 2 else "plain"
            parameters = {"rate": rate, "optimizer": "adam" if number % 2 else "sgd", "same": 1, HOSTILE: number}
            async with RunManager(Run(name="train", parameters=parameters, tags={"note": note})) as manager:
                await manager.use(data, *models[-1:])
                accuracy = float("nan") if number == 3 else 0.5 + number / 10
                metrics = ArtifactMapping({"f1": number / 4, HOSTILE: 0.5})
                weights = np.arange(200.0).reshape(20, 10)
                made = Model(accuracy, f"title {number}", metrics, Layer(number), weights, frame)
                models.append(await manager.save_artifact("model", made))
            runs.append(manager.run.node_id)
        await series(Model, "model").set_alias("production", models[1])
        hostile = await Layer(1).save(HOSTILE)
        await series(Layer, HOSTILE).set_alias(HOSTILE, hostile)
        async with RunManager(Run(name=HOSTILE)) as manager:
            await manager.use(hostile)
    return Store(models, runs, data, hostile)


@pytest.fixture
def store(url: str) -> Store:
    return asyncio.run(fill(url))


@pytest.fixture
async def client(store: Store, url: str) -> AsyncGenerator[Client]:
    async with client_of(create_app(url)) as made:
        yield made


def texts(page: Page) -> str:
    return " ".join(page.text.split())


async def test_an_artifact_shows_its_fields_and_previews(client: Client, store: Store) -> None:
    address = f"/artifacts/{store.models[1]}"
    page = await page_of(client, address)
    shown = texts(page)
    for text in ("production", "title 1", "2 items", "uidetail.Layer version 1", "float64, 20 x 10", "20 of 30 rows"):
        assert text in shown
    assert SVG.decode() in shown
    ids = page.values("tr", "id") + page.values("section", "id")
    assert "field.metrics.f1" in ids
    assert f"field.metrics.{quote(HOSTILE, safe='')}" in ids
    assert {f"#{quote(each)}" for each in ids} <= set(page.values("a", "href"))
    hrefs = {urljoin(f"http://localhost{address}", href) for href in page.values("a", "href")}
    for linked in (
        *(f"/artifacts/{store.models[number]}" for number in (0, 2)),
        f"/runs/{store.runs[1]}",
        f"/runs/{store.runs[2]}",
        f"/lineage/{store.models[1]}",
        f"{address}/content?path=weights",
        "/series?model=uidetail.Model&label=model",
    ):
        assert f"http://localhost{linked}" in hrefs
    assert [(each["src"], each["width"], each["height"]) for tag, each in page.tags if tag == "img"] == [
        (f"../artifacts/{store.models[1]}/image?path=picture", "40", "30")
    ]
    assert (await document(client, address))["artifact_id"] == str(store.models[1])


async def test_an_image_is_served_only_if_its_bytes_begin_as_one(client: Client, store: Store) -> None:
    address = f"/artifacts/{store.models[0]}/image"
    answer = await client.get(f"{address}?path=picture")
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "image/png", PNG)
    assert answer.headers["x-content-type-options"] == "nosniff"
    for path in ("drawing", "large", "title"):
        assert "no PNG, JPEG, GIF or WebP" in (await error(client, f"{address}?path={path}", 404))["message"]


@pytest.mark.parametrize(
    ("beginning", "expected"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\n\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\0\0\0\0WAVE", None),
        (b"<svg", None),
        (b"<!doctype html>", None),
        (b" GIF89a", None),
        (b"", None),
    ],
)
def test_images_are_known_by_their_beginning(beginning: bytes, expected: str | None) -> None:
    assert image_type(beginning) == expected


async def test_content_is_an_attachment_whatever_it_is(client: Client, store: Store) -> None:
    short = str(store.models[0])[:13]
    for path, expected in (("drawing", SVG), ("large", LARGE), ("picture", PNG)):
        answer = await client.get(f"/artifacts/{store.models[0]}/content?path={path}")
        assert (answer.status_code, answer.content) == (200, expected)
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"] == f'attachment; filename="{short}-{path}"'
        assert answer.headers["x-content-type-options"] == "nosniff"
        head = await client.head(answer.request.url)
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(expected)))
    inner = await client.get(f"/artifacts/{store.models[0]}/content", params=[("path", "metrics"), ("path", HOSTILE)])
    assert inner.content == b"0.5"
    assert inner.headers["content-disposition"].startswith(f'attachment; filename="{short}-metrics-_img src=x')


async def test_content_is_never_whole_in_memory(client: Client, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []

    async def opened(*given: Any) -> Any:
        file = Mock(wraps=await open_stored(*given))
        read.append(file.read)
        return file

    monkeypatch.setattr(content, "open_stored", opened)
    answer = await client.get(f"/artifacts/{store.models[0]}/content?path=large")
    assert answer.content == LARGE
    [asked] = read
    assert [call.args for call in asked.call_args_list] == [(2**18,)] * (
        len(LARGE) // 2**18 + 2
    )  # the last finds the end


class Ranges(MemoryStorage):
    """A storage elsewhere, that notes what it sends."""

    sent: ClassVar[list[int]] = []

    async def read_range(self, location: str, start: int, length: int) -> bytes:
        part = await super().read_range(location, start, length)
        self.sent.append(len(part))
        return part


elsewhere = Ranges("ui-elsewhere")


@dataclass
class Far(ArtifactModel, name="uidetail.Far"):
    weights: np.ndarray = artifact_field(storage=elsewhere)


async def test_a_preview_of_a_large_object_reads_a_part_of_it(client: Client, url: str) -> None:
    weights = np.zeros((3_000, 1_000))
    async with engine_context(url):
        far = await Far(weights).save("far")
    elsewhere.sent.clear()
    page = await page_of(client, f"/artifacts/{far}")
    assert "float64, 3,000 x 1,000" in page.text
    assert 0 < sum(elsewhere.sent) < weights.nbytes
    content = (await client.get(f"/artifacts/{far}/content?path=weights")).content
    assert weights.tobytes() in content


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("01-report.csv", 'attachment; filename="01-report.csv"'),
        ("../../etc/passwd", 'attachment; filename="_.._etc_passwd"'),
        (".hidden", 'attachment; filename="hidden"'),
        ('a"; filename=evil.exe\r\nx: y', 'attachment; filename="a_ filename=evil.exe_x_ y"'),
        ("\u202ecod.exe", 'attachment; filename="_cod.exe"'),
        ("größe.txt", "attachment; filename=\"gr__e.txt\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.txt"),
        ("...", 'attachment; filename="object"'),
        ("x" * 300, f'attachment; filename="{"x" * 100}"'),
    ],
)
def test_names_of_files_are_safe(name: str, expected: str) -> None:
    assert attachment(name) == expected


async def test_what_an_artifact_does_not_have_is_refused(client: Client, store: Store) -> None:
    address = f"/artifacts/{store.models[0]}"
    for wrong in (f"/artifacts/{uuid4()}", f"/artifacts/{store.runs[0]}", "/artifacts/none"):
        await error(client, wrong, 404)
    await error(client, f"{address}/content?path=none", 404)
    for wrong in (f"{address}/content", f"{address}/image", f"{address}/content?path=layer"):
        await error(client, wrong, 400)


async def test_a_hostile_label_is_text(client: Client, store: Store) -> None:
    of_series = f"/series?model=uidetail.Layer&label={quote(HOSTILE, safe='')}"
    for address in (f"/artifacts/{store.hostile}", of_series, f"/lineage/{store.hostile}"):
        page = await page_of(client, address)
        assert "<img src=x onerror=alert(1)>" in page.text
        assert not page.values("img", "src")
        assert "\u202e" not in page.text


async def test_a_comparison_shows_what_differs_first(client: Client, store: Store) -> None:
    runs = "&".join(f"run={run}" for run in store.runs[:3])
    page = await page_of(client, f"/compare?{runs}")
    shown = texts(page)
    assert "rate" in shown
    assert "same" not in shown
    assert "same" in texts(await page_of(client, f"/compare?{runs}&all=1"))
    assert "Parameters" in shown
    assert "Results" in shown
    assert (shown.count("lowest"), shown.count("highest")) == (5, 5)
    assert "+0.1" in shown
    twin = await document(client, f"/compare?{runs}")
    assert all(row["differs"] for row in twin["rows"])
    assert not all(row["differs"] for row in (await document(client, f"/compare?{runs}&all=1"))["rows"])


async def test_a_comparison_draws_two_numbers_and_all_runs(client: Client, store: Store) -> None:
    runs = "&".join(f"run={run}" for run in store.runs)
    page = await page_of(client, f"/compare?{runs}&x=parameter:rate&y=result:model.metrics.f1")
    assert [each.get("value") for tag, each in page.tags if tag == "option" and "selected" in each] == [
        "result:model.metrics.f1",
        "parameter:rate",
    ]
    titles = page.values("svg", "aria-label")
    assert "model.metrics.f1 by rate, a point for each run" in titles
    [lines] = [title for title in titles if title.startswith("A line for each run through")]
    assert "optimizer" in lines
    answer = await client.get(f"/compare?{runs}&x=none")
    assert (answer.status_code, "Such numbers are: parameter:" in answer.text) == (400, True)


async def test_runs_that_cannot_be_compared_are_refused(client: Client, store: Store) -> None:
    first = store.runs[0]
    await error(client, f"/compare?run={first}", 400)
    await error(client, f"/compare?run={first}&run={uuid4()}", 404)
    await error(client, f"/compare?run={first}&run={store.models[0]}", 404)
    await error(client, "/compare", 400)


async def test_equal_runs_say_so(client: Client, url: str) -> None:
    async with engine_context(url):
        runs: list[UUID] = []
        for _ in range(2):
            async with RunManager(Run(name="same")) as manager:
                pass
            runs.append(manager.run.node_id)
    page = await page_of(client, f"/compare?run={runs[0]}&run={runs[1]}")
    assert "Nothing differs" in page.text


async def test_a_series_shows_charts_and_versions(client: Client, store: Store) -> None:
    address = "/series?model=uidetail.Model&label=model"
    page = await page_of(client, address)
    assert "5 versions" in texts(page)
    [title] = [each for each in page.values("svg", "aria-label") if each]
    assert title == "accuracy over the versions: newest 0.9, lowest 0.5, highest 0.9"
    assert page.values("circle", "r").count("3") == 4  # one of five is NaN
    chosen = await page_of(client, f"{address}&y=metrics.f1&y=title&x=time")
    titles = [each for each in chosen.values("svg", "aria-label") if each]
    assert titles == ["metrics.f1 over time: newest 1, lowest 0, highest 1"]
    assert "No version has a number here." in chosen.text
    [numbers] = [href for href in chosen.values("a", "href") if "numbers=1" in href]
    assert "Saved (UTC)" not in chosen.text
    as_table = await page_of(client, f"/{numbers.removeprefix('./').partition('#')[0]}")
    assert "Saved (UTC)" in as_table.text
    assert as_table.values("td", "class").count("right") > chosen.values("td", "class").count("right")
    values = [each.get("value") for tag, each in chosen.tags if tag == "input" and "checked" in each]
    assert values == ["metrics.f1", "title"]
    assert [item["artifact_id"] for item in (await document(client, address))["versions"]] == [
        str(model) for model in reversed(store.models)
    ]


async def test_a_series_that_does_not_exist_is_refused(client: Client) -> None:
    await error(client, "/series?model=uidetail.Model&label=none", 404)
    for wrong in ("", "?model=uidetail.Model", "?model=uidetail.Model&label=model&x=size"):
        await error(client, f"/series{wrong}", 400)
    many = "&".join(f"y=f{number}" for number in range(11))
    answer = await client.get(f"/series?model=uidetail.Model&label=model&{many}")
    assert (answer.status_code, "at most 10 fields" in answer.text) == (400, True)


async def test_differences_of_two_versions_are_listed(client: Client, store: Store) -> None:
    series_page = await page_of(client, "/series?model=uidetail.Model&label=model")
    address = f"/diff?a={store.models[1]}&b={store.models[2]}"
    assert f".{address}" in [href.replace("&amp;", "&") for href in series_page.values("a", "href")]
    page = await page_of(client, address)
    shown = texts(page)
    assert "4 differences" in shown
    assert "title ~ changed 'title 1' 'title 2'" in shown
    assert [item["path"] for item in await document(client, address)] == [
        "accuracy",
        "title",
        "metrics.f1",
        "layer.size",
    ]
    assert "Nothing differs" in (await page_of(client, f"/diff?a={store.models[1]}&b={store.models[1]}")).text


async def test_differences_of_nothing_are_refused(client: Client, store: Store) -> None:
    await error(client, f"/diff?a={store.models[1]}", 400)
    await error(client, f"/diff?a={store.models[1]}&b={uuid4()}", 404)
    await error(client, f"/diff?a={store.models[1]}&b={store.runs[0]}", 400)


async def test_two_runs_differ_on_the_page_that_compares(client: Client, store: Store) -> None:
    address = f"/diff?a={store.runs[0]}&b={store.runs[1]}"
    answer = await client.get(address)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"./compare?run={store.runs[0]}&run={store.runs[1]}",
    )
    assert "parameters.rate" in [item["path"] for item in await document(client, address)]


async def test_a_long_series_is_sampled(client: Client, url: str) -> None:
    async with engine_context(url):
        for number in range(260):
            await Layer(number).save("long")
    with statements() as seen:
        page = await page_of(client, "/series?model=uidetail.Layer&label=long")
    assert "240 of 260 versions are drawn" in texts(page)
    loaded = [urljoin("http://localhost/", each) for each in page.values("link", "href") + page.values("script", "src")]
    sizes = [len((await client.get(address)).content) for address in loaded]
    sizes.append(len((await client.get("/series?model=uidetail.Layer&label=long")).content))
    assert sum(sizes) < 100_000
    assert len(seen) < 40  # for the page, and again for HEAD


async def test_statements_do_not_depend_on_what_is_stored(client: Client, url: str, store: Store) -> None:
    addresses = [
        f"/artifacts/{store.data}",
        "/series?model=uidetail.Layer&label=data",
        f"/compare?run={store.runs[0]}&run={store.runs[1]}",
        f"/lineage/{store.data}?down=2",
    ]
    await client.get("/models")  # the first one also makes a connection
    before = [await statements_of(client, address) for address in addresses]
    async with engine_context(url):
        for number in range(20):
            await Layer(number).save("data")
            async with RunManager(Run(name="user", parameters={"rate": number})) as manager:
                await manager.use(store.data)
                await manager.save_artifact("made", Layer(number))
    assert [await statements_of(client, address) for address in addresses] == before
    assert max(before) <= 20


async def statements_of(client: Client, address: str) -> int:
    with statements() as seen:
        assert (await client.get(address)).status_code == 200
    return len(seen)


async def test_a_lineage_is_drawn_with_links(client: Client, store: Store) -> None:
    address = f"/lineage/{store.models[1]}"
    page = await page_of(client, address)
    [title] = [each for each in page.values("svg", "aria-label") if each]
    assert title == "Lineage of model: 3 boxes"
    hrefs = {urljoin(f"http://localhost{address}", href) for href in page.values("a", "href")}
    for linked in (f"/runs/{store.runs[1]}", f"/runs/{store.runs[2]}", f"{address}?up=2", f"{address}?down=2"):
        assert f"http://localhost{linked}" in hrefs
    wide = await page_of(client, f"{address}?up=4&down=4")
    assert "Lineage of model: 9 boxes" in wide.values("svg", "aria-label")
    twin = await document(client, f"{address}?up=4&down=4")
    assert len(twin["nodes"]) == 9
    for node in twin["nodes"]:
        assert any(node["node_id"] in href for href in wide.values("a", "href"))


async def test_a_lineage_is_collapsed_to_series(client: Client, url: str, store: Store) -> None:
    async with engine_context(url):
        for number in range(40):
            async with RunManager(Run(name="user")) as manager:
                await manager.use(store.data)
                await manager.save_artifact("made", Layer(number))
    address = f"/lineage/{store.data}?down=2"
    first = await page_of(client, address)
    assert "+33" in first.text
    more = [href for href in first.values("a", "href") if "limit=36" in href]
    assert len(more) == 1
    collapsed = await page_of(client, f"{address}&collapse=series&limit=100")
    assert "Lineage of data: 5 boxes" in collapsed.values("svg", "aria-label")
    assert "40 runs" in collapsed.text
    assert any("series?" in href and "label=made" in href for href in collapsed.values("a", "href"))


async def test_a_lineage_that_is_too_large_is_collapsed_by_itself(client: Client, url: str, store: Store) -> None:
    async with engine_context(url):
        for number in range(80):
            async with RunManager(Run(name="user")) as manager:
                await manager.use(store.data)
                await manager.save_artifact("made", Layer(number))
        async with RunManager(Run(name="wide")) as wide:
            await wide.use(store.data)
            for number in range(100):
                await wide.save_artifact(f"made {number}", Layer(number))
    address = f"/lineage/{store.data}?limit=100"
    series_as_one = await page_of(client, f"{address}&down=2")
    assert "So versions of a series are one box" in series_as_one.text
    assert "80 versions" in series_as_one.text
    far = await page_of(client, f"/lineage/{wide.run.node_id}?limit=100&up=1&down=1")
    assert "Lineage of wide: 102 boxes" in far.values("svg", "aria-label")


@pytest.mark.parametrize("wrong", ["up=11", "up=-1", "down=x", "collapse=all", "limit=0", "limit=101"])
async def test_a_lineage_refuses_wrong_parameters(client: Client, store: Store, wrong: str) -> None:
    await error(client, f"/lineage/{store.data}?{wrong}", 400)


async def test_a_lineage_of_nothing_is_refused(client: Client) -> None:
    await error(client, f"/lineage/{uuid4()}", 404)
    await error(client, "/lineage/none", 404)
