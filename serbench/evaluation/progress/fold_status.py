"""Store where each fold stands in files beside the results, for `serbench study status`."""

import contextlib
import json
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from serbench.errors import SerbenchError
from serbench.files import replacing

PAUSE = 1.0  # seconds between two writings


@dataclass(frozen=True)
class Progress:
    """Where a fold stands."""

    started: float  # when its process began, in seconds since 1970
    host: str
    pid: int
    updated: float  # when this was written
    began: float = 0.0  # when training began; 0 before
    epoch: int = 0  # 0 before the first is done
    epochs: int = 0
    within_epoch: float = 0.0  # the share of the next epoch that is done
    stage: str = ""  # "features" while the fold extracts missing features
    values: Mapping[str, float] = field(default_factory=dict)  # of the last epoch

    @property
    def share(self) -> float:
        """The share of all epochs that is done; 0 if their number is unknown."""
        return (self.epoch + self.within_epoch) / self.epochs if self.epochs else 0.0


class Reporter:
    """Write a fold's progress at most once per `PAUSE`."""

    def __init__(self, result: Path):
        self._path = progress_file(result)
        now = time.time()
        self._now = Progress(now, platform.node(), os.getpid(), now)
        self._written = 0.0
        failure_file(result).unlink(missing_ok=True)
        self.add({})

    def add(self, message: Mapping[str, Any]) -> None:
        """Take in what a fold sends: its stage, progress within an epoch, or an epoch's values."""
        known = {**asdict(self._now), "updated": time.time()}
        if "epoch" in message:
            known |= {"epoch": message["epoch"], "epochs": message["epochs"], "stage": ""}
            known["within_epoch"] = message.get("within_epoch", 0.0)
        if message.get("stage") == "training" or (
            message.get("within_epoch") == message.get("epoch") == 0
        ):
            known["began"] = known["updated"]
        if "epoch" in message and "within_epoch" not in message:
            known["values"] = {
                name: value for name, value in message.items() if name not in ("epoch", "epochs")
            }
        elif "stage" in message:
            known["stage"] = message["stage"]
        self._now = Progress(**known)
        if time.monotonic() - self._written > PAUSE:
            with contextlib.suppress(SerbenchError):  # a full disk: the fold itself fails too
                _write(self._path, known)
            self._written = time.monotonic()


def progress_file(result: Path) -> Path:
    """Return the file with the progress of the fold that writes `result`."""
    return result.with_name(f".{result.stem}.progress.json")


def failure_file(result: Path) -> Path:
    """Return the file that says why the fold that writes `result` last failed."""
    return result.with_name(f".{result.stem}.failure.json")


def read(result: Path) -> Progress | None:
    """Return the last progress of a fold; None if none is stored."""
    try:
        return Progress(**json.loads(progress_file(result).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def failed(result: Path, reason: str) -> None:
    """Store why a fold failed."""
    _write(failure_file(result), {"reason": reason, "host": platform.node(), "time": time.time()})


def failure(result: Path) -> str:
    """Return why a fold last failed; "" if it has not failed since its last start."""
    try:
        return str(json.loads(failure_file(result).read_text())["reason"])
    except (OSError, ValueError, TypeError, KeyError):
        return ""


def clear(result: Path) -> None:
    """Remove what is stored about a fold that is done, or that starts again."""
    for path in (progress_file(result), failure_file(result)):
        path.unlink(missing_ok=True)


def _write(path: Path, value: Mapping[str, Any]) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value))
