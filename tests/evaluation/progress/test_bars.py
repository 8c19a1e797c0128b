"""Bars and lines show where folds stand, also within an epoch."""

from rich.console import Console

from serbench.evaluation.progress import bars
from serbench.evaluation.progress.bars import Bars

FOLD = ("run", "1")


def test_a_bar_shows_how_far_a_fold_is_within_an_epoch(monkeypatch):
    console = Console(width=100, force_terminal=True)
    with console.capture() as captured:
        monkeypatch.setattr(bars, "Console", lambda **_: console)
        listener = Bars()
        listener.staged(*FOLD, "starting")
        listener.stepped(*FOLD, {"epoch": 0, "epochs": 16, "within_epoch": 0.34})
        (bar,) = listener._progress.tasks
        assert (bar.completed, bar.total) == (0.34, 16)
        assert bar.fields["count"] == "0/16"
        assert bar.fields["note"].startswith("epoch 1: 34 %")
        listener.training(*FOLD, {"epoch": 1, "epochs": 16, "train_loss": 0.5})
        listener.stepped(*FOLD, {"epoch": 1, "epochs": 16, "within_epoch": 0.5})
        assert bar.fields["note"].startswith("epoch 2: 50 %  train loss 0.5")
    assert "epoch" not in captured.get()  # the bars were not started


def test_a_log_names_the_epoch_at_most_once_a_pause(monkeypatch, capsys):
    now = 1000.0
    monkeypatch.setattr(bars.time, "monotonic", lambda: now)
    listener = Bars()
    for second in range(80):
        now = 1000.0 + second
        listener.stepped(*FOLD, {"epoch": 0, "epochs": 2, "within_epoch": second / 100})
    lines = capsys.readouterr().err.splitlines()
    assert [line.rpartition(",")[0] for line in lines] == [
        "fold 1: epoch 1 of 2, 31 %",
        "fold 1: epoch 1 of 2, 62 %",
    ]
    assert lines[0].endswith(" left")
