"""The leaderboard's page as a reader meets it: sorted, filtered, on a phone, in the dark."""

import dataclasses

import pytest

from serbench.leaderboard.formats import html
from serbench.leaderboard.ranking.board import board
from serbench.leaderboard.ranking.entry import Rejected, of_run

pytestmark = pytest.mark.browser

HOSTILE = "\"'</script><script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
def text(invented):
    def entry(name, right, **other):
        run = invented(name, speakers=24, utterances=480, right=right)
        known = {"run": name, "folder": f"toy/{name}", "submitter": "Ada", "status": "recomputed"}
        known |= {"configuration": name, "model": name.partition("_")[2], "parameters": 10}
        return dataclasses.replace(of_run(run), **{**known, **other})

    made = board(
        [
            entry("a_good", 0.9),
            entry("b_bad", 0.1, status="reproduced", parameters=9_000_000),
            entry("c_middle", 0.5, parameters=2_000),
            entry("d_other", 0.5, protocol="loso", protocol_pin="q" * 64),
            entry("e_evil", 0.5, model=HOSTILE, submitter=HOSTILE, objections=(HOSTILE,)),
        ],
        [Rejected(HOSTILE, (HOSTILE,))],
    )
    parts = [html.part(section, "submissions") for section in made.sections]
    return html.whole(parts, made.rejected)


def models(seen, table=0):
    """The names in the measured rows that can be seen of a table of toy."""
    cells = seen.page.locator("table[data-corpus=toy]").nth(table).locator("tbody tr:not([hidden])")
    found = cells.evaluate_all("(rows) => rows.map((row) => row.cells[2].firstChild.textContent)")
    return [one for one in found if not one.startswith("chance") and "script" not in one]


def test_it_is_quiet_and_asks_for_nothing_whatever_names_are_in_it(see, text):
    seen = see(text)
    assert seen.at_peace()
    assert HOSTILE in seen.page.locator("body").inner_text()


def test_columns_are_sorted_by_what_they_say(see, text):
    seen = see(text)
    kfold = next(one for one in range(2) if len(models(seen, one)) == 3)
    assert models(seen, kfold) == ["good", "middle", "bad"]
    head = seen.page.locator("table[data-corpus=toy]").nth(kfold).locator("th")
    head.locator("button", has_text="parameters").click()
    assert models(seen, kfold) == ["good", "middle", "bad"]  # 10, 2 k, 9 M
    head.locator("button", has_text="parameters").click()
    assert models(seen, kfold) == ["bad", "middle", "good"]
    assert head.nth(10).get_attribute("aria-sort") == "descending"
    head.locator("button", has_text="model").click()
    assert models(seen, kfold) == ["bad", "good", "middle"]
    head.locator("button", has_text="accuracy").click()
    assert models(seen, kfold) == ["bad", "middle", "good"]


def test_rows_are_found_by_words_corpus_protocol_and_status(see, text):
    seen = see(text)
    visible = seen.page.locator("section article:visible")
    everything = visible.count()
    seen.page.get_by_label("Search").fill("middle ada")
    assert [models(seen, one) for one in range(2)] in ([["middle"], []], [[], ["middle"]])
    assert visible.count() == 1
    seen.page.get_by_label("Search").fill("")
    seen.page.get_by_label("Protocol").select_option("loso")
    assert visible.count() == 1
    seen.page.get_by_label("Protocol").select_option("")
    seen.page.get_by_label("Corpus").select_option("ravdess")
    assert "toy" not in visible.first.inner_text()
    seen.page.get_by_label("Corpus").select_option("")
    seen.page.get_by_label("Checked").select_option("reproduced")
    assert visible.count() == 1
    seen.page.get_by_label("Checked").select_option("")
    assert visible.count() == everything


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_is_wider_than_the_screen(see, text, scheme):
    seen = see(text, width=390, height=800, scheme=scheme)
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert seen.page.evaluate(wide) <= 0
    ink, paper = seen.page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    light = [sum(map(int, one[4:-1].split(","))) / 3 > 128 for one in (ink, paper)]
    assert light == ([False, True] if scheme == "light" else [True, False])
