"""A run as a section of a model's card: metadata that model hubs read, and words for people."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from serbench import tables
from serbench.errors import SerbenchError
from serbench.evaluation import command
from serbench.leaderboard.submissions.safe_read import shown
from serbench.results.config import Config
from serbench.results.display_names import TITLES, names
from serbench.results.run import Run

TASK = {"type": "audio-classification", "name": "Speech Emotion Recognition"}
SHOWN = {  # our metric: the hub's, and what it is called
    "accuracy": ("accuracy", "accuracy (WA)"),
    "uar": ("recall", "macro recall (UAR)"),
    "precision": ("precision", "macro precision"),
    "f1": ("f1", "macro F1"),
}
HEAD = ("%", "mean ± std over folds", "pooled", "95 % over speakers")


def card(run: Run) -> str:
    """The front matter of a model's README with its `model-index`, and a section in Markdown.

    Raises:
        SerbenchError: the run is not ranked. A hub would show its scores without the reason.
    """
    if run.objections:
        raise SerbenchError(
            f"{run.name} is not ranked ({'; '.join(run.objections)}), so it gets no card: a model "
            "hub would show its scores without saying so; use a run that is complete, does not "
            "leak and started from pretrained weights, if from any"
        )
    front = "\n".join(_yaml({"model-index": [_index(run)]}))
    return f"---\n{front}\n---\n\n{_section(run)}\n"


def _index(run: Run) -> dict[str, Any]:
    config, pins = run.config, run.facts["pins"]
    return {
        "name": names([run])[run.name],
        "results": [
            {
                "task": TASK,
                "dataset": {
                    "name": TITLES.get(config["dataset"], config["dataset"]),
                    "type": run.corpus,
                    "config": config["labels"],
                    "split": "test",
                    "args": {
                        "protocol": config["protocol"],
                        "protocol_digest": pins["protocol"],
                        "corpus_digest": pins["corpus"],
                        "folds": len(run.folds),
                        "seed": config["seed"],
                    },
                },
                "metrics": [_metric(run, name) for name in SHOWN],
            }
        ],
    }


def _metric(run: Run, name: str) -> dict[str, Any]:
    kind, title = SHOWN[name]
    value = round(run.mean_std(name).mean, 4)
    found = {"type": kind, "name": f"{title}, mean over {len(run.folds)} folds", "value": value}
    return found if name == "accuracy" else {**found, "args": {"average": "macro"}}


def _yaml(value: Any, margin: str = "") -> list[str]:
    """Lines of YAML: keys are our own, and every scalar is JSON, which is YAML."""
    if isinstance(value, Mapping):
        lines = []
        for key, one in value.items():
            nested = isinstance(one, Mapping | list)
            lines += [f"{margin}{key}:", *_yaml(one, margin + "  ")] if nested else []
            lines += [] if nested else [f"{margin}{key}: {_scalar(one)}"]
        return lines
    items = [_yaml(one, margin + "  ") for one in value]
    return [line for item in items for line in (margin + "- " + item[0].lstrip(), *item[1:])]


def _scalar(value: Any) -> str:
    text = shown(value) if isinstance(value, str) else value
    return json.dumps(text, ensure_ascii=False, allow_nan=False)


def _section(run: Run) -> str:
    config, facts = run.config, run.facts
    rows = [
        [
            title,
            tables.spread(run.mean_std(name)),
            tables.percent(run.pooled(name)),
            tables.interval(run.interval(name)),
        ]
        for name, (_, title) in SHOWN.items()
    ]
    labels = ", ".join(facts["labels"])
    again = command.evaluate(command.request(Config(**config)))
    return "\n\n".join(
        [
            "## Speech emotion recognition, measured with serbench",
            f"Model {_code(config['model'])} on dataset {_code(config['dataset'])}, protocol "
            f"{_code(config['protocol'])}, labels {_code(config['labels'])} ({_code(labels)}): "
            f"{len(run.folds)} test sets, {len(run.speaker_confusions)} test speakers, "
            f"{int(run.confusions.sum())} test utterances, one run with seed {config['seed']}. No "
            "speaker and no recording is shared between training, validation and test sets: "
            "checked for every fold.",
            tables.table(HEAD, rows, "markdown"),
            "The interval is a bootstrap over speakers; it is about these trained models on new "
            "speakers, and does not include the luck of another seed. The metadata has the means, "
            "as fractions.",
            _circumstances(run),
            f"Every number again from the stored predictions, and the run from its beginning:\n\n"
            f"```bash\nserbench score {shown(shlex.quote(run.name))}\n{again}\n```",
        ]
    )


def _circumstances(run: Run) -> str:
    facts = run.facts
    version = facts["versions"].get("serbench", "of unknown version")
    plugins = ", ".join(_code(name) for name in facts["sources"] if name != "serbench") or "none"
    finished = max(str(fold.facts.get("finished", "")) for fold in run.folds)[:10]
    differing = f"; the folds differ in {', '.join(run.differing())}" if run.differing() else ""
    return (
        f"Computed with serbench {_code(version)} (plugins: {plugins}) on "
        f"{_code(facts['device'])}, {_code(finished)}{differing}. Corpus digest "
        f"{_code(facts['pins']['corpus'])}, protocol digest {_code(facts['pins']['protocol'])}."
    )


def _code(text: object) -> str:
    """A stranger's word as code: Markdown and HTML in it stay text."""
    return f"`{shown(str(text)).replace('`', chr(39))}`"
