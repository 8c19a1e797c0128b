"""Results on a terminal: widths, styles, and the same bytes as ever in a pipe."""

import io
import re
import subprocess
import sys

import pytest
import tabulate
from wcwidth import wcswidth

from serbench import tables
from serbench.cli import terminal

SCORES = tables.table(
    ["", "accuracy (WA)", "precision", "recall (UAR)", "F1"],
    [
        ["a model", *["34.83 ± 2.80"] * 4],
        ["95 % over speakers", *["[31.00, 38.50]"] * 4],
        ["chance (majority)", *["25.00 ± 0.00"] * 4],
    ],
)
RUNS = tables.table(
    ["run", "folds", "UAR"],
    [
        [f"tones_centroid_kfold-n-3_seed{seed}_1a2b3c4d_of_a_long_name", "3", "50.00"]
        for seed in "01"
    ],
)
REASONS = tables.table(
    ["model", "reason"], [["m1", "it has no file " * 12], ["m2", "a/path/without/spaces/" * 12]]
)


class Screen(io.StringIO):
    """A terminal that remembers."""

    def isatty(self):
        return True


@pytest.fixture
def shown(monkeypatch):
    """A function that shows text on a terminal of some columns, and returns what is written."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def show(text, columns, best=(), screen=Screen):
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr(sys, "stdout", screen())
        terminal.show(text, best)
        return sys.stdout.getvalue()

    return show


def plain(text):
    return re.sub(r"\x1b\[\d*m", "", text)


@pytest.mark.parametrize("text", [SCORES, RUNS, REASONS, f"title\n\n{SCORES}\n\n{'note ' * 50}"])
@pytest.mark.parametrize("columns", [60, 100, 160])
def test_no_line_is_wider_than_the_terminal_and_no_word_is_lost(shown, text, columns):
    written = plain(shown(text, columns))
    assert max(map(len, written.splitlines())) <= columns
    words = sorted(re.findall(r"\w+", text))
    if columns > 60:  # else long names are divided
        assert set(words) <= set(re.findall(r"\w+", written))


def test_a_table_that_fits_is_not_changed(shown):
    rows = [re.split(" {2,}", line) for line in plain(shown(SCORES, 100)).splitlines()]
    before = [re.split(" {2,}", line) for line in SCORES.splitlines()]
    assert [*rows[:1], *rows[2:]] == [*before[:1], *before[2:]]


def test_a_wide_table_is_divided_into_bands_with_the_names_of_rows(shown):
    lines = plain(shown(SCORES, 60)).splitlines()
    assert sum(line.startswith("a model ") for line in lines) == 2
    assert [line.split() for line in lines if "accuracy" in line or "F1" in line] == [
        ["accuracy", "(WA)", "precision"],
        ["recall", "(UAR)", "F1"],
    ]


def test_long_names_are_above_the_other_cells_of_their_row(shown):
    lines = plain(shown(RUNS, 60)).splitlines()
    assert lines[3].startswith("tones_centroid_kfold-n-3_seed0_")
    assert lines[4].split() == ["3", "50.00"]


def test_cells_break_at_spaces_and_only_long_words_at_marks(shown):
    name = "Whisper tiny.en, fine-tuned (recipe=paper, schedule=linear)"
    path = "submissions/ravdess/ravdess_whisper-tiny-en_paper_seed0_3a88ca90"
    text = tables.table(["rank", "model", "F1", "recall"], [["1", name, *["52.33 ± 3.24"] * 2]])
    lines = [line[6:] for line in plain(shown(text, 60)).splitlines()[2:]]
    cells = [re.split(" {2,}", line)[0] for line in lines]
    assert cells == ["Whisper tiny.en,", "fine-tuned (recipe=paper,", "schedule=linear)"]
    assert "".join(terminal._wrapped(path, 30)) == path
    assert terminal._wrapped(path, 30)[0] == "submissions/ravdess/ravdess_"


def test_headings_of_groups_are_repeated_in_every_band(shown):
    grouped = tables.GroupedTable(
        [("RAVDESS", 3), ("CREMA-D", 3)],
        ["", *["accuracy (WA)", "recall (UAR)", "F1"] * 2],
        [["a model", *["34.83 ± 2.80"] * 6]],
        {(0, 1)},
    )
    lines = plain(shown(grouped.text(), 40)).splitlines()
    assert [line.strip() for line in lines if "RAVDESS" in line or "CREMA-D" in line] == [
        "RAVDESS",
        "RAVDESS       CREMA-D",
        "CREMA-D",
    ]
    assert "\x1b[1m34.83 ± 2.80*\x1b[0m" in shown(grouped.text(), 40)


def test_the_best_rows_are_bold_and_chance_is_dim(shown):
    written = shown(SCORES, 100, best=[0])
    assert "\x1b[1ma model" in written
    assert "\x1b[2mchance (majority)" in written


def test_no_color_leaves_styles_out_and_force_color_adds_them_in_a_pipe(shown, monkeypatch):
    assert shown(SCORES, 60, [0], io.StringIO) == f"{SCORES}\n"
    monkeypatch.setenv("FORCE_COLOR", "1")
    forced = shown(SCORES, 60, [0], io.StringIO)
    assert "\x1b[1ma model" in forced
    assert plain(forced).count("a model") == 1  # a pipe has no width
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in shown(SCORES, 60, best=[0])


def test_a_dumb_terminal_is_a_pipe(shown, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    assert shown(SCORES, 60, best=[0]) == f"{SCORES}\n"


def test_names_have_their_texts_beside_or_below_them(monkeypatch, shown):
    shown("", 60)
    terminal.show_names([("short", "one line"), ("a-longer-name", "many words " * 12)])
    lines = plain(sys.stdout.getvalue()).splitlines()[1:]
    assert lines[0] == "short          one line"
    assert all(line.startswith(" " * 15) for line in lines[2:])
    assert max(map(len, lines)) <= 60


def test_bands_repeat_the_columns_that_tell_rows_apart(shown):
    text = tables.table(
        ["rank", "reference", "model", "F1", "checked by everybody here"],
        [
            ["1", "a paper", "model one", "34.83 ± 2.80", "published"],
            ["1", "a paper", "model two", "34.83 ± 2.80", "published"],
            ["-", "a paper", "model two", "34.83 ± 2.80", "not submitted"],
        ],
    )
    heads = [line.split() for line in plain(shown(text, 56)).splitlines() if "rank" in line]
    assert heads == [
        ["rank", "reference", "model", "F1"],
        ["rank", "reference", "model", "checked", "by", "everybody", "here"],
    ]
    assert "\x1b[1m1     a paper" in shown(text, 100)  # the first rank is bold


def test_a_terminal_of_one_column_gets_lines_that_can_be_read(monkeypatch, capsys):
    monkeypatch.setattr(terminal, "is_terminal", lambda stream=None: True)
    monkeypatch.setenv("COLUMNS", "1")
    text = tables.table(("parameter", "meaning"), [("c", "scikit-learn's C, " * 20)])
    terminal.show(text)
    assert "scikit-learn" in capsys.readouterr().out
    terminal.show(text, form="markdown")
    assert capsys.readouterr().out == f"{text}\n"


ACCENTED = "e\u0301" * 30
WIDE = [
    ["感情認識モデル", "34.83 ± 2.80", "感情" * 40],
    [ACCENTED, "5.00", "भावना पहचान " * 9],
    ["plain", "-", "words " * 20],
]


@pytest.mark.parametrize("columns", [60, 100, 300])
def test_wide_letters_and_marks_take_the_columns_that_a_terminal_gives_them(shown, columns):
    text = tables.table(["模型", "F1", "remark"], WIDE)
    heads = [line for line in plain(shown(text, columns)).splitlines() if "-  -" in line]
    assert heads  # it is still taken for a table
    rule = heads[0]
    for line in plain(shown(text, columns)).splitlines():
        assert wcswidth(line) <= columns
        if "5.00" in line or "34.83" in line:
            number = min(line.index(each) for each in ("5.00", "34.83") if each in line)
            assert wcswidth(line[:number]) == rule.index(" ") + 2


def test_a_table_has_the_same_bytes_whether_wide_letters_are_known_to_tabulate(monkeypatch):
    grouped = tables.GroupedTable([("コーパス", 2)], ["模型", "F1", "remark"], WIDE)
    made = [
        (tables.table(["模型", "F1", "remark"], WIDE, form), grouped.text())
        for mode in (True, False)
        for form in ("text", "markdown")
        if monkeypatch.setattr(tabulate, "WIDE_CHARS_MODE", mode) is None
    ]
    assert made[:2] == made[2:]
    for text in made[0]:
        rule, *rows = text.splitlines()[-4:]
        for row, (model, score, _) in zip(rows, WIDE, strict=True):
            assert wcswidth(row[: row.index(f" {score}")]) + 1 == rule.index("  ") + 2
            assert row.startswith(model)


def test_names_of_wide_letters_have_their_texts_beside_them(monkeypatch, shown):
    shown("", 60)
    terminal.show_names([("感情", "one"), ("plain", "two")])
    assert plain(sys.stdout.getvalue()).splitlines()[1:] == ["感情   one", "plain  two"]


@pytest.mark.parametrize("closed", ["1>&-", "2>&-"])
def test_a_closed_stream_is_no_terminal(closed):
    command = f"exec {sys.executable} -m serbench models dummy {closed}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert "Traceback" not in done.stdout + done.stderr
