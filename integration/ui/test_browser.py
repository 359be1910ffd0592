"""The web view in a browser: what people with a mouse, a keyboard, a screen reader, a phone or no script get."""

from __future__ import annotations

from contextlib import suppress

import pytest
from playwright.async_api import expect

from artigraph import Run, RunManager
from artigraph.db import engine_context
from integration.ui.conftest import HOSTILE, Open, Site

pytestmark = pytest.mark.xdist_group("browser")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_and_nothing_complains(site: Site, opened: Open, scheme: str) -> None:
    async with opened(scheme=scheme) as it:
        for address in site.pages():
            answer = await it.page.goto(site.root + address)
            assert answer is not None
            assert answer.status == 200, address
            assert await it.violations() == [], address
            assert await it.overflow() <= 0, address
            for summary in await it.page.locator("summary").all():
                await summary.click()
            assert await it.violations() == [], address


@pytest.mark.parametrize("width", [360, 768])
async def test_narrow_windows_show_everything(site: Site, opened: Open, width: int) -> None:
    async with opened(width=width) as it:
        for address in site.pages():
            await it.page.goto(site.root + address)
            assert await it.overflow() <= 0, address
            await expect(it.page.get_by_role("heading", level=1)).to_be_visible()
            assert await it.violations() == [], address


async def test_errors_are_pages(site: Site, opened: Open) -> None:
    async with opened() as it:
        for address, status in (("none", 404), ("runs?w=rate+>", 400), ("runs/0", 404)):
            answer = await it.page.goto(site.root + address)
            assert answer is not None
            assert answer.status == status
            assert await it.violations() == []
        # Chromium itself notes the status of each page in the console.
        assert all("the server responded with a status of 40" in each for each in it.complaints)
        it.complaints.clear()


async def test_all_works_without_javascript(site: Site, opened: Open) -> None:
    async with opened(script=False) as it:
        page = it.page
        await page.goto(site.root)
        await expect(page.get_by_role("heading", name="Runs", exact=True)).to_be_visible()
        rows = page.locator("tbody tr")
        before = await rows.count()
        await page.get_by_role("link", name="Show the runs inside of train").click()
        assert await rows.count() == before + 1
        await page.get_by_label("Name", exact=True).fill("train")
        await page.get_by_role("button", name="Show").click()
        assert await rows.count() == 2
        await page.locator("summary").click()
        await page.get_by_label("parameters.rate", exact=True).check()
        await page.get_by_role("button", name="Show").click()
        await expect(page.get_by_role("columnheader", name="rate")).to_be_visible()
        for box in await page.get_by_role("checkbox", name="Compare").all():
            await box.check()
        await page.get_by_role("button", name="Compare").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Compare")
        await page.get_by_role("searchbox").fill("tr")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Search")
        for address in site.pages():
            answer = await page.goto(site.root + address)
            assert answer is not None
            assert answer.status == 200
            assert await page.locator("main").inner_text()


async def test_all_is_reached_by_keyboard(site: Site, opened: Open) -> None:
    async with opened() as it:
        page = it.page
        await page.goto(f"{site.root}runs")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("main")).to_be_focused()
        await page.keyboard.press("/")
        await expect(page.get_by_role("searchbox")).to_be_focused()
        await page.keyboard.type("tr/")
        await expect(page.get_by_role("searchbox")).to_have_value("tr/")
        # From the start, the tab key reaches each control that can be seen, in the order of the page.
        for address in ("runs", f"runs/{site.store.runs[1]}", "artifacts?model=Report", "storage"):
            await page.goto(site.root + address)
            wanted = await page.evaluate(
                """[...document.querySelectorAll(`a[href], input:not([type=hidden]), select, button, summary,
                   [tabindex="0"]`)].filter(e => e.checkVisibility() && !e.disabled).length"""
            )
            seen = 0
            while seen <= wanted:
                await page.keyboard.press("Tab")
                if await page.evaluate("document.activeElement === document.body"):
                    break
                seen += 1
                assert await page.evaluate("document.activeElement.matches(':focus-visible')")
            assert seen == wanted, address


async def test_runs_are_chosen_and_compared_by_keyboard(site: Site, opened: Open) -> None:
    async with opened() as it:
        page = it.page
        await page.goto(f"{site.root}runs?name=train")
        button = page.get_by_role("button", name="Compare")
        await expect(button).to_be_disabled()
        for box in await page.get_by_role("checkbox", name="Compare").all():
            await box.focus()
            await page.keyboard.press("Space")
        await expect(page.get_by_text("2 chosen")).to_be_visible()
        await button.focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/compare?**")


async def test_back_and_forward_keep_what_was_asked_for(site: Site, opened: Open) -> None:
    async with opened() as it:
        page = it.page
        await page.goto(f"{site.root}runs")
        await page.get_by_label("Status").select_option("failed")
        await page.get_by_role("button", name="Show").click()
        await page.get_by_role("link", name="evaluate").click()
        await expect(page.get_by_role("heading", name="evaluate")).to_be_visible()
        await page.go_back()
        assert await page.get_by_label("Status").input_value() == "failed"
        assert await page.locator("tbody tr").count() == 1
        await page.go_forward()
        await expect(page.get_by_role("heading", name="evaluate")).to_be_visible()


async def test_columns_are_remembered(site: Site, opened: Open) -> None:
    async with opened() as it:
        page = it.page
        await page.goto(f"{site.root}runs")
        await page.locator("summary").click()
        await page.get_by_label("tags.team", exact=True).check()
        await page.get_by_role("button", name="Show").click()
        await page.wait_for_url("**cols=tags.team**")
        await page.goto(f"{site.root}models")
        await page.get_by_role("link", name="Runs", exact=True).click()
        await page.wait_for_url("**cols=tags.team**")
        await page.locator("summary").click()
        await page.get_by_label("tags.team", exact=True).uncheck()
        await page.get_by_role("button", name="Show").click()
        await page.goto(f"{site.root}runs")
        await expect(page.get_by_role("columnheader", name="team")).to_have_count(0)
        assert "cols" not in page.url


async def test_a_running_run_and_the_list_refresh_by_themselves(site: Site, opened: Open) -> None:
    manager = RunManager(Run(name="live"), record_use=False)
    async with engine_context(site.url), opened() as it, opened() as other:
        await other.page.goto(f"{site.root}runs")
        with suppress(ValueError):
            async with manager:
                await it.page.goto(f"{site.root}runs/{manager.run.node_id}")
                await expect(it.page.get_by_text("running")).to_be_visible()
                msg = "it ends"
                raise ValueError(msg)
        await expect(it.page.get_by_text("it ends")).to_be_visible(timeout=30_000)
        assert await it.page.locator("[data-refresh]").count() == 0
        await expect(other.page.get_by_role("link", name="live")).to_be_visible(timeout=40_000)


async def test_hostile_text_is_shown_as_text(site: Site, opened: Open) -> None:
    async with opened() as it:
        page = it.page
        await page.goto(f"{site.root}runs/{site.hostile_run}")
        await expect(page.get_by_role("heading", level=1)).to_contain_text(HOSTILE.partition("\u202e")[0])
        assert await page.locator("main img, main script").count() == 0
        await page.get_by_role("link", name="List").click()
        await expect(page.get_by_role("link", name=HOSTILE.partition("\u202e")[0])).to_have_count(1)
        for address in (f"search?q={HOSTILE}", f"runs?name={HOSTILE}", f"artifacts?model={HOSTILE}"):
            await page.goto(site.root + address)
            assert await page.locator("main img, main script").count() == 0


async def test_a_lineage_begins_at_the_box_that_it_is_about(site: Site, opened: Open) -> None:
    async with opened(width=360) as it:
        await it.page.goto(f"{site.root}lineage/{site.store.reports[2]}?up=4&down=2")
        drawing, box = it.page.locator(".drawing"), it.page.locator(".graph .root rect")
        assert await drawing.evaluate("e => e.scrollWidth > e.clientWidth")
        frame, place = await drawing.bounding_box(), await box.bounding_box()
        assert frame is not None
        assert place is not None
        assert frame["x"] <= place["x"]
        assert place["x"] + place["width"] <= frame["x"] + frame["width"]


async def test_charts_lead_to_versions_and_runs(site: Site, opened: Open) -> None:
    async with opened() as it:
        page = it.page
        await page.goto(f"{site.root}series?model=Report&label=report")
        point = page.locator(".chart .point").last
        await expect(point).to_have_attribute("aria-label", "version 3: 0.75")
        await point.click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("report")
        assert str(site.store.reports[2]) in page.url
        await page.goto(f"{site.root}compare?run={site.store.runs[0]}&run={site.store.runs[1]}")
        await page.get_by_label("across").select_option("result:report.scores.0.value")
        await page.get_by_role("button", name="Draw").click()
        await page.wait_for_url("**x=result**")
        await page.locator(".chart .point").first.click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("train")


async def test_images_are_shown_and_content_is_saved(site: Site, opened: Open) -> None:
    async with opened() as it:
        page = it.page
        await page.goto(f"{site.root}artifacts/{site.store.reports[1]}")
        async with page.expect_download() as waiting:
            await page.get_by_role("link", name="Download text").click()
        download = await waiting.value
        assert download.suggested_filename == f"{str(site.store.reports[1])[:13]}-text"
        assert (await download.path()).read_bytes() == b"The text of Second. " * 100
        await page.goto(f"{site.root}artifacts/{site.image_artifact}")
        image = page.locator("main img")
        await image.scroll_into_view_if_needed()
        await page.wait_for_function("document.querySelector('main img').complete")
        assert await image.evaluate("e => [e.naturalWidth, e.naturalHeight]") == [3, 2]
