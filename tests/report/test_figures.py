"""Pictures show the numbers that they are said to show, whatever the names in them."""

import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from serbench.errors import MissingRequirement
from serbench.metrics import calibration, classification
from serbench.report import analysis, groups, speakers
from serbench.report.figures import colours, confusion, f1_boxes, pca, style
from serbench.report.figures import speakers as figures
from serbench.report.figures.calibration import reliability, selective
from serbench.report.figures.learning_curves import learning_curves

pytest.importorskip("matplotlib")
HOSTILE = "<script>alert(1)</script> $\\frac{1}{0}$ \x1b[31m\n& % _ #"


@pytest.fixture(scope="module")
def run(invented):
    return invented(folds=3, speakers=6, utterances=180)


@pytest.fixture(autouse=True)
def drawing():
    with style.drawing():
        yield


def test_a_box_is_over_the_folds_of_its_emotion(run):
    (panel,) = f1_boxes.f1_boxes([run], ["invented"]).axes
    medians = [line.get_ydata()[0] for line in panel.lines if line.get_linewidth() == 1.2]
    assert medians == pytest.approx(np.median(100 * analysis.label_f1(run), axis=0))
    points = [line.get_ydata() for line in panel.lines if line.get_marker() == "o"]
    drawn = np.stack(points).T
    assert drawn == pytest.approx(100 * analysis.label_f1(run))
    assert [tick.get_text() for tick in panel.get_xticklabels()] == list(run.facts.labels)


@pytest.mark.parametrize(("runs", "panels"), [(1, 1), (2, 2), (4, 4), (5, 5)])
def test_every_run_has_a_panel_of_boxes(run, runs, panels):
    figure = f1_boxes.f1_boxes([run] * runs, [f"run {i}" for i in range(runs)])
    titles = [panel.get_title(loc="left") for panel in figure.axes]
    assert titles == [f"run {i}" for i in range(panels)]


def test_a_test_set_without_an_emotion_leaves_its_box_empty(invented):
    run = invented(folds=2, utterances=8, speakers=4)  # each fold: two labels
    (panel,) = f1_boxes.f1_boxes([run], ["few"]).axes
    assert len(panel.get_xticklabels()) == 4


def test_a_cloud_has_every_utterance_in_the_colour_of_its_label(run):
    figure = pca.single_test_set(run, "invented", 1)
    test = run.folds[1].test
    for panel, labels in zip(
        figure.axes, (test.truth, classification.predicted(test.activations)), strict=True
    ):
        drawn = {}
        for points in panel.collections:
            drawn[tuple(points.get_facecolor()[0][:3])] = len(points.get_offsets())
        for label, (colour, _) in enumerate(colours.styles(run.facts.labels)):
            rgb = tuple(int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
            assert drawn[rgb] == (labels == label).sum()


def test_the_axes_of_a_cloud_say_what_they_explain(run):
    values = np.linalg.eigvalsh(np.cov(run.folds[0].test.activations.astype(float).T))[::-1]
    first, second = 100 * values[:2] / values.sum()
    left = pca.single_test_set(run, "invented", 0).axes[0]
    assert left.get_xlabel() == f"Component 1 ({first:.1f} % of variance)"
    assert left.get_ylabel() == f"Component 2 ({second:.1f} % of variance)"
    width, height = (np.ptp(limits) for limits in (left.get_xlim(), left.get_ylim()))
    assert width == pytest.approx(height)  # a distance is as long in both directions


@pytest.mark.parametrize(("folds", "columns"), [(1, 1), (2, 2), (6, 3), (10, 5), (24, 6), (91, 8)])
def test_all_test_sets_fit_on_a_page_or_stay_readable(folds, columns):
    assert pca.side_by_side(folds) == columns


def test_all_test_sets_are_on_one_picture(run):
    figure = pca.all_test_sets(run, "invented")
    titles = [panel.get_title(loc="left") for panel in figure.axes if panel.axison]
    assert sorted(titles) == [f"{n}, {side}" for n in "123" for side in ("actual", "predicted")]


def test_a_confusion_matrix_has_counts_and_percentages_of_its_rows(run):
    counts = run.confusions.sum(axis=0)
    (panel,) = confusion.matrix(counts, run.facts.labels, "all").axes
    cells = {text.get_position(): text.get_text() for text in panel.texts}
    for row, numbers in enumerate(counts):
        percentages = 0.0
        for column, count in enumerate(numbers):
            text = cells[column, row].split()
            assert int(text[0]) == count
            percentages += float(text[1]) if count else 0.0
        assert percentages == pytest.approx(100, abs=0.5 * len(numbers))
    assert panel.get_yticklabels()[0].get_text() == f"neutral ({counts[0].sum()})"


def test_reliability_is_the_curve_and_the_numbers_of_the_calibration_module(run):
    upper, lower = reliability(run, "invented").axes
    given = analysis.predictions(run)
    curve = calibration.reliability_curve(given.truth, given.probabilities)
    filled = curve.utterances > 0
    drawn = next(line for line in upper.lines if line.get_color() == style.ACCENT)
    assert drawn.get_xdata() == pytest.approx(100 * curve.confidence[filled])
    assert drawn.get_ydata() == pytest.approx(100 * curve.accuracy[filled])
    ece = calibration.expected_calibration_error(given.truth, given.probabilities)
    assert upper.texts[0].get_text().startswith(f"ECE {100 * ece:.1f} %")
    assert lower.patches[0].get_data().values.sum() == 180


def test_a_model_that_is_always_sure_has_a_diagram_of_full_height(invented):
    run = invented(link="identity")
    for fold in run.folds:
        fold.test.activations[:] = np.eye(4)[1]
    figure = reliability(run, "sure")
    figure.draw_without_rendering()
    assert figure.axes[0].get_position().height > 0.5


def test_learning_curves_are_those_of_all_folds(run):
    losses, scores = learning_curves(run, "invented").axes
    assert sum(len(line.get_xdata()) == 3 for line in losses.lines) == 6
    assert sum(len(line.get_xdata()) == 3 for line in scores.lines) == 3
    kept = [line for line in scores.lines if line.get_marker() == "o"]
    assert [line.get_xdata().tolist() for line in kept] == [[2.0]] * 3
    assert losses.get_xlabel() == "Epoch"


def test_settings_that_were_tried_are_no_epochs(invented):
    run = invented(curve=[{"epoch": 1, "validation_uar": 0.5}], model={})
    (panel,) = learning_curves(run, "grid").axes
    assert panel.get_xlabel() == "Setting tried"


def test_speakers_are_sorted_by_their_scores(run):
    (panel,) = figures.speakers(run, "invented").axes
    (dots,) = (line for line in panel.lines if line.get_marker() == "o")
    scores = {row.speaker: 100 * row.score for row in speakers.speaker_scores(run)}
    assert list(dots.get_ydata()) == sorted(scores.values())
    shown = [tick.get_text() for tick in panel.get_xticklabels()]
    assert [scores[name] for name in shown] == list(dots.get_ydata())


def test_selective_accuracy_is_a_line_a_run(run):
    (panel,) = selective([run, run], ["one", "two"]).axes
    assert [line.get_label() for line in panel.lines] == ["one", "two"]
    assert panel.lines[0].get_ydata()[-1] == pytest.approx(100 * run.pooled("accuracy"))


def test_each_sex_has_its_score(invented):
    pytest.importorskip("serbench_corpora")
    run = invented(speaker="{0:02d}", speakers=8, config={"dataset": "ravdess"})
    (panel,) = figures.sexes([run], ["invented"]).axes
    drawn = [bar.lines[0].get_xdata()[0] for bar in panel.containers]
    assert drawn == [100 * group.score for group in groups.by_sex(run)]


def test_one_colour_and_one_mark_belong_to_each_emotion():
    assert len(set(colours.EMOTIONS.values()) | set(colours.OTHERS)) == 16
    assert len({mark for _, mark in (*colours.EMOTIONS.values(), *colours.OTHERS)}) == 16
    assert colours.styles(["Anger"]) == colours.styles(["angry"]) == colours.styles(["ang"])


@pytest.mark.parametrize("form", ["png", "svg", pytest.param("pdf", marks=pytest.mark.slow)])
def test_the_same_picture_has_the_same_bytes(run, tmp_path, form):
    paths = [tmp_path / "one", tmp_path / "two"]
    for path in paths:
        style.save(selective([run], ["invented"]), path, "title", (form,))
    first, second = (path.with_suffix(f".{form}").read_bytes() for path in paths)
    assert first == second
    assert b"2026" not in first or form == "png"  # no date


def test_names_of_strangers_are_text(invented, tmp_path):
    labels = ("neutral", HOSTILE, "$x$")
    run = invented(labels=labels, speaker=HOSTILE.replace("{", "{{").replace("}", "}}") + "{0}")
    for number, figure in enumerate(
        [
            f1_boxes.f1_boxes([run], [HOSTILE]),
            confusion.matrix(run.confusions[0], labels, HOSTILE),
            figures.speakers(run, HOSTILE),
        ]
    ):
        (path,) = style.save(figure, tmp_path / f"{number}", HOSTILE, ("svg",))
        tags = {element.tag.rpartition("}")[2] for element in ET.parse(path).iter()}
        assert "script" not in tags
        assert "path" in tags


@pytest.mark.parametrize("length", [1, 500])
def test_long_names_leave_room_for_the_picture(run, length):
    figure = confusion.matrix(run.confusions[0], ["x" * length] * 4, "y" * length)
    figure.draw_without_rendering()
    box = figure.axes[0].get_position()
    assert box.width > 0.4
    assert box.height > 0.4


def test_a_users_own_look_changes_nothing(run, tmp_path):
    import matplotlib

    before = style.save(selective([run], ["a"]), tmp_path / "a", "t", ("png",))[0]
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9}), style.drawing():
        after = style.save(selective([run], ["a"]), tmp_path / "b", "t", ("png",))[0]
    assert before.read_bytes() == after.read_bytes()


def test_without_matplotlib_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingRequirement, match=r"pictures need matplotlib: pip install 'serb"):
        style.require_matplotlib()


def test_the_numbers_need_no_matplotlib():
    code = "import sys, serbench.report; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False", done.stderr
