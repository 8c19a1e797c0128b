"""A real browser, and a page in it that is watched: what it logs, asks for and may not do."""

import os
import shutil
from dataclasses import dataclass, field

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",  # it is asked of whoever is root, as in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""
LONELIEST = """
(div) => {
  const chart = echarts.getInstanceByDom(div);
  const groups = chart.getOption().series.filter((series) => series.id !== "chosen");
  const all = groups.flatMap((series, at) => series.data.map(([x, y, place]) =>
    [...chart.convertToPixel({ seriesIndex: at }, [x, y]), place]));
  const apart = (one) => Math.min(...all.filter((other) => other !== one)
    .map((other) => Math.hypot(one[0] - other[0], one[1] - other[1])));
  return all.map((one) => [apart(one), one]).sort((one, other) => other[0] - one[0])[0][1];
}
"""


@pytest.fixture(scope="session")
def browser():
    """Chromium as this machine has it.

    Its absence is a failure: whoever runs these tests wants to know what the page looks like.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.fail("playwright is not installed: run these tests with `make test-browser`")
    names = filter(None, (os.environ.get("SERBENCH_BROWSER"), *BROWSERS))
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.fail(
            "there is no chromium on this machine: apt-get install chromium, "
            "or set SERBENCH_BROWSER to its path"
        )
    with sync_playwright() as made:
        opened = made.chromium.launch(executable_path=path, args=FLAGS)
        yield opened
        opened.close()


@dataclass
class Seen:
    """A page, and all that it said and asked for."""

    page: object
    address: str
    said: list = field(default_factory=list)
    asked: list = field(default_factory=list)

    def at_peace(self):
        """Nothing was logged, asked for or refused."""
        refused = self.page.evaluate("window.violations")
        return not self.said and not refused and set(self.asked) <= {self.address}

    def series(self, place):
        """The series of a chart as they are drawn."""
        chart = self.page.locator(place).first
        chart.scroll_into_view_if_needed()
        self.page.wait_for_function(
            "(place) => echarts.getInstanceByDom(document.querySelector(place))", arg=place
        )
        return chart.evaluate("(div) => echarts.getInstanceByDom(div).getOption().series")

    def loneliest(self, place):
        """The point of a chart that is farthest from the others: x, y in the window, and which."""
        self.series(place)
        chart = self.page.locator(place).first
        chart.evaluate("(div) => div.scrollIntoView({ block: 'center' })")
        box = chart.bounding_box()
        x, y, which = chart.evaluate(LONELIEST)
        return box["x"] + x, box["y"] + y, which

    def rows(self):
        """The list of utterances, as text."""
        texts = self.page.locator(".list tbody tr").evaluate_all(
            "(rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
        )
        return [[text.removeprefix("▶ ") for text in row] for row in texts]


@pytest.fixture
def see(browser, tmp_path):
    """Open a page's text as a file, in a window of some size, in the light or in the dark."""
    contexts = []

    def see(text, *, width=1280, height=900, scheme="light"):
        path = tmp_path / "report" / "index.html"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, offline=True
        )
        contexts.append(context)
        context.add_init_script(WATCH)
        context.set_default_timeout(10_000)
        page = context.new_page()
        seen = Seen(page, path.as_uri())
        page.on("console", lambda message: seen.said.append(message.text))
        page.on("pageerror", lambda error: seen.said.append(str(error)))
        page.on("dialog", lambda dialog: (seen.said.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: seen.asked.append(request.url))
        page.goto(seen.address)
        page.wait_for_selector("html[data-ready]")
        return seen

    yield see
    for context in contexts:
        context.close()
