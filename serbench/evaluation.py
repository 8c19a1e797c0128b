"""The whole benchmark: plan, extract what is missing, run what is missing, read."""

import dataclasses
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypedDict, Unpack

from serbench import engines, jobs, results, runs, worker
from serbench.audio import Digests
from serbench.errors import BadParameter, CorpusError, FoldError, SerbenchError
from serbench.features import Store
from serbench.files import digest
from serbench.jobs import Job, Plan, Request
from serbench.settings import Settings, settings

FEW = 100  # utterances that are not worth starting processes for


class What(TypedDict, total=False):
    """What may differ from the defaults; see `serbench.jobs.Request`."""

    protocol: str | None
    labels: str | None
    seed: int
    params: Mapping[str, object]
    trim_db: float | None
    data: str | Path | None


class Listener(Protocol):
    """Hears how an evaluation goes on."""

    def planned(self, plan: Plan, folder: Path, todo: int) -> None:
        """`todo` folds of the plan are still to be run."""

    def extracting(self, done: int, total: int) -> None:
        """`done` of `total` utterances have been decoded and their features stored."""

    def training(self, fold: str, words: Mapping[str, Any]) -> None:
        """A model reports: "epoch", "epochs", and points of its learning curve."""

    def finished(self, fold: str, error: str) -> None:
        """A fold is done, or failed with an error."""


class Quiet:
    """Hears, and says nothing."""

    def planned(self, plan: Plan, folder: Path, todo: int) -> None:
        """Say nothing."""

    def extracting(self, done: int, total: int) -> None:
        """Say nothing."""

    def training(self, fold: str, words: Mapping[str, Any]) -> None:
        """Say nothing."""

    def finished(self, fold: str, error: str) -> None:
        """Say nothing."""


def evaluate(
    model: str,
    dataset: str,
    *,
    at_once: int = 1,
    device: str | None = None,
    results: str | Path | None = None,
    listener: Listener | None = None,
    **what: Unpack[What],
) -> runs.Run:
    """Train and test a model on a dataset under a protocol; finished folds are not run again.

    Args:
        model: a model's name; `serbench models` lists them.
        dataset: a dataset's name with its parameters; `serbench datasets` lists them.
        at_once: how many folds run at the same time, each in a process of its own.
        device: "auto", "cpu" or "cuda".
        results: the parent folder of all runs; the default is "results".
        listener: hears the progress.
        **what: see `serbench.jobs.Request`.

    Returns:
        The run: prints as a table, converts to a data frame.

    Raises:
        SerbenchError: anything that a user can mend; finished folds are kept.
    """
    listener = listener or Quiet()
    places = settings()
    plan = jobs.plan(Request(model, dataset, **what), places)
    folder = Path(results or places.results) / plan.config.name
    at_once = _checked(at_once)
    planned = jobs.jobs(
        plan,
        folder,
        places,
        device=_device(device or places.device),
        threads=max(1, engines.cores() // at_once),
    )
    waiting = [job for job in planned if not Path(job.result).exists()]
    listener.planned(plan, folder, len(waiting))
    audio = _extract(plan, waiting, places, listener)
    _check_finished(plan, [job for job in planned if job not in waiting], audio)
    _run(plan, waiting, at_once, listener)
    return runs.read(folder)


def _checked(at_once: int) -> int:
    if at_once < 1:
        raise BadParameter(f"--jobs is {at_once}, but must be 1 or more")
    return min(at_once, engines.cores())


def _device(wanted: str) -> str:
    """Which device models use; torch is asked only if the model has already imported it."""
    torch: Any = sys.modules.get("torch")
    cuda = torch is not None and torch.cuda.is_available()
    if wanted not in ("auto", "cpu", "cuda"):
        raise BadParameter(f"the device is {wanted!r}, but must be auto, cpu or cuda")
    if wanted == "cuda" and torch is not None and not cuda:
        raise SerbenchError("there is no CUDA device that PyTorch can use; try --device cpu")
    return "cuda" if cuda and wanted != "cpu" else "cpu"


def _extract(
    plan: Plan, waiting: Sequence[Job], places: Settings, listener: Listener
) -> Mapping[str, str]:
    """Decode what is not known and extract what is missing; the digest of each utterance."""
    wanted = {one for job in waiting for one in _ids(plan, job)}
    feature = plan.config.features
    known = worker.audio_digests(plan.corpus, places.cache, plan.source.root)
    store = Store(feature.folder(places.cache))
    files = [
        (str(utterance.path), utterance.id in wanted)
        for utterance in plan.corpus.utterances
        if (key := known[utterance.id]) is None or (utterance.id in wanted and key not in store)
    ]
    if not files:
        return {one: str(key) for one, key in known.items()}
    remembered = Digests(places.cache, plan.source.root)
    done = 0

    def hear(_: int, words: engines.Words) -> None:
        nonlocal done
        done += words["utterances"]
        listener.extracting(done, len(files))

    listener.extracting(0, len(files))
    common = {
        "feature": dataclasses.asdict(feature),
        "cache": str(places.cache.resolve()),
        "threads": 1,
    }
    at_once = engines.cores() if len(files) > FEW else 1
    items = [{**common, "files": files[start::at_once]} for start in range(at_once)]
    for outcome in _outcomes(worker.extract, items, hear, at_once):
        if outcome.result is None:
            raise FoldError(outcome.error)
        found = outcome.result["digests"]
        remembered.remember((Path(path), stamp, key) for path, stamp, key in found)
    known = worker.audio_digests(plan.corpus, places.cache, plan.source.root)
    return {one: str(key) for one, key in known.items()}


def _ids(plan: Plan, job: Job) -> tuple[str, ...]:
    fold = plan.folds[job.fold]
    return (*fold.train, *fold.validation, *fold.test)


def _check_finished(plan: Plan, finished: Iterable[Job], audio: Mapping[str, str]) -> None:
    """Refuse to go on with folds that were made of other data.

    Raises:
        CorpusError: the corpus, the protocol or the audio is not what it was.
    """
    for job in finished:
        facts = results.read_facts(Path(job.result))
        pins = {**job.pins, "audio": digest([audio[one] for one in _ids(plan, job)])}
        changed = [name for name, pin in pins.items() if facts["pins"].get(name) != pin]
        if changed:
            raise CorpusError(
                f"the {' and the '.join(changed)} changed since {job.result} was made: restore "
                f"it, or keep that run and start anew with another --results folder, or remove "
                f"{Path(job.result).parent}"
            )


def _run(plan: Plan, waiting: Sequence[Job], at_once: int, listener: Listener) -> None:
    """Run the jobs; what one does wrong stops none of the others.

    Raises:
        FoldError: folds that failed, each with its reason.
    """
    names = [plan.folds[job.fold].name for job in waiting]
    failed: dict[str, str] = {}
    for outcome in _outcomes(
        worker.run,
        [job.words() for job in waiting],
        lambda item, words: listener.training(names[item], words),
        at_once,
    ):
        listener.finished(names[outcome.item], outcome.error)
        if outcome.error:
            failed[names[outcome.item]] = outcome.error
    if failed:
        reasons = "\n".join(f"fold {name}: {error}" for name, error in failed.items())
        kept = len(plan.folds) - len(failed)
        raise FoldError(
            f"{reasons}\n{len(failed)} of {len(plan.folds)} folds failed, {kept} are kept; mend "
            "the cause and run the same command again: only the missing folds run"
        )


def _outcomes(
    function: engines.Function, items: Sequence[engines.Words], hear: engines.Hear, at_once: int
) -> Iterable[engines.Outcome]:
    if at_once == 1:
        return engines.local(function, items, hear)
    threads = max(1, engines.cores() // at_once)
    return engines.processes(function, items, hear, at_once=at_once, threads=threads)
