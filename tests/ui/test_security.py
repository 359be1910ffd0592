"""Who may ask, for what, and what each answer tells the browser."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest
from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.routing import Mount

from artigraph.errors import ConfigurationError, MissingTablesError
from artigraph.ui import create_app
from artigraph.ui._security import POLICY, Security
from tests.support.small_store import SmallStore
from tests.ui.conftest import Client, Page, client_of, document, error, pages, statements

TOKEN = "a-token-of-this-test-0123456789"
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def secured(answer: httpx.Response) -> bool:
    return HEADERS.items() <= dict(answer.headers).items() and "cache-control" in answer.headers


def test_the_policy_lets_nothing_run_but_the_own_script() -> None:
    rules = {name: value for name, _, value in (rule.partition(" ") for rule in POLICY.split("; "))}
    assert rules.pop("img-src") == "'self' data:"
    assert {name for name, value in rules.items() if value == "'none'"} == {
        "default-src",
        "base-uri",
        "frame-ancestors",
    }
    assert {name for name, value in rules.items() if value == "'self'"} == {
        "script-src",
        "style-src",
        "connect-src",
        "form-action",
    }


async def test_each_answer_has_the_headers_and_no_page_has_code_in_it(client: Client, store: SmallStore) -> None:
    for address in [*pages(store), "/", "/none", "/static/app.js", "/runs?w=x"]:
        answer = await client.get(address)
        assert secured(answer), address
        page = Page(answer.text if "html" in answer.headers.get("content-type", "") else "")
        assert not [each for each in page.attributes if each[1].startswith("on") or each[1] == "style"], address
        assert page.tags.count("script") <= 1
        assert "style" not in page.tags
        assert not [link for link in page.links if re.match(r"[a-z]+:|//", link.address)], address


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW"])
async def test_only_get_and_head_are_answered(client: Client, method: str) -> None:
    with statements() as seen:
        for address in ("/runs", "/static/app.js", "/none"):
            answer = await client.request(method, address)
            assert (answer.status_code, answer.headers["allow"], secured(answer)) == (405, "GET, HEAD", True)
    assert seen == []


async def test_head_has_the_headers_alone(client: Client) -> None:
    answer = await client.head("/runs")
    assert (answer.status_code, answer.content, secured(answer)) == (200, b"", True)


async def test_web_sockets_are_refused(url: str, store: SmallStore) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await create_app(url)({"type": "websocket", "path": "/runs", "headers": []}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "[::2]", "evil.example:80"),
        *("localhost:x@evil.example", "[::1].evil.example", "[::1", "localhost:80:80"),
    ],
)
async def test_other_hosts_are_refused(client: Client, host: str) -> None:
    with statements() as seen:
        for address in ("/runs", "/static/app.js"):
            answer = await client.get(address, headers={"host": host})
            assert (answer.status_code, secured(answer)) == (400, True)
    assert seen == []


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8710", "127.0.0.1:1", "[::1]", "[::1]:8710"])
async def test_the_names_of_this_machine_are_allowed(client: Client, host: str) -> None:
    assert (await client.get("/models", headers={"host": host})).status_code == 200


async def test_hosts_can_be_allowed(url: str, store: SmallStore) -> None:
    async with client_of(create_app(url, allowed_hosts=["Results.example.com"])) as made:
        assert (await made.get("/models", headers={"host": "results.EXAMPLE.com:443"})).status_code == 200
        told = await error(made, "/models", 400)
        assert (told["type"], "allowed_hosts=['localhost']" in told["hint"]) == ("HostNotAllowed", True)
    async with client_of(create_app(url, allowed_hosts=["*"])) as made:
        assert (await made.get("/models", headers={"host": "any.example"})).status_code == 200
    wrong: tuple[Any, ...] = ("results.example.com", [])
    for hosts in wrong:
        with pytest.raises(ConfigurationError, match="allowed_hosts is a list"):
            create_app(url, allowed_hosts=hosts)


@pytest.fixture
def with_token(url: str, store: SmallStore) -> Client:
    return client_of(create_app(url, token=TOKEN))


@pytest.mark.parametrize("wrong", ["", "?token=", f"?token={TOKEN}x", f"?token={TOKEN[:-1]}", "?token=%C3%A4%00"])
async def test_nothing_is_shown_without_the_token(with_token: Client, wrong: str) -> None:
    with statements() as seen:
        for address in ("/runs", "/", "/none", "/storage"):
            answer = await with_token.get(address + wrong)
            assert (answer.status_code, answer.headers.get("set-cookie"), secured(answer)) == (401, None, True)
            assert TOKEN not in answer.text
    assert seen == []
    assert (await with_token.get("/static/style.css")).status_code == 200  # so that the page of the error is readable
    assert (await error(with_token, "/runs", 401))["type"] == "TokenMissing"


async def test_the_token_becomes_a_cookie_and_leaves_the_address(with_token: Client) -> None:
    answer = await with_token.get(f"/runs?name=train&token={TOKEN}&cols=a.b")
    assert (answer.status_code, answer.headers["location"]) == (303, "./runs?name=train&cols=a.b")
    cookie = answer.headers["set-cookie"]
    assert {"httponly", "samesite=strict", "path=/"} <= {part.strip().lower() for part in cookie.split(";")}
    assert secured(answer)
    shown = await with_token.get(urljoin("http://localhost/runs", "./runs?name=train"))
    assert shown.status_code == 200
    assert TOKEN not in shown.text
    first = await with_token.get(f"/?token={TOKEN}")
    assert (first.status_code, first.headers["location"]) == (303, "./")


async def test_a_cookie_belongs_to_one_server(url: str, store: SmallStore) -> None:
    """Browsers send the cookies of all ports of a host."""
    cookies: list[str] = []
    for token in (TOKEN, TOKEN[::-1]):
        async with client_of(create_app(url, token=token)) as made:
            cookies.append((await made.get(f"/?token={token}")).headers["set-cookie"].split(";")[0])
    names = [each.partition("=")[0] for each in cookies]
    assert len(set(names)) == 2
    async with client_of(create_app(url, token=TOKEN), cookie="; ".join(cookies)) as made:
        assert (await made.get("/models")).status_code == 200
    async with client_of(create_app(url, token=TOKEN), cookie=cookies[1]) as made:
        assert (await made.get("/models")).status_code == 401


async def test_a_cookie_does_not_tell_the_token_and_is_that_of_all_processes(url: str, store: SmallStore) -> None:
    given: list[str] = []
    for _ in range(2):
        async with client_of(create_app(url, token=TOKEN)) as made:
            given.append((await made.get(f"/?token={TOKEN}")).headers["set-cookie"].split(";")[0])
    assert given[0] == given[1]
    name, _, value = given[0].partition("=")
    assert TOKEN not in given[0]
    async with client_of(create_app(url, token=TOKEN)) as made:
        assert (await made.get("/models", headers={"cookie": given[0]})).status_code == 200
        assert (await made.get("/models", headers={"cookie": f"{name}={TOKEN}"})).status_code == 401
        assert (await made.get("/models", headers={"authorization": f"Bearer {value}"})).status_code == 401
        assert (await made.get(f"/models?token={value}")).status_code == 401


async def test_programs_pass_the_token_as_a_header(url: str, store: SmallStore) -> None:
    async with client_of(create_app(url, token=TOKEN), authorization=f"Bearer {TOKEN}") as made:
        assert len(await document(made, "/runs")) == 3
    for header in (f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer", TOKEN):
        async with client_of(create_app(url, token=TOKEN), authorization=header) as made:
            assert (await made.get("/runs")).status_code == 401


async def test_a_cookie_is_for_the_mounted_path_and_for_tls(url: str, store: SmallStore) -> None:
    outer = Starlette(routes=[Mount("/a/b", create_app(url, token=TOKEN))])
    async with client_of(outer, "https://localhost") as made:
        cookie = (await made.get(f"/a/b/runs?token={TOKEN}")).headers["set-cookie"]
        assert {"path=/a/b/", "secure"} <= {part.strip().lower() for part in cookie.split(";")}


@pytest.mark.parametrize("token", ["", "short", "ä" * 20])
def test_a_weak_token_is_refused(url: str, token: str) -> None:
    with pytest.raises(ConfigurationError, match="at least 16 ASCII characters"):
        create_app(url, token=token)


async def test_authorize_names_the_user_or_refuses(url: str, store: SmallStore) -> None:
    async def user_of(request: Request) -> str | None:
        return request.headers.get("x-user")

    async with client_of(create_app(url, authorize=user_of)) as made:
        with statements() as seen:
            assert (await error(made, "/runs", 403))["type"] == "NotAuthorized"
            assert (await made.get("/none")).status_code == 403
        assert seen == []
        shown = await made.get("/runs", headers={"x-user": "<b>Ada"})
        assert (shown.status_code, "&lt;b&gt;Ada" in shown.text) == (200, True)


async def test_an_error_of_authorize_shows_no_page(
    url: str, store: SmallStore, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(request: Request) -> str | None:
        msg = "the directory of users does not answer: secret"
        raise RuntimeError(msg)

    async with client_of(create_app(url, authorize=broken)) as made:
        answer = await made.get("/runs")
        assert (answer.status_code, secured(answer), "secret" in answer.text) == (500, True, False)
    assert "the directory of users does not answer" in caplog.text


@pytest.mark.parametrize("user", ["", "  ", False, True, 1, None])
async def test_what_is_no_name_of_a_user_is_refused(user: Any, url: str, store: SmallStore) -> None:
    async def user_of(_: Request) -> Any:
        return user

    async with client_of(create_app(url, authorize=user_of)) as made:
        assert (await made.get("/runs")).status_code == 403


async def test_a_code_is_valid_once_and_for_a_short_time(
    url: str, store: SmallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Security(create_app(url), authorize=None, allowed_hosts=["localhost"], token=TOKEN)
    first, second = made.make_code(), made.make_code()
    for code, status in ((first, 303), (first, 401), ("x" * len(first), 401)):
        async with client_of(made) as visitor:
            assert (await visitor.get(f"/runs?token={code}")).status_code == status
    now = time.monotonic()
    monkeypatch.setattr("artigraph.ui._security.time.monotonic", lambda: now + 61)
    async with client_of(made) as visitor:
        assert (await visitor.get(f"/runs?token={second}")).status_code == 401


async def test_a_long_query_is_refused_and_many_parameters_are_read_once(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await error(client, f"/runs?x={'a' * 2**14}", 414))["type"] == "QueryTooLong"
    counted: list[Any] = []
    given = QueryParams.getlist

    def getlist(self: QueryParams, key: Any) -> list[Any]:
        counted.append(key)
        return given(self, key)

    monkeypatch.setattr(QueryParams, "getlist", getlist)
    names = "&".join(f"n{number}=" for number in range(2000))
    assert (await client.get(f"/runs?{names}")).status_code == 200
    assert len(counted) < 20  # each reads all parameters
    columns = ",".join(f"tags.{number}" for number in range(101))
    for page in ("/runs", "/artifacts"):
        assert "at most 100" in (await error(client, f"{page}?cols={columns}", 400))["message"]


async def test_pages_cannot_write(
    url: str, store: SmallStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever code runs below a page has a connection that refuses to write."""
    from artigraph.ui._pages import plain
    from tests.support.small_store import Data

    async def write(*_: object) -> None:
        await Data("written by a page", 1).save("data")

    monkeypatch.setattr(plain, "models_page", write)
    async with client_of(create_app(url)) as made:
        told = await error(made, "/models", 503)
        assert told["type"] == "DatabaseError"
        assert "read-only" in caplog.text or "readonly" in caplog.text
        assert len(await document(made, "/artifacts?model=Data")) == 1


async def test_a_configuration_is_found_as_the_command_line_does(
    url: str, store: SmallStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.delenv("ARTIGRAPH_URL", raising=False)
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    with pytest.raises(MissingTablesError, match="There is no store here"):
        create_app()
    assert list(empty.iterdir()) == []
    (empty / "other.toml").write_text(f'[database]\nurl = "{url}"\n')
    with pytest.raises(ConfigurationError, match="config excludes source"):
        create_app(url, config="other.toml")
    async with client_of(create_app(config="other.toml")) as made:
        assert len(await document(made, "/runs")) == 3
    monkeypatch.setenv("ARTIGRAPH_URL", url)
    async with client_of(create_app()) as made:
        assert len(await document(made, "/runs")) == 3
