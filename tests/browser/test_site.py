"""The documentation site in a browser: nothing from elsewhere, nothing broken, nothing too wide."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = "-m sphinx -c docs -b html -W --keep-going -n --quiet"
SIZES = [(1280, 900, "light"), (390, 844, "dark")]  # a desk, a phone
BROKEN = "[...document.images].filter((one) => !one.naturalWidth).map((one) => one.src)"
TOO_WIDE = "document.documentElement.scrollWidth > innerWidth"
# tables that are wider than their column, and how far each can be moved
HIDDEN = """[...document.querySelectorAll("article table")].filter((table) => {
  const box = table.closest(".table-wrapper") ?? table.parentElement;
  return table.scrollWidth > box.clientWidth && getComputedStyle(box).overflowX !== "auto";
}).length"""

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site as `make site` builds it, somewhere else."""
    folder = tmp_path_factory.mktemp("site")
    places = ["-d", str(folder / "doctrees"), ".", str(folder / "html")]
    subprocess.run([sys.executable, *BUILD.split(), *places], cwd=ROOT, check=True)
    return folder / "html"


@pytest.fixture
def visit(browser, site):
    """Look at a page without a network, and tell what it asked for and said."""
    contexts = []

    def visit(name, width, height, scheme):
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, offline=True
        )
        contexts.append(context)
        page, asked, said = context.new_page(), [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto((site / name).as_uri())
        return page, asked, said

    yield visit
    for context in contexts:
        context.close()


@pytest.mark.parametrize("size", SIZES, ids=["desk, light", "phone, dark"])
def test_every_page_is_whole_and_asks_for_nothing(site, visit, size):
    names = sorted(str(path.relative_to(site)) for path in site.rglob("*.html"))
    assert {"docs/index.html", "docs/api.html", "leaderboard/README.html"} <= set(names)
    names.remove("index.html")  # that one only leads on, and is gone before it can be looked at
    for name in names:
        page, asked, said = visit(name, *size)
        assert not [one for one in asked if not one.startswith(("file:", "data:"))], name
        assert not said, (name, said)
        assert page.evaluate(BROKEN) == [], name
        assert not page.evaluate(TOO_WIDE), name
        assert page.evaluate(HIDDEN) == 0, name


def test_dark_is_dark_and_light_is_light(visit):
    colours = []
    for *size, scheme in ((1280, 900, "light"), (1280, 900, "dark")):
        page, _, _ = visit("docs/index.html", *size, scheme)
        colours.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    light, dark = (sum(map(int, one[4:-1].split(","))) for one in colours)
    assert light > 600 > 200 > dark


def test_the_way_in_leads_to_the_first_page(visit):
    page, _, _ = visit("index.html", *SIZES[0])
    page.wait_for_url("**/docs/index.html")
    assert page.locator("h1").first.inner_text().startswith("serbench")


def test_the_search_finds_a_page(visit):
    page, _, _ = visit("search.html", *SIZES[0])
    page.goto(f"{page.url}?q=leakage")
    page.wait_for_selector("#search-results li a")
    texts = page.locator("#search-results li").all_inner_texts()
    assert any("Leakage stories" in text for text in texts), texts


def test_the_board_that_can_be_sorted_is_there(visit):
    page, _, _ = visit("leaderboard/README.html", *SIZES[0])
    page.get_by_role("link", name="index.html").click()
    page.wait_for_url("**/leaderboard/index.html")
    assert page.locator("table").count() > 1
