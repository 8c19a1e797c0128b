"""Log a run to MLflow: its parameters, the scores of every fold, learning curves, its files.

Usage: python docs/examples/track_mlflow.py RUN [STORE]

RUN is a run's folder or the start of its name, STORE an address of MLflow's; the default is the
folder mlruns. Needs `pip install mlflow-skinny`.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlflow

from serbench import Listener, Run
from serbench.metrics.classification import METRICS
from serbench.results.run import find
from serbench.settings import results_folder


def log(run: Run) -> str:
    """Log a finished run, and return the name that MLflow gives it."""
    mlflow.set_experiment(run.config.dataset.replace(":", "-"))
    with mlflow.start_run(run_name=run.name) as tracked:
        mlflow.log_params(flat(run.config.stored()))
        mlflow.set_tags({"ranked": run.ranked, "leaks": run.facts.protocol.leaks or "no"})
        for name in METRICS:
            mlflow.log_metric(f"mean.{name}", run.mean_std(name).mean)
            for fold, score in enumerate(run.scores(name), start=1):
                mlflow.log_metric(f"fold.{name}", float(score), step=fold)
        for fold in run.folds:
            for point in fold.facts.curve:
                log_point(fold.facts.fold.name, point)
        for path in sorted(run.folder.glob("*.safetensors")):
            mlflow.log_artifact(str(path), "results")
        return str(tracked.info.run_id)


def log_point(fold: str, point: Mapping[str, Any]) -> None:
    """Log one point of a learning curve; its step is the epoch."""
    values = {name: value for name, value in point.items() if name not in ("epoch", "epochs")}
    for name, value in values.items():
        mlflow.log_metric(f"curve.{fold}.{name}", value, step=int(point["epoch"]))


def flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """A run's identity, a level deep: params.epochs, reading.trim_db."""
    nested = {name: value for name, value in config.items() if isinstance(value, Mapping)}
    plain = {name: value for name, value in config.items() if name not in nested}
    return plain | {f"{name}.{one}": nested[name][one] for name in nested for one in nested[name]}


class Live(Listener):
    """Follows an evaluation: serbench.evaluate(..., listener=Live()), in an MLflow run."""

    def training(self, run: str, fold: str, words: Mapping[str, Any]) -> None:
        """Log what a model reports, as soon as it does."""
        log_point(fold, words)

    def finished(self, run: str, fold: str, error: str) -> None:
        """Mark a fold as done, or tell why it failed."""
        mlflow.set_tag(f"fold.{fold}", error or "done")


if __name__ == "__main__":
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri(
        sys.argv[2] if len(sys.argv) > 2 else Path("mlruns").absolute().as_uri()
    )
    print(log(find(sys.argv[1], results_folder(None))))
