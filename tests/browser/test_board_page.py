"""The leaderboard's page as a reader meets it: sorted, filtered, on a phone, in the dark."""

import dataclasses

import pytest

from serbench.leaderboard.formats import html, run_page
from serbench.leaderboard.ranking.board import board
from serbench.leaderboard.ranking.entry import Line, Rejected, of_run
from serbench.results.learning_curve import SERIES

pytestmark = pytest.mark.browser

HOSTILE = "\"'</script><script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
def made(invented):
    def entry(name, right, **other):
        run = invented(name, speakers=24, utterances=480, right=right)
        known = {"run": name, "folder": f"toy/{name}", "submitter": "Ada", "status": "recomputed"}
        known |= {"configuration": name, "title": name.partition("_")[2], "order": 1}
        lines = [Line(HOSTILE, series, True, 2, [[1, 0.5], [2, 0.4]]) for series in SERIES]
        known |= {"note": f"{HOSTILE} " * 9, "curves": tuple(lines)}
        return dataclasses.replace(of_run(run), **{**known, **other})

    return board(
        [
            entry("a_good", 0.9),
            entry("b_bad", 0.1, status="reproduced"),
            entry("c_middle", 0.5),
            entry("d_other", 0.5, protocol="loso", protocol_pin="q" * 64),
            entry("e_evil", 0.5, title=HOSTILE, submitter=HOSTILE, objections=(HOSTILE,)),
        ],
        [Rejected(HOSTILE, (HOSTILE,))],
    )


@pytest.fixture(scope="module")
def text(made):
    parts = [html.part(section, "submissions") for section in made.sections]
    return html.whole(parts, made.rejected)


@pytest.fixture(scope="module")
def pages(made):
    toy = next(section for section in made.sections if section.corpus == "toy")
    return {**run_page.pages(toy, "submissions", "submissions"), run_page.SHEET: html.style()}


def write(pages, folder):
    for name, content in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def models(seen, table=0):
    """The names in the measured rows that can be seen of a table of toy."""
    cells = seen.page.locator("table[data-corpus=toy]").nth(table).locator("tbody tr:not([hidden])")
    found = cells.evaluate_all("(rows) => rows.map((row) => row.cells[1].firstChild.textContent)")
    return [one for one in found if not one.startswith("chance") and "script" not in one]


def test_it_is_quiet_and_asks_for_nothing_whatever_names_are_in_it(see, text):
    seen = see(text)
    assert seen.at_peace()
    assert HOSTILE in seen.page.locator("body").inner_text()


def kfold(seen):
    """The position of the table with three sound rows."""
    return next(at for at in range(2) if len(models(seen, at)) == 3)


def test_columns_are_sorted_by_what_they_say(see, text):
    seen = see(text)
    table = kfold(seen)
    assert models(seen, table) == ["good", "middle", "bad"]
    head = seen.page.locator("table[data-corpus=toy]").nth(table).locator("th")
    head.locator("button", has_text="model").click()
    assert models(seen, table) == ["bad", "good", "middle"]
    head.locator("button", has_text="F1").first.click()
    assert models(seen, table) == ["bad", "middle", "good"]
    head.locator("button", has_text="F1").first.click()
    assert models(seen, table) == ["good", "middle", "bad"]
    assert head.nth(2).get_attribute("aria-sort") == "descending"


def test_the_address_shows_the_same_view_again(see, text):
    seen = see(text)
    table = kfold(seen)
    seen.page.locator("form").get_by_label("Search").fill("ada & #1")
    seen.page.locator("form").get_by_label("Search").fill("ada")
    seen.page.locator("form").get_by_label("Corpus").select_option("toy")
    seen.page.locator("form").get_by_label("Protocol").select_option("kfold:n=6")
    head = seen.page.locator("table[data-corpus=toy]").nth(table).locator("th")
    head.locator("button", has_text="F1").first.click()
    assert "#text=ada&corpus=toy&protocol=kfold" in seen.page.url
    seen.page.reload()
    seen.page.wait_for_selector("html[data-ready]")
    assert models(seen, table) == ["bad", "middle", "good"]
    assert seen.page.locator("form").get_by_label("Search").input_value() == "ada"
    assert seen.page.locator("section article:visible").count() == 1
    seen.page.goto(f"{seen.address}#corpus=ravdess")  # only the part after # changes
    assert "toy" not in seen.page.locator("section article:visible").first.inner_text()


@pytest.mark.parametrize(
    "view",
    ["text=<img src=x onerror=alert(1)>", "corpus=nowhere&table=a&sort=b", "legend", "%E0=%"],
)
def test_no_address_does_harm(see, text, view):
    seen = see(text)
    seen.page.goto(f"{seen.address}#{view}")
    seen.page.reload()
    seen.page.wait_for_selector("html[data-ready]")
    assert not seen.said
    assert not seen.page.evaluate("window.violations.length")
    shown = seen.page.locator("section article:visible").count()
    assert (shown == 0) == view.startswith("text=")


def test_a_row_opens_and_leads_to_the_page_of_its_run(see, text, pages, tmp_path):
    seen = see(text)
    write(pages, tmp_path / "report")
    row = seen.page.locator("tbody tr", has_text="good").first
    assert not row.get_by_text("exact name").is_visible()
    row.locator("summary").click()
    assert row.get_by_text("exact name").is_visible()
    row.get_by_role("link", name="seed 0").click()
    seen.page.wait_for_url("**/runs/toy/a_good.html")
    assert seen.page.locator("h1").inner_text().startswith("good")
    assert seen.page.locator("table.counts tbody tr").count() == 4
    assert not seen.said
    seen.page.get_by_role("link", name="Leaderboard").click()
    seen.page.wait_for_url("**/report/index.html")


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_of_a_run_fits_and_is_quiet_whatever_names_are_in_it(
    browser, pages, width, tmp_path
):
    write(pages, tmp_path)
    context = browser.new_context(viewport={"width": width, "height": 800}, offline=True)
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.goto((tmp_path / "runs/toy/e_evil.html").as_uri())
    assert HOSTILE in page.locator("body").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("getComputedStyle(document.body).maxWidth") != "none"  # has its style
    assert page.locator("svg .curve").count() == 3
    assert not said
    context.close()


def test_rows_are_found_by_words_corpus_protocol_and_status(see, text):
    seen = see(text)
    visible = seen.page.locator("section article:visible")
    everything = visible.count()
    seen.page.locator("form").get_by_label("Search").fill("middle ada")
    assert [models(seen, one) for one in range(2)] in ([["middle"], []], [[], ["middle"]])
    assert visible.count() == 1
    seen.page.locator("form").get_by_label("Search").fill("")
    seen.page.locator("form").get_by_label("Protocol").select_option("loso")
    assert visible.count() == 1
    seen.page.locator("form").get_by_label("Protocol").select_option("")
    seen.page.locator("form").get_by_label("Corpus").select_option("ravdess")
    assert "toy" not in visible.first.inner_text()
    seen.page.locator("form").get_by_label("Corpus").select_option("")
    seen.page.locator("form").get_by_label("Checked").select_option("reproduced")
    assert visible.count() == 1
    seen.page.locator("form").get_by_label("Checked").select_option("")
    assert visible.count() == everything


@pytest.mark.parametrize("width", [360, 390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_screen(see, text, scheme, width):
    seen = see(text, width=width, height=800, scheme=scheme)
    pictures = seen.page.locator("figure").first.locator("div:visible")
    assert pictures.count() == 1
    assert pictures.first.get_attribute("class") == ("wide" if width == 1280 else "narrow")
    for summary in seen.page.locator("tbody summary").all():
        summary.click()
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert seen.page.evaluate(wide) <= 0
    ink, paper = seen.page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    light = [sum(map(int, one[4:-1].split(","))) / 3 > 128 for one in (ink, paper)]
    assert light == ([False, True] if scheme == "light" else [True, False])


def test_every_card_of_a_phone_is_laid_out_alike(see, text):
    seen = see(text, width=390, height=800)
    rows = seen.page.locator("table[data-corpus=toy] tbody tr.ranked")
    assert rows.evaluate_all("(rows) => rows.some((row) => row.classList.contains('lead'))")
    shown = rows.evaluate_all(
        "(rows) => rows.map((row) => [...row.cells].map((td) => getComputedStyle(td).display))"
    )
    assert all(displays == shown[0] for displays in shown)
    assert shown[0][1] == "block"
