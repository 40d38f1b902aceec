"""The web view in a real browser: nothing breaks or overflows, a click follows its pixel, the keyboard reaches all."""

import socket
import threading
import time

import numpy as np
import pytest
from PIL import Image

from pipelines.web import application
from pipelines.web.serving import server
from tests.pipelines.browsing import axe_faults, chromium

NIGHT = "2024-02-20"
DARK = f"/frame/raw/{NIGHT}/dark0.fits"
PAGES = {
    "nights": "/nights",
    "night": f"/night/{NIGHT}",
    "frame": DARK,
    "colour": f"/frame/raw/{NIGHT}/colour.fits",
    "hole": f"/frame/raw/{NIGHT}/hole.fits",
    "groups": f"/groups?kind=dark&night={NIGHT}",
    "masters": "/masters",
    "search": "/search?kind=dark&word=EXPTIME&is=above&value=5",
    "pixel": "/pixel?camera=Cam+A1&x=21&y=11",
    "gone": f"/frame/raw/{NIGHT}/gone.fits",
}


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def site(archive):
    listening = socket.create_server(("127.0.0.1", 0))
    run = server(application(archive), "127.0.0.1", 0)
    thread = threading.Thread(target=run.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not run.started:
        time.sleep(0.01)
    yield f"http://localhost:{listening.getsockname()[1]}"
    run.should_exit = True
    thread.join()
    listening.close()


@pytest.fixture(scope="module")
def pages(site, archive):
    return {name: site + path for name, path in PAGES.items()} | {
        "master": f"{site}/master/{archive.masters.find_one({})['_id']}"
    }


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light")])
def test_nothing_breaks_nothing_overflows_and_nobody_is_kept_out(browser, pages, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    for name, address in pages.items():
        page.goto(address)
        assert [text for text in said if "410 (Gone)" not in text] == [], name
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert page.evaluate("[...document.images].every((image) => image.naturalWidth > 0)"), name
        if scheme == "dark" or name in ("night", "frame"):  # of the other theme the contrast
            assert axe_faults(page) == [], name
    context.close()


def spot(page, column, row):
    """Where on the screen a pixel of the array is, counted from 0."""
    picture, form = page.locator("input[type=image]"), page.locator("form.look")
    picture.scroll_into_view_if_needed()
    facts = {name: int(form.get_attribute(f"data-{name}")) for name in ("x0", "y0", "y1", "grown", "block")}
    box, wide = picture.bounding_box(), float(picture.get_attribute("width"))
    scale = box["width"] / wide * facts["grown"] / facts["block"]
    return box["x"] + (column - facts["x0"] + 0.5) * scale, box["y"] + (facts["y1"] - row - 0.5) * scale


@pytest.mark.parametrize(("width", "scripted"), [(1440, True), (390, True), (1440, False)])
def test_a_click_follows_the_pixel_and_looks_from_nearer(browser, pages, width, scripted):
    """With the script on a screen that is too narrow for the picture as well; without it by the browser alone."""
    context = browser.new_context(viewport={"width": width, "height": 1200}, java_script_enabled=scripted)
    page = context.new_page()
    page.goto(pages["frame"])
    page.get_by_label("looks from nearer").check()
    page.mouse.click(*spot(page, 20, 10))
    page.wait_for_url("**x0=0&y0=0**")
    assert page.locator("input[type=image]").get_attribute("width") == "160"
    page.goto(pages["frame"] + "?x0=10&y0=0&x1=50&y1=30")  # so near that a pixel is seven points wide
    place = spot(page, 20, 10)
    if scripted:
        page.mouse.move(*place)
        assert page.locator(".where").inner_text() == "column 20, row 10 of the array, from 0"
    page.mouse.click(*place)
    page.wait_for_url("**/pixel?**")
    assert page.locator("h1").inner_text() == "Pixel x=21, y=11 of Cam A1"
    assert page.locator("circle").count() == 10
    page.go_back()
    page.get_by_role("link", name="Whole").click()
    assert page.locator("input[type=image]").get_attribute("width") == "320"
    context.close()


def test_the_keyboard_reaches_everything(browser, pages):
    context = browser.new_context()
    page = context.new_page()
    page.goto(pages["frame"])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.name || document.activeElement.textContent.trim()"))
    assert {"do", "column", "row", "Find it", "Nearer", f"{NIGHT}"} <= reached
    page.locator(".plate").focus()
    page.keyboard.press("+")
    page.wait_for_url("**x0=80&y0=59**")
    page.locator("input[name=column]").fill("20")
    page.locator("input[name=row]").fill("10")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="The history of column 20, row 10").click()
    page.wait_for_url("**/pixel?camera=Cam+A1&x=21&y=11")
    head = page.locator("main table thead button").first
    head.focus()
    page.keyboard.press("Enter")
    assert page.locator("main table th[aria-sort]").count() == 1
    context.close()


def test_it_can_be_printed(browser, pages, tmp_path):
    context = browser.new_context()
    page = context.new_page()
    page.goto(pages["frame"])
    page.emulate_media(media="print")
    assert not page.locator(".bar").is_visible()
    page.screenshot(path=tmp_path / "print.png", full_page=True)
    assert np.asarray(Image.open(tmp_path / "print.png").convert("L")).std() > 0
    context.close()
