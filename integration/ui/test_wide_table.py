"""The list of runs with 40 columns: they are chosen, pinned, sorted and remembered."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, expect

from artigraph import Run, RunManager
from artigraph.db import engine_context
from integration.ui.conftest import Open, Site

pytestmark = pytest.mark.xdist_group("browser")

COLUMNS = 40
RUNS = 30


async def left(of: Locator) -> float:
    box = await of.bounding_box()
    assert box is not None
    return box["x"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_forty_columns_can_be_read(site: Site, opened: Open, scheme: str) -> None:
    async with engine_context(site.url):
        for number in range(RUNS):
            parameters = {f"p{column:02}": number * 40 + column for column in range(COLUMNS)}
            async with RunManager(Run(name="wide", parameters=parameters)):
                pass
    async with opened(scheme=scheme) as it:
        page = it.page
        await page.goto(f"{site.root}runs?name=wide")
        await page.locator("summary").click()
        await page.get_by_role("button", name="All", exact=True).click()
        await page.get_by_label("Pin parameters.p30").check()
        await page.get_by_role("button", name="Show").click()
        await page.wait_for_url("**pin=parameters.p30**")
        heads = page.locator("thead th")
        assert await heads.count() == COLUMNS + 5
        assert await heads.nth(4).inner_text() == "p30"
        assert await it.violations() == []
        assert await it.overflow() <= 0
        # The whole table scrolls in its box: its head, the names and the pinned column stay in view.
        cells = page.locator("tbody tr").last.locator("> *")
        await cells.last.scroll_into_view_if_needed()
        first, pinned, other = [await left(cells.nth(number)) for number in (0, 4, 5)]
        assert 0 <= first < pinned < 300
        assert other < 0
        for head in (heads.nth(0), heads.nth(4)):
            await expect(head).to_be_in_viewport(ratio=1)
        await heads.nth(4).get_by_role("link").click()
        await page.wait_for_url("**sort=-parameters.p30**")
        assert await page.locator("tbody tr").first.locator("td").nth(3).inner_text() == f"{29 * 40 + 30:,}"
        # Another visit shows the same columns.
        await page.goto(f"{site.root}models")
        await page.get_by_role("link", name="Runs", exact=True).click()
        await page.wait_for_url("**cols=**pin=**")
        assert await heads.count() == COLUMNS + 5
        assert await heads.nth(4).inner_text() == "p30"
        # What is no longer shown is no longer pinned.
        await page.locator("summary").click()
        await page.get_by_role("button", name="None", exact=True).click()
        await page.get_by_label("parameters.p03", exact=True).check()
        await page.get_by_role("button", name="Show").click()
        await page.wait_for_url("**cols=parameters.p03")
        assert await heads.count() == 6


async def test_a_pinned_column_is_a_shown_one(site: Site, opened: Open) -> None:
    async with opened() as it:
        page = it.page
        await page.goto(f"{site.root}runs")
        await page.locator("summary").click()
        shown, pin = page.get_by_label("parameters.rate", exact=True), page.get_by_label("Pin parameters.rate")
        await pin.check()
        await expect(shown).to_be_checked()
        await shown.uncheck()
        await expect(pin).not_to_be_checked()
