"""The report's page as a reader meets it: looked at, hovered, clicked, typed into, in a browser."""

import time
import wave

import numpy as np
import pytest

from serbench import tables
from serbench.report import analysis, speakers
from serbench.report.page import audio
from serbench.report.page.html import page

pytestmark = pytest.mark.browser

HOSTILE = "<script>alert(1)</script>"
QUOTES = "a\"b'c</script><img src=x onerror=alert(2)>"
SECTIONS = (
    "scores",
    "emotions",
    "map",
    "confusions",
    "utterances",
    "learning",
    "calibration",
    "speakers",
    "leaks",
    "cost",
    "again",
)
MAP = "#map .chart"


@pytest.fixture(scope="module")
def runs(invented):
    good = invented(utterances=96, folds=2, right=0.8)
    other = invented(name="toy_invented_paper_seed1_2", utterances=96, folds=2, right=0.4, seed=1)
    return [good, other]


@pytest.fixture(scope="module")
def text(runs):
    return page(runs)


@pytest.fixture
def corpus(tmp_path, runs):
    """A second of audio for every utterance."""
    folder = tmp_path / "audio"
    folder.mkdir()
    tone = (9000 * np.sin(np.arange(16000) / 9)).astype("<i2").tobytes()
    for utterance in [utterance for fold in runs[0].folds for utterance in fold.test.ids]:
        with wave.open(str(folder / f"{utterance}.wav"), "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes(tone)
    return folder


def one_by_place(run):
    """What the page calls an utterance's place: all test sets one after the other."""
    given = analysis.predictions(run)
    return given, lambda place: (given.ids[place], given.speakers[place])


def test_a_reader_who_scrolls_through_sees_every_section_and_nothing_goes_wrong(see, text):
    seen = see(text)
    for section in SECTIONS:
        part = seen.page.locator(f"#{section}")
        part.scroll_into_view_if_needed()
        assert part.locator("h2").is_visible()
        assert len(part.inner_text()) > 60, section
    for chart in seen.page.locator(".chart").all():
        chart.scroll_into_view_if_needed()
        chart.locator("canvas").first.wait_for()
    assert seen.at_peace(), (seen.said, seen.asked)


def test_a_script_that_is_not_the_pages_own_does_not_run(see, text):
    seen = see(text.replace("<main>", "<main><script>window.ran = 1</script><b onclick='x()'>"))
    assert seen.page.evaluate("window.ran") is None
    assert any("script-src" in one for one in seen.page.evaluate("window.violations"))


def test_names_are_shown_as_they_are_and_run_nothing(see, invented):
    made = invented(
        name=HOSTILE,
        ids=QUOTES + "{number}",
        speaker=HOSTILE + "{0}",
        labels=(HOSTILE, "b", "{a|c}", "d"),
        config={"model": HOSTILE, "dataset": QUOTES},
        versions={HOSTILE: HOSTILE},
    )
    seen = see(page([made]))
    assert seen.page.locator(".scores button").first.inner_text() == HOSTILE
    assert seen.rows()[0][0].startswith(QUOTES)
    assert seen.rows()[0][5].startswith(HOSTILE)
    for chart in seen.page.locator(".chart").all():
        chart.scroll_into_view_if_needed()
    x, y, _ = seen.loneliest(MAP)
    seen.page.mouse.move(x, y)
    seen.page.locator(".tip", has_text=QUOTES).first.wait_for()
    seen.page.mouse.click(x, y)
    assert seen.page.locator("#card h3").inner_text().startswith(QUOTES)
    for summary in seen.page.locator("details details summary").all():
        summary.click()
    assert seen.page.locator("img").count() == 0
    assert seen.page.locator("main script").count() == 0
    assert seen.at_peace(), (seen.said, seen.asked)


def test_scores_stand_beside_each_other_and_open_every_test_set(see, text, runs):
    seen = see(text)
    row = seen.page.locator(".scores tr.run").first
    assert tables.spread(runs[0].mean_std("f1")) in row.inner_text()
    detail = seen.page.locator(".scores tr.more").first
    assert not detail.is_visible()
    seen.page.get_by_role("button", name="invented, seed 0").click()
    assert detail.is_visible()
    assert tables.percent(float(runs[0].scores("f1")[0])) in detail.inner_text()
    seen.page.get_by_role("button", name="invented, seed 0").press("Enter")
    assert not detail.is_visible()


def test_the_papers_rows_stand_below_with_what_keeps_them_apart(see, invented):
    seen = see(page([invented(config={"dataset": "ravdess", "protocol": "loso"})]))
    rows = seen.page.locator(".scores tr.paper")
    assert rows.count() == 2
    assert "34.83 ± 2.80" in rows.first.inner_text()
    assert seen.page.get_by_text("for its own protocol and labels, not for these runs").is_visible()
    seen.page.get_by_text("Why the paper's rows").click()
    assert seen.page.get_by_text("F1 is 77 in Table II").is_visible()


def test_box_plots_have_the_scores_of_every_test_set(see, text, runs):
    boxes, points = see(text).series("#emotions .chart")
    shares = analysis.label_f1(runs[0])
    drawn = {(label, fold): value for label, value, fold in points["data"]}
    assert len(drawn) == shares.size
    for (label, fold), value in drawn.items():
        assert value == pytest.approx(100 * shares[fold, label], abs=0.01)
    assert boxes["data"][0]["value"][2] == pytest.approx(100 * np.median(shares[:, 0]), abs=0.01)


def test_hovering_a_point_says_whose_it_is_and_what_was_answered(see, text, runs):
    seen = see(text)
    seen.page.select_option("#fold", "1")
    x, y, place = seen.loneliest(MAP)
    seen.page.mouse.move(x, y)
    tip = seen.page.locator(".tip").first
    tip.wait_for()
    given, names = one_by_place(runs[0])
    labels = runs[0].facts.labels
    words = tip.inner_text()
    identity, speaker = names(place)
    assert words.splitlines()[0] == identity
    truth, called = labels[given.truth[place]], labels[given.prediction[place]]
    assert f"speaker {speaker}: {truth}, predicted as {called}" in words
    for label, score in zip(labels, given.probabilities[place], strict=True):
        assert f"{label}\t{100 * score:.1f} %" in words


def test_a_click_on_a_point_chooses_it_and_plays_its_audio(see, runs, corpus, tmp_path):
    clips = audio.links(runs, corpus, tmp_path / "report")
    seen = see(page(runs, clips))
    x, y, place = seen.loneliest(MAP)
    seen.page.mouse.click(x, y)
    _, names = one_by_place(runs[0])
    assert seen.page.locator("#card h3").inner_text() == names(place)[0]
    seen.page.wait_for_function("() => document.querySelector('audio').currentTime > 0.05")
    address = (corpus / f"{names(place)[0]}.wav").as_uri()
    assert seen.page.locator("audio").evaluate("(audio) => audio.src") == address
    assert set(seen.asked) == {seen.address, address}
    assert not seen.said
    assert not seen.page.evaluate("window.violations")
    ring = seen.series(MAP)[-1]
    assert [one[2] for one in ring["data"]] == [place]


def test_embedded_clips_play_without_any_file(see, runs, corpus):
    clips = audio.embedded(runs[:1], corpus, 2)
    seen = see(page(runs[:1], clips))
    for one in corpus.iterdir():
        one.unlink()
    assert seen.page.get_by_role("button", name="Play ").count() == 2
    seen.page.get_by_role("button", name="Play ").first.click()
    seen.page.wait_for_function("() => document.querySelector('audio').currentTime > 0.05")
    assert seen.page.locator("audio").evaluate("(audio) => audio.duration") == pytest.approx(1.0)
    assert seen.at_peace(), (seen.said, seen.asked)


def test_every_test_set_has_its_own_cloud_and_one_can_be_chosen(see, text, runs):
    seen = see(text)
    assert seen.page.locator(MAP).count() == 2
    seen.page.get_by_role("button", name="Test set 2").click()
    assert seen.page.locator(MAP).count() == 1
    assert seen.page.locator("#fold").input_value() == "1"
    groups = seen.series(MAP)
    places = [one[2] for group in groups for one in group["data"]]
    assert sorted(places) == np.flatnonzero(analysis.predictions(runs[0]).fold == 1).tolist()
    assert {row[6] for row in seen.rows()} == {"2"}


def test_colours_follow_the_actual_the_predicted_or_whether_it_is_right(see, text, runs):
    given = analysis.predictions(runs[0])
    seen = see(text)
    seen.page.select_option("#fold", "0")
    here = given.fold == 0

    def sizes():
        _, *groups, _ = seen.series(MAP)  # first what a filter leaves out, last the ring
        return [len(group["data"]) for group in groups]

    assert sizes() == np.bincount(given.truth[here], minlength=4).tolist()
    seen.page.get_by_label("predicted emotion").check()
    assert sizes() == np.bincount(given.prediction[here], minlength=4).tolist()
    assert "predicted neutral" in seen.page.locator("#legend").inner_text()
    seen.page.get_by_label("right or wrong").check()
    right = int((given.truth == given.prediction)[here].sum())
    assert sizes() == [right, int(here.sum()) - right]


def counted(seen):
    """The counts that the matrix shows, without their percentages."""
    cells = seen.page.locator(".matrix td button").evaluate_all(
        "(cells) => cells.map((cell) => Number(cell.firstChild.textContent))"
    )
    return np.array(cells).reshape(4, 4).tolist()


def test_the_confusion_matrix_is_that_of_the_chosen_test_set_and_model(see, text, runs):
    seen = see(text)
    assert counted(seen) == runs[0].confusions.sum(axis=0).tolist()
    seen.page.select_option("#fold", "1")
    assert counted(seen) == runs[0].confusions[1].tolist()
    seen.page.select_option("#run", "1")
    assert counted(seen) == runs[1].confusions.sum(axis=0).tolist()


def test_a_cell_lists_its_utterances_and_fades_the_others(see, text, runs):
    seen = see(text)
    matrix = runs[0].confusions.sum(axis=0)
    np.fill_diagonal(matrix, 0)
    truth, called = np.unravel_index(matrix.argmax(), matrix.shape)
    labels = runs[0].facts.labels
    cell = seen.page.locator(f"[data-key='cell-{truth}-{called}']")
    cell.hover()
    total = runs[0].confusions.sum(axis=0)[truth].sum()
    share = f"{100 * matrix.max() / total:.1f} %"
    words = f"{matrix.max()} of {total} {labels[truth]} predicted as {labels[called]}, {share}"
    assert seen.page.locator("#cell").inner_text() == words
    assert cell.get_attribute("aria-label") == words
    cell.click()
    assert cell.get_attribute("aria-pressed") == "true"
    rows = seen.rows()
    assert len(rows) == matrix.max()
    assert {(row[1], row[2]) for row in rows} == {(labels[truth], labels[called])}
    faint, *_ = seen.series(MAP)
    assert len(faint["data"]) > 0
    seen.page.locator("#clear").click()
    assert cell.get_attribute("aria-pressed") == "false"
    assert len(seen.rows()) == min(25, int(matrix.sum()))


def test_the_list_begins_with_the_most_confident_mistakes(see, text, runs):
    seen = see(text)
    wanted = analysis.mistakes(runs[0])
    rows = seen.rows()
    assert [row[0] for row in rows] == [one.utterance for one in wanted][: len(rows)]
    first = wanted[0]
    shown = [first.utterance, first.truth, first.prediction, f"{100 * first.confidence:.1f} %"]
    assert rows[0][:4] == shown
    seen.page.get_by_label("all", exact=True).check()
    assert "96 utterances" in seen.page.locator("#count").inner_text()
    seen.page.get_by_role("button", name="Show more").click()
    assert len(seen.rows()) == 96
    assert not seen.page.locator("#more").is_visible()


def test_typing_finds_an_utterance_or_a_speaker(see, text):
    seen = see(text)
    seen.page.get_by_label("all", exact=True).check()
    seen.page.get_by_label("Utterance or speaker").fill("S03-")
    rows = seen.rows()
    assert rows
    assert all(row[0].startswith("s03-") for row in rows)
    seen.page.get_by_label("Utterance or speaker").fill("nobody")
    assert seen.page.get_by_text("No utterance matches.").is_visible()


def test_the_keyboard_alone_goes_everywhere(see, text):
    seen = see(text)
    cell = seen.page.locator("[data-key='cell-0-0']")
    cell.focus()
    seen.page.keyboard.press("Enter")
    assert seen.page.evaluate("document.activeElement.dataset.key") == "cell-0-0"
    row = seen.page.locator(".list button").first
    row.focus()
    seen.page.keyboard.press("Enter")
    card = seen.page.locator("#card")
    assert card.is_visible()
    first = card.locator("h3").inner_text()
    seen.page.get_by_label("next utterance").focus()
    seen.page.keyboard.press("Enter")
    assert card.locator("h3").inner_text() != first
    assert seen.page.evaluate("document.activeElement.getAttribute('aria-label')") == (
        "next utterance"
    )
    seen.page.keyboard.press("Escape")
    assert not card.is_visible()
    seen.page.locator("#fold").focus()
    seen.page.keyboard.press("ArrowDown")
    assert seen.page.locator("#fold").input_value() == "0"


def test_everything_that_can_be_used_says_what_it_is(see, text):
    seen = see(text)
    seen.page.locator(".list button").first.click()
    nameless = seen.page.evaluate(
        """[...document.querySelectorAll("button, select, input, audio, [role=img]")]
        .filter((one) => !one.hidden && !(one.getAttribute("aria-label") || one.labels?.length
                           || one.textContent.trim()))
        .map((one) => one.outerHTML.slice(0, 200))"""
    )
    assert nameless == []


def test_sections_fold_and_the_navigation_unfolds_them(see, text):
    seen = see(text)
    section = seen.page.locator("#confusions")
    section.locator("summary").first.click()
    assert not section.locator("table").is_visible()
    seen.page.get_by_role("link", name="Confusions").click()
    assert section.locator("table").is_visible()
    assert section.locator("h2").is_visible()


def test_curves_and_calibration_are_those_of_the_run(see, text, runs):
    seen = see(text)
    curves = seen.series("#learning .chart")
    assert len(curves) == 4  # training and validation loss of two folds
    last = analysis.learning_curves(runs[0])[1].values["validation_loss"]
    assert [one["value"][1] for one in curves[3]["data"]] == pytest.approx(last.tolist(), abs=1e-3)
    found = analysis.reliability(runs[0])
    _, points = seen.series("#calibration .chart")
    assert sum(one[2] for one in points["data"]) == 96
    assert f"ECE {100 * found.ece:.1f} %" in seen.page.locator("#calibration").inner_text()
    assert f"{found.nll:.3f}" in seen.page.locator("#calibration table").first.inner_text()


def test_a_model_without_reports_says_so(see, invented):
    seen = see(page([invented(curve=[])]))
    words = seen.page.locator("#learning").inner_text()
    assert "reports nothing during training" in words


def test_speakers_leaks_cost_and_commands_are_there(see, text, runs):
    seen = see(text)
    (points,) = seen.series("#speakers .chart")
    scores = sorted(100 * one.score for one in speakers.speaker_scores(runs[0]))
    assert [one[1] for one in points["data"]] == pytest.approx(scores, abs=0.01)
    seen.page.get_by_text("As a table").click()
    assert "s00" in seen.page.locator("#speakers table").first.inner_text()
    assert seen.page.locator("#leaks td", has_text="clean").count() == 6
    assert "6.0 s" in seen.page.locator("#cost").inner_text()
    again = seen.page.locator("#again").inner_text()
    assert f"serbench score {runs[0].name}" in again
    assert "--param epochs=3" in again


def test_a_run_that_must_not_be_compared_says_so(see, invented):
    leaky = invented(protocol={"name": "random", "leaks": "speakers are everywhere", "folds": 2})
    seen = see(page([leaky]))
    assert "speakers are everywhere" in seen.page.locator("#remarks").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_its_window(see, text, width, scheme):
    seen = see(text, width=width, scheme=scheme)
    for chart in seen.page.locator(".chart").all():
        chart.scroll_into_view_if_needed()
    seen.page.locator(".list button").first.click()
    sizes = seen.page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert sizes[0] <= sizes[1] == width
    dark = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (dark == "rgb(255, 255, 255)") is (scheme == "light")
    assert seen.at_peace(), (seen.said, seen.asked)


def test_a_page_on_ten_runs_of_crema_ds_size_is_small_and_quick(see, invented):
    emotions = ("anger", "disgust", "fear", "happy", "neutral", "sad")
    runs = [
        invented(
            name=f"run-{seed}",
            folds=9,
            speakers=91,
            utterances=7442,
            labels=emotions,
            ids="{speaker}_{number:04d}_ANG_XX",
            speaker="1{0:03d}",
            seed=seed,
        )
        for seed in range(10)
    ]
    started = time.monotonic()
    text = page(runs)
    built = time.monotonic() - started
    size = len(text.encode())
    seen = see(text)
    loads = []
    for _ in range(3):
        seen.page.reload()
        seen.page.wait_for_selector("html[data-ready]")
        loads.append(
            seen.page.evaluate(
                "performance.timing.loadEventEnd - performance.timing.navigationStart"
            )
        )
    print(f"built in {built:.1f} s, {size / 1e6:.2f} MB, loaded in {loads} ms")
    assert built < 20
    assert size < 10_000_000
    assert min(loads) < 2000
    assert seen.at_peace(), (seen.said, seen.asked)
