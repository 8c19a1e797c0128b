"""Turn a run into a section of a model card: metadata that model hubs read, and Markdown."""

import json
import shlex
from typing import Any

from serbench import tables
from serbench.errors import SerbenchError
from serbench.evaluation import command
from serbench.leaderboard.submissions.safe_read import shown
from serbench.results.display_names import TITLES, model_names
from serbench.results.run import Run

TASK = {"type": "audio-classification", "name": "Speech Emotion Recognition"}
METRICS = {  # from serbench's name of a metric to the hub's name and a title
    "accuracy": ("accuracy", "accuracy (WA)"),
    "uar": ("recall", "macro recall (UAR)"),
    "precision": ("precision", "macro precision"),
    "f1": ("f1", "macro F1"),
}
HEAD = ("%", "mean ± std over folds", "pooled", "95 % over speakers")


def card(run: Run) -> str:
    """Return the front matter of a model's README (`model-index`) and a section in Markdown.

    Raises:
        SerbenchError: the run is not ranked, or ranked apart, and a hub would not show the reason.
    """
    if run.objections:
        raise SerbenchError(
            f"{run.name} is not ranked ({'; '.join(run.objections)}), so it gets no card: a model "
            "hub would show its scores without saying so; use a run that is complete, does not "
            "leak and, if its model starts from a checkpoint, started from pretrained weights"
        )
    if run.sees:
        raise SerbenchError(
            f"{run.name} sees {run.sees} (--normalise {run.config.normalise}), so it gets no card: "
            "a model hub would compare its scores with those of models that do not; use a run "
            "without --normalise"
        )
    front = "\n".join(_yaml({"model-index": [_index(run)]}))
    return f"---\n{front}\n---\n\n{_section(run)}\n"


def _index(run: Run) -> dict[str, Any]:
    config, pins = run.config, run.facts.pins
    return {
        "name": model_names([run])[run.name],
        "results": [
            {
                "task": TASK,
                "dataset": {
                    "name": TITLES.get(config.dataset, config.dataset),
                    "type": run.corpus,
                    "config": config.labels,
                    "split": "test",
                    "args": {
                        "protocol": config.protocol,
                        "protocol_digest": pins.protocol,
                        "corpus_digest": pins.corpus,
                        "folds": len(run.folds),
                        "seed": config.seed,
                    },
                },
                "metrics": [_metric(run, name) for name in METRICS],
            }
        ],
    }


def _metric(run: Run, name: str) -> dict[str, Any]:
    kind, title = METRICS[name]
    value = round(run.mean_std(name).mean, 4)
    metric = {
        "type": kind,
        "name": f"{title}, mean over {tables.count(len(run.folds), 'fold')}",
        "value": value,
    }
    return metric if name == "accuracy" else {**metric, "args": {"average": "macro"}}


def _yaml(value: Any, margin: str = "") -> list[str]:
    """Return lines of YAML: keys need no quotes, and scalars are JSON, which is valid YAML."""
    lines = []
    if isinstance(value, list):
        for item in value:
            first, *rest = _yaml(item, margin + "  ")
            lines += [f"{margin}- {first.lstrip()}", *rest]
        return lines
    for key, content in value.items():
        if isinstance(content, dict | list):
            lines += [f"{margin}{key}:", *_yaml(content, margin + "  ")]
        else:
            scalar = shown(content) if isinstance(content, str) else content
            text = json.dumps(scalar, ensure_ascii=False, allow_nan=False)
            lines.append(f"{margin}{key}: {text}")
    return lines


def _section(run: Run) -> str:
    config, facts = run.config, run.facts
    rows = [
        [
            title,
            tables.spread(run.mean_std(name)),
            tables.percent(run.pooled(name)),
            tables.interval(run.interval(name)),
        ]
        for name, (_, title) in METRICS.items()
    ]
    labels = ", ".join(facts.labels)
    evaluate = command.evaluate(command.request(config))
    return "\n\n".join(
        [
            "## Speech emotion recognition, measured with serbench",
            f"Model {_code(config.model)} on dataset {_code(config.dataset)}, protocol "
            f"{_code(config.protocol)}, labels {_code(config.labels)} ({_code(labels)}): "
            f"{tables.count(len(run.folds), 'test set')}, "
            f"{tables.count(len(run.speaker_confusions), 'test speaker')}, "
            f"{tables.count(int(run.confusions.sum()), 'test utterance')}, one run with seed "
            f"{config.seed}. No "
            "speaker and no recording is shared between training, validation and test sets: "
            "checked for every fold.",
            tables.table(HEAD, rows, "markdown"),
            "The interval is a bootstrap over speakers: it estimates how these trained models do "
            "on new speakers, not how other seeds would do. The metadata contains the means, as "
            "fractions.",
            _circumstances(run),
            f"To recompute all scores from the stored predictions, and to repeat the run:\n\n"
            f"```bash\nserbench score {shown(shlex.quote(run.name))}\n{evaluate}\n```",
        ]
    )


def _circumstances(run: Run) -> str:
    facts = run.facts
    version = facts.versions.get("serbench", "of unknown version")
    plugins = ", ".join(_code(name) for name in facts.sources if name != "serbench") or "none"
    finished = max(fold.facts.finished for fold in run.folds)[:10]
    differing = f"; the folds differ in {', '.join(run.differing())}" if run.differing() else ""
    return (
        f"Computed with serbench {_code(version)} (plugins: {plugins}) on "
        f"{_code(facts.device)}, {_code(finished)}{differing}. Corpus digest "
        f"{_code(facts.pins.corpus)}, protocol digest {_code(facts.pins.protocol)}."
    )


def _code(text: object) -> str:
    """Return untrusted text as code, in which Markdown and HTML stay text."""
    return f"`{shown(str(text)).replace('`', chr(39))}`"
