"""The page in a real browser: nothing breaks, nothing overflows, tables sort, the keyboard reaches everything."""

import pytest

from pipelines.pages import night_page
from tests.pipelines.browsing import axe_faults, chromium

NIGHT = "2024-02-20"


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(night, tmp_path_factory):
    return night_page(night, NIGHT).save(tmp_path_factory.mktemp("page") / "night.html").as_uri()


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_breaks_and_nothing_overflows(browser, address, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(address)
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("[...document.images].every((image) => image.naturalWidth > 0)")
    assert axe_faults(page) == []
    context.close()


def test_tables_sort_by_the_keyboard_and_are_plain_without_javascript(browser, address):
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)
    page.locator("#frames ~ details summary").click()
    table = page.locator("table").last
    button = table.locator("thead button").nth(3)
    times = []
    for _ in range(2):
        button.focus()
        page.keyboard.press("Enter")
        times.append(table.locator("tbody tr td:nth-child(4)").all_inner_texts())
    assert times[0] == sorted(times[0])
    assert times[1] == sorted(times[0], reverse=True)
    context.close()
    plain = browser.new_context(java_script_enabled=False)
    page = plain.new_page()
    page.goto(address)
    assert page.locator("thead button").count() == 0
    assert page.locator("h2").count() == 10
    plain.close()
