"""What the pages show, and what they cost."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import artigraph.errors as errors
from artigraph import Run, RunManager
from artigraph.db import create_tables, engine_context
from artigraph.maintenance import fsck
from artigraph.ui import create_app
from artigraph.ui._render import VERSION_HEADER
from tests.support.small_store import Data, SmallStore
from tests.ui.conftest import Client, Page, client_of, connections, document, error, pages, statements

OPTION = ("option", "value")
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202e\x1b[31m{{7*7}}"


def in_store(url: str, work: Callable[[], Any]) -> Any:
    async def run() -> Any:
        async with engine_context(url):
            return await work()

    return asyncio.run(run())


async def links(client: Client, address: str) -> list[str]:
    answer = await client.get(address)
    assert answer.status_code == 200, answer.text
    return [link.address for link in Page(answer.text).links]


async def names(client: Client, query: str) -> list[str]:
    return [item["name"] for item in await document(client, f"/runs?{query}")]


async def test_the_start_leads_to_the_runs(client: Client) -> None:
    answer = await client.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "./runs")


async def test_runs_are_filtered_by_the_address(client: Client, store: SmallStore) -> None:
    assert await names(client, "") == ["evaluate", "train", "train"]
    assert await names(client, "name=train") == ["train", "train"]
    assert await names(client, "name=trai") == []
    assert await names(client, "status=failed") == ["evaluate"]
    assert await names(client, "w=parameters.rate+<+0.05+and+name+==+%22train%22") == ["train"]
    assert await names(client, f"in={store.data}") == ["train"]
    assert await names(client, f"in={store.reports[1]}&status=failed") == ["evaluate"]
    assert await names(client, f"in={store.reports[1]}&status=completed") == []
    assert await names(client, f"under={store.runs[1]}") == [None]
    assert await names(client, f"under={store.runs[1]}&name=x") == []
    rates = [item["columns"] for item in await document(client, "/runs?sort=-parameters.rate&cols=parameters.rate")]
    assert rates == [{"parameters.rate": 0.1}, {"parameters.rate": 0.01}, {"parameters.rate": 0.01}, {}]
    assert await names(client, "sort=-results.report.accuracy") == ["train", "evaluate", "train"]
    assert await names(client, "sort=results.report.accuracy&name=train") == ["train", "train"]
    assert await names(client, "sort=results.data.name") == ["train"]
    assert await names(client, "sort=results.none.x") == []
    [first, *_] = await document(client, "/runs?cols=parameters.rate,tags.team&cols=tags.none")
    assert first["columns"] == {"parameters.rate": 0.01}


async def test_the_filter_offers_the_names_of_the_page_once(url: str, client: Client, store: SmallStore) -> None:
    async def work() -> None:
        for name in ('Train "<b>', None):
            async with RunManager(Run(name=name)):
                pass

    await asyncio.to_thread(in_store, url, work)
    offered = [value for tag, name, value in Page((await client.get("/runs")).text).attributes if (tag, name) == OPTION]
    assert offered == ["", 'Train "<b>', "evaluate", "train"]  # the first one is the status


async def test_runs_are_grouped_by_what_they_used(client: Client, store: SmallStore) -> None:
    first, second, evaluate, below = map(str, store.runs)
    found = await document(client, "/runs?group=input&name=train")
    groups = [([each["artifact_id"] for each in group["inputs"]], ids_of(group["runs"])) for group in found]
    assert groups == [([str(store.data)], [second]), ([], [first])]
    [one] = await document(client, f"/runs?group=input&in={store.data}")
    assert one["inputs"] == [{"artifact_id": str(store.data), "model_name": "Data", "label": "data"}]
    assert ids_of((await document(client, f"/runs?group=input&under={second}"))[0]["runs"]) == [below]
    page = (await client.get("/runs?group=input&cols=results.report.accuracy")).text
    assert f'href="./artifacts/{store.data}"' in page
    assert "Used no artifact" in page
    assert "Ungroup" in page
    assert f'value="{evaluate}"' in page
    assert "sort=-results.report.accuracy" in page


def ids_of(runs: list[dict[str, str]]) -> list[str]:
    return [run["run_id"] for run in runs]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("status=none", "status is one of"),
        ("cols=rate", "A column of runs is"),
        ("before=x", "is no cursor of runs"),
        ("sort=nothing", "Runs have no 'nothing'"),
        ("sort=results.report", "A column of runs is"),
        ("group=output", "Runs are grouped by input"),
        ("w=rate+>", "invalid syntax"),
        ("w=__import__('os')", "This is no condition"),
    ],
)
async def test_a_wrong_address_says_what_is_wrong(client: Client, query: str, says: str) -> None:
    assert says in (await error(client, f"/runs?{query}", 400))["message"]


async def test_a_wrong_condition_can_be_corrected_on_its_page(client: Client) -> None:
    for address in ("/runs?name=train&w=rate+>", "/artifacts?model=Report&w=accuracy+>"):
        answer = await client.get(address)
        assert (answer.status_code, 'aria-invalid="true"' in answer.text) == (400, True)
        assert "This condition cannot be read" in answer.text
    assert 'value="train"' in (await client.get("/runs?name=train&w=rate+>")).text
    assert "needs model" in (await error(client, "/artifacts?w=accuracy>1", 400))["message"]


async def test_runs_inside_of_runs_open_as_a_tree(client: Client, store: SmallStore) -> None:
    second, below = store.runs[1], store.runs[3]
    closed = await links(client, "/runs")
    assert f"./runs/{below}" not in closed
    [opening] = [link for link in closed if f"open={second}" in link]
    opened = await client.get(f"/runs?{opening.partition('?')[2]}")
    assert [link.address for link in Page(opened.text).links if link.address == f"./runs/{below}"]
    assert "depth1" in opened.text
    closing = [link.address for link in Page(opened.text).links if link.address == "./runs"]
    assert closing
    for wrong in ("x", str(store.data), str(below)):
        assert await links(client, f"/runs?open={wrong}")


async def test_the_list_has_pages(url: str, store: SmallStore) -> None:
    async def more() -> None:
        for number in range(60):
            async with RunManager(Run(name=f"more-{number}"), record_use=False):
                pass

    await asyncio.to_thread(in_store, url, more)
    async with client_of(create_app(url)) as client:
        answer = await client.get("/runs?cols=tags.team")
        [older] = [link.address for link in Page(answer.text).links if "before=" in link.address]
        assert "cols=tags.team" in older
        following = (await client.get(f"/runs{older.removeprefix('./runs')}&format=json")).json()
        assert [item["name"] for item in following["data"]][-2:] == ["train", "train"]
        assert len(following["data"]) == 13
        assert following["next"] is None
        assert 'data-refresh="10"' in answer.text
        assert "data-refresh" not in (await client.get(f"/runs{older.removeprefix('./runs')}")).text
        inside = await client.get(f"/runs?name=more-1&open={store.runs[1]}")
        assert inside.status_code == 200


async def test_a_run_shows_what_it_recorded(client: Client, store: SmallStore) -> None:
    first, second, failed, below = store.runs
    text = (await client.get(f"/runs/{second}")).text
    assert [part for part in ("0.01", "vision", "Produced", "Used", "Runs inside") if part not in text] == []
    found = await links(client, f"/runs/{second}")
    wanted = [f"../runs/{first}", f"../compare?run={first}&run={second}", f"../artifacts/{store.data}"]
    assert [link for link in (*wanted, f"../lineage/{second}", f"../runs/{below}") if link not in found] == []
    assert "no more data" in (await client.get(f"/runs/{failed}")).text
    assert f"../runs/{second}" in await links(client, f"/runs/{below}")
    for wrong in ("0", str(store.data), "01a22766-0000-7000-8000-000000000000"):
        assert (await error(client, f"/runs/{wrong}", 404))["type"].endswith("NotFoundError") or wrong == "0"


async def test_a_running_run_refreshes_itself_until_it_ends(url: str, store: SmallStore) -> None:
    manager = RunManager(Run(name="live"), record_use=False)
    async with engine_context(url), client_of(create_app(url)) as client:
        async with manager:
            address = f"/runs/{manager.run.node_id}"
            first = await client.get(address)
            assert 'data-refresh="3"' in first.text
            version = {VERSION_HEADER: first.headers[VERSION_HEADER]}
            again = await client.get(address, headers=version)
            assert (again.status_code, again.content) == (204, b"")
            await manager.save_artifact("data", Data("made meanwhile", 1))
            changed = await client.get(address, headers=version)
            assert (changed.status_code, "made meanwhile" in changed.text) == (200, True)
        ended = await client.get(address, headers={VERSION_HEADER: changed.headers[VERSION_HEADER]})
        assert (ended.status_code, "data-refresh" in ended.text) == (200, False)


async def test_artifacts_are_listed_by_model_and_run(client: Client, store: SmallStore) -> None:
    assert [item["label"] for item in await document(client, "/artifacts")] == ["report", "report", "report", "data"]
    assert len(await document(client, "/artifacts?model=Report")) == 3
    [second] = await document(client, "/artifacts?model=Report&w=accuracy>0.8&cols=accuracy,data.name")
    assert second["columns"] == {"accuracy": 0.875, "data.name": "train"}
    assert second["aliases"] == ["production"]
    made = await document(client, f"/artifacts?made_by={store.runs[0]}")
    assert [item["label"] for item in made] == ["report", "data"]
    assert [item["artifact_id"] for item in await document(client, f"/artifacts?used_by={store.runs[1]}")] == [
        str(store.data)
    ]
    assert await document(client, "/artifacts?model=None") == []
    assert "./series?model=Report&label=report" in await links(client, "/artifacts?model=Report")


async def test_the_search_leads_to_what_it_finds(client: Client, store: SmallStore) -> None:
    assert f"./runs/{store.runs[0]}" in await links(client, "/search?q=tr")
    assert "./artifacts?model=Report" in await links(client, "/search?q=Rep")
    assert "./series?model=Report&label=report" in await links(client, "/search?q=rep")
    assert f"./runs/{store.runs[1]}" in await links(client, "/search?q=team%3Dvis")
    [tag] = [link for link in await links(client, "/search?q=tea") if "team%20%3E" in link]
    assert await names(client, tag.partition("?")[2]) == ["train", "train"]
    assert f"./artifacts/{store.data}" in await links(client, f"/search?q={store.data}")
    assert "Nothing begins with this text" in (await client.get("/search?q=zzz")).text
    assert "What do you look for?" in (await client.get("/search?q=+")).text


@pytest.mark.parametrize(
    ("reference", "kind", "index"),
    [("Report/report@production", "artifacts", 1), ("run:evaluate", "runs", 2), ("Report/report", "artifacts", 2)],
)
async def test_the_search_follows_references(
    client: Client, store: SmallStore, reference: str, kind: str, index: int
) -> None:
    answer = await client.get("/search", params={"q": reference})
    target = store.reports[index] if kind == "artifacts" else store.runs[index]
    assert (answer.status_code, answer.headers["location"]) == (303, f"./{kind}/{target}")
    assert (await document(client, f"/search?q={reference}"))["hits"] == []


async def test_the_last_check_is_shown(client: Client, url: str, store: SmallStore) -> None:
    assert "No check of this store is recorded yet" in (await client.get("/storage")).text
    async with engine_context(url):
        await fsck()
    page = Page((await client.get("/storage")).text)
    assert "It found no problems, and read 0 objects" in " ".join(page.text.split())
    assert (await document(client, "/storage"))["last_fsck"]["problems"] == 0


async def test_models_and_storage_show_totals(client: Client) -> None:
    assert [item["model_name"] for item in await document(client, "/models")] == ["Data", "Report", "Score"]
    text = (await client.get("/storage")).text
    assert "file:ui-" in text
    assert "Rows of the database" in text


async def test_an_empty_store_says_what_to_do(url: str) -> None:
    async with engine_context(url, create_tables=True):
        await create_tables()
    async with client_of(create_app(url)) as client:
        for address, says in (
            ("/runs", "No run is stored yet"),
            ("/runs?name=x", "No run is like this"),
            ("/models", "No artifact is stored yet"),
            ("/artifacts", "No artifact is like this"),
            ("/storage", "Nothing is stored yet"),
        ):
            answer = await client.get(address)
            assert (answer.status_code, says in answer.text) == (200, True), address
        assert await document(client, "/runs") == []


async def test_a_database_that_is_not_there_is_a_clear_page(url: str, store: SmallStore, tmp_path: Path) -> None:
    async with client_of(create_app(f"sqlite:///{tmp_path}/none.db")) as client:
        told = await error(client, "/runs", 503)
        assert (told["type"], "artigraph db upgrade" in told["hint"]) == ("MissingTablesError", True)
    assert not (tmp_path / "none.db").exists()
    async with client_of(create_app("postgresql+asyncpg://nobody@127.0.0.1:1/none")) as client:
        told = await error(client, "/runs", 503)
        assert (told["type"], "Reload" in told["hint"]) == ("DatabaseUnavailableError", True)
        assert "postgresql" in told["message"]
        assert (await client.get("/static/style.css")).status_code == 200


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.DatabaseUnavailableError, 503),
        (errors.DatabaseError, 503),
        (errors.ConfigurationError, 503),
        (errors.SchemaVersionError, 503),
        (errors.StorageUnavailableError, 503),
        (errors.StorageError, 503),
    ],
)
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
async def test_a_page_shows_no_host_and_no_path(
    url: str,
    store: SmallStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kind: type[Exception],
    status: int,
    accept: str,
) -> None:
    from artigraph.ui._pages import plain

    async def broken() -> None:
        msg = "no answer from db.internal:5432 or /srv/secret"
        raise kind(msg)

    monkeypatch.setattr(plain, "models_page", broken)
    async with client_of(create_app(url)) as client:
        answer = await client.get("/models", headers={"accept": accept})
        assert answer.status_code == status
        assert "db.internal" not in answer.text
        assert "/srv" not in answer.text
        assert "The store (sqlite)" in answer.text
    assert "db.internal:5432" in caplog.text


async def test_a_store_of_several_is_named_when_it_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "artigraph.toml").write_text(
        '[store.vision]\nurl = "mysql+asyncmy://user:pa55word@127.0.0.1:1/base"\n'
        '[store.other]\nurl = "postgresql+asyncpg://user:pa55word@127.0.0.1:1/base"\n'
    )
    async with client_of(create_app()) as client:
        for name, dialect in (("vision", "mysql"), ("other", "postgresql")):
            told = await error(client, f"/{name}/runs", 503)
            assert f"The store '{name}' ({dialect})" in told["message"]
            assert "127.0.0.1" not in str(told)


async def test_a_mistake_of_this_program_shows_no_detail(
    url: str, store: SmallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from artigraph.ui._pages import plain

    async def broken() -> None:
        msg = "a secret of the program"
        raise RuntimeError(msg)

    monkeypatch.setattr(plain, "models_page", broken)
    async with client_of(create_app(url), raises=False) as client:
        answer = await client.get("/models")
        assert (answer.status_code, "a secret" in answer.text) == (500, False)
        assert "content-security-policy" in answer.headers


async def test_hostile_text_is_text(url: str, store: SmallStore) -> None:
    async def fill() -> tuple[Any, Any]:
        run = Run(name=HOSTILE, parameters={HOSTILE: HOSTILE, "list": [HOSTILE] * 40}, tags={HOSTILE: HOSTILE})
        async with RunManager(run) as manager:
            made = await manager.save_artifact(HOSTILE, Data(HOSTILE, 1))
            async with RunManager(Run(name=HOSTILE)):
                pass
        return run.node_id, made

    run_id, artifact_id = await asyncio.to_thread(in_store, url, fill)
    async with client_of(create_app(url)) as client:
        quoted = {"name": HOSTILE, "q": HOSTILE, "cols": f"tags.{HOSTILE}"}
        for address in (
            f"/runs?open={run_id}",
            f"/runs/{run_id}",
            "/artifacts?model=Data",
            f"/artifacts/{artifact_id}",
            f"/lineage/{artifact_id}",
            f"/compare?run={run_id}&run={store.runs[0]}",
            "/storage",
            str(client.build_request("GET", "/runs", params=quoted).url),
            str(client.build_request("GET", "/search", params=quoted).url),
            str(client.build_request("GET", "/series", params={"model": "Data", "label": HOSTILE}).url),
            str(client.build_request("GET", "/artifacts", params={"model": HOSTILE}).url),
            str(client.build_request("GET", "/runs", params={"w": HOSTILE}).url),
        ):
            answer = await client.get(address)
            page = Page(answer.text)
            assert answer.status_code in (200, 400)
            assert page.tags.count("script") == 1, address
            assert "img" not in page.tags
            assert not [each for each in page.attributes if each[1].startswith("on")]
            assert not {"\u202e", "\x1b"} & set(page.text), address


async def test_each_page_takes_the_same_statements_however_much_there_is(url: str, store: SmallStore) -> None:
    async def counts(client: Client) -> dict[str, int]:
        found: dict[str, int] = {}
        for address in pages(store):
            await client.get(address)
            with statements() as seen:
                assert (await client.get(address)).status_code == 200
            found[address] = len(seen)
        return found

    async def more() -> None:
        for number in range(30):
            async with RunManager(Run(name="train", parameters={"rate": 0.2}, tags={"team": "vision"})) as manager:
                await Data.load(store.data)
                await manager.save_artifact("data", Data(f"data {number}", number))

    async with client_of(create_app(url)) as client:
        before = await counts(client)
        await asyncio.to_thread(in_store, url, more)
        assert await counts(client) == before
        assert max(before.values()) < 25, before


async def test_pages_that_read_several_times_use_one_connection(client: Client, store: SmallStore) -> None:
    first, second, *_ = store.runs
    for address in (
        f"/runs?cols=parameters.rate&open={second}&group=input",
        f"/compare?run={first}&run={second}",
        "/artifacts?model=Report&w=accuracy>0.6",
        "/search?q=Report/report",
    ):
        await client.get(address)
        with connections() as seen, statements() as several:
            assert (await client.get(address)).status_code in (200, 303)
        assert len(several) > 1
        assert len(seen) == 1, address


async def test_the_names_of_columns_are_offered(client: Client) -> None:
    page = Page((await client.get("/runs")).text)
    offered = [value for tag, name, value in page.attributes if (tag, name) == ("input", "value")]
    assert [name for name in ("parameters.rate", "tags.team", "results.report.accuracy") if name not in offered] == []


async def test_pinned_columns_come_first_and_are_shown_ones(client: Client) -> None:
    names = ["results.report.accuracy", "parameters.rate", "tags.team"]
    for pin, order, kind in (
        (["tags.team"], [2, 0, 1], "pins-1"),
        (["tags.team", "parameters.none", "parameters.rate"], [2, 1, 0], "pins-2"),
        ([], [0, 1, 2], ""),
    ):
        answer = await client.get("/runs", params={"cols": ",".join(names), "pin": pin})
        heads = re.findall(r'class="order"[^>]*>([^<]*)<', answer.text)
        assert heads[1:] == [names[each].partition(".")[2] for each in order]
        assert ("pins-" in answer.text, kind in answer.text) == (bool(kind), True)
    wide = [*names, *(f"parameters.p{number}" for number in range(30))]
    answer = await client.get("/runs", params={"cols": ",".join(wide), "pin": wide})
    assert "pinned runs wide pins-3" in answer.text
