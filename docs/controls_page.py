"""The tables of docs/controls.md, from committed runs on RAVDESS."""

from pathlib import Path

from serbench import tables
from serbench.leaderboard.ranking.entry import of_run
from serbench.report import takes
from serbench.results import run

SUBMISSIONS = Path(__file__).resolve().parents[1] / "leaderboard" / "submissions" / "ravdess"
START, END = "<!-- takes: made by docs/generate.py -->", "<!-- takes: end -->"
CONTROLS = ("control-sentence", "control-speaker", "control-recording")
MODELS = {  # by the ends of their names
    "08683f95": "AlexNet on mel spectrograms",
    "0f050a6c": "Whisper tiny.en with random weights, frozen",
    "2171a1a6": "SVM on functionals",
    "024df15c": "logistic regression on functionals",
    "4685e37d": "Whisper tiny.en, frozen",
    "457331d2": "Whisper tiny.en, fine-tuned, seed 0",
    "9058559c": "Whisper base, fine-tuned, seed 0",
}


def page(text: str) -> str:
    """Return the page with new tables between its marks."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    rows = []
    for folder in sorted(SUBMISSIONS.iterdir()):
        title = MODELS.get(folder.name.rpartition("_")[-1])
        found = run.read(folder)
        if found.config.model in CONTROLS:
            title = of_run(found).title
        retest, _ = takes.between(found)
        if title is None or retest is None:
            continue
        rows.append(
            (
                found.pooled("uar"),
                [
                    *(title, tables.percent(found.pooled("uar"))),
                    tables.interval(found.interval("uar")),
                    *(tables.percent(retest.agreement), tables.interval(retest.interval)),
                    *(tables.percent(retest.accuracy), tables.percent(retest.ceiling)),
                ],
            )
        )
    head = ["model", "UAR", "95 %", "agreement", "95 %", "accuracy", "ceiling"]
    table = tables.table(head, [row for _, row in sorted(rows)], "markdown")
    return "\n\n".join([before + START, table, END + after])
