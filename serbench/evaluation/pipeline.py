"""The whole benchmark: plan, extract what is missing, run what is missing, read."""

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypedDict, Unpack

from serbench import parallel
from serbench.contracts import Located
from serbench.errors import BadParameter, CorpusError, FoldError, SerbenchError, nearest
from serbench.evaluation import fold as worker
from serbench.evaluation import kept_models
from serbench.evaluation.plan import Job, Plan, Resources, jobs_of, plan
from serbench.evaluation.progress import Listener, Quiet
from serbench.features import extraction
from serbench.features.audio import Decoded, Digests, remarks
from serbench.features.store import Feature, Store
from serbench.files import claimed
from serbench.parallel import Engine
from serbench.protocols import leakage, lookup
from serbench.results import run
from serbench.results.config import Request
from serbench.results.fold_file import read_facts
from serbench.settings import Settings, require_known, results_folder, settings
from serbench.specs import by_path

FEW = 100  # utterances that are not worth starting processes for


def extract(
    plan: Plan, waiting: Sequence[int], places: Settings, listener: Listener
) -> Mapping[str, str]:
    """Decode what is not known, and extract what the waiting folds miss.

    The listener gets remarks on odd audio, whether it was decoded now or earlier.

    Returns:
        The digest of every utterance's samples, by id.

    Raises:
        FoldError: a file cannot be read, or the extractor breaks its contract.
    """
    wanted = {one for position in waiting for one in plan.ids(position)}
    feature = Feature.of(plan.config)
    known = extraction.audio_digests(plan.corpus, places.cache, plan.source.root)
    store = Store(feature.folder(places.cache))
    files = [
        (str(utterance.path), utterance.id in wanted)
        for utterance in plan.corpus.utterances
        if (key := known[utterance.id]) is None or (utterance.id in wanted and key not in store)
    ]
    found: dict[str, Decoded] = {}

    def hear(_: int, words: parallel.Words) -> None:
        found.update((one[0], Decoded(*one)) for one in words["digests"])
        listener.extracting(len(found), len(files))

    try:
        _work(files, plan, places, hear)
    finally:  # whatever stops it, what is decoded is decoded
        remembered = Digests(places.cache, plan.source.root)
        remembered.remember(found.values())
    paths = {one.id: one.path for one in plan.corpus.utterances if one.path is not None}
    for line in remarks({one: remembered.oddity(path) for one, path in paths.items()}):
        listener.remarked(line)
    decoded = {one: found[str(path)].digest for one, path in paths.items() if str(path) in found}
    return {one: decoded.get(one, str(key)) for one, key in known.items()}


def _work(
    files: Sequence[tuple[str, bool]], plan: Plan, places: Settings, hear: parallel.Hear
) -> None:
    if not files:
        return
    common = {
        "feature": dataclasses.asdict(Feature.of(plan.config)),
        "cache": str(places.cache.resolve()),
        "threads": 1,
    }
    at_once = parallel.cores() if len(files) > FEW else 1
    items = [{**common, "files": files[start::at_once]} for start in range(at_once)]
    engine = parallel.of(at_once if at_once > 1 else 0, threads=1)
    for outcome in engine(extraction.extract, items, hear):
        if outcome.result is None:
            raise FoldError(outcome.error)


class What(TypedDict, total=False):
    """What may differ from the defaults; see `serbench.results.config.Request`."""

    protocol: str | None
    labels: str | None
    seed: int
    params: Mapping[str, object]
    trim_db: float | None
    data: str | Path | None
    features: str | None
    precision: str
    threads: int | None


def evaluate(  # noqa: PLR0913 - whoever leaves one out gets what the command line gets
    model: str,
    dataset: str,
    *,
    jobs: int | None = None,
    device: str | None = None,
    results: str | Path | None = None,
    listener: Listener | None = None,
    keep_models: bool = False,
    folds: Collection[str] | None = None,
    **what: Unpack[What],
) -> run.Run:
    """Train and test a model on a dataset under a protocol; finished folds are not run again.

    Args:
        model: a model's name; `serbench models` lists them. Or its import path:
            "my_ser:Nearest", "sklearn.svm:SVC".
        dataset: a dataset's name with its parameters; `serbench datasets` lists them.
        jobs: how many folds run at the same time, each in fresh processes of its own; None runs as
            many as fill the cores and fit into memory; 0 runs them in this process, for debuggers.
            Predictions do not depend on it.
        device: "auto", "cpu" or "cuda"; None is SERBENCH_DEVICE, or "auto". The device is looked
            for where a fold is trained.
        results: the parent folder of all runs; None is SERBENCH_RESULTS, or "results".
        listener: hears the progress.
        keep_models: keep every fold's model in the run's folder, for `serbench.predict`.
        folds: run only the folds of these names, and leave the others as they are.
        **what: see `serbench.results.config.Request`.

    Returns:
        The run: prints as a table, converts to a data frame.

    Raises:
        SerbenchError: anything that a user can mend; finished folds are kept.
    """
    listener = listener or Quiet()
    places = settings()
    if jobs is not None and jobs < 0:
        raise BadParameter(f"jobs is {jobs}, but must be 0 or more")
    wanted_device = require_known(device or places.device)
    if keep_models:
        kept_models.saving(model)  # it refuses what cannot be kept
    made = plan(Request(model, dataset, **what), places)  # shared speakers are refused here
    wanted = _wanted(made, folds)
    folder = results_folder(results) / made.config.name
    lent = Resources(folder, places.cache, wanted_device, keep_models, isolated=jobs != 0)
    missing = {lent.result(one).stem: one for one in wanted if not lent.result(one).exists()}
    with claimed(folder, list(missing)) as held:  # other commands may compute other folds
        finished = [one for one in range(len(made.folds)) if lent.result(one).exists()]
        taken = {missing[stem]: holder for stem, holder in held.items()}
        waiting = [one for one in missing.values() if one not in finished and one not in taken]
        if not waiting:
            _check_computed(made, lent, taken)
        if keep_models:
            _check_kept(made, lent, finished)
        listener.planned(made, folder, len(wanted) - len(taken), len(waiting))
        for line in (*made.doubts, *lookup.fold_remarks(made.corpus, made.folds)):
            listener.remarked(line)
        audio = extract(made, waiting, places, listener)
        planned = jobs_of(made, lent, audio)
        _check_finished(made, (planned[position] for position in finished))
        leaking = leakage.check(made.corpus, [made.folds[one] for one in waiting], audio)
        leakage.require_clean(made.protocol, leaking)  # shared recordings are refused here
        at_once = at_a_time(made, len(waiting), wanted_device) if jobs is None else jobs
        engine = parallel.of(min(at_once, parallel.cores()), made.config.threads)
        # each in `worker.run`: leakage certificate, fit, predict, the result's file
        _run(made, [planned[position] for position in waiting], engine, listener)
    _check_computed(made, lent, taken)
    return run.read(folder)  # scores are worked out from the files alone


def at_a_time(made: Plan, folds: int, device: str) -> int:
    """Return how many folds fill the cores and fit into memory; at least 1.

    A model that wants a GPU, and may use one, runs one fold at a time: folds would share its
    memory.
    """
    if made.gpus and device != "cpu" and any(Path("/dev").glob("nvidia[0-9]*")):
        return 1
    by_memory = parallel.free_memory() / made.memory
    return max(1, int(min(folds, parallel.cores() // made.config.threads, by_memory)))


def _wanted(made: Plan, folds: Collection[str] | None) -> list[int]:
    """The positions of the folds of these names, in the protocol's order; None is all.

    Raises:
        UnknownName: the protocol has no such fold.
    """
    names = [fold.name for fold in made.folds]
    for name in folds or ():
        if name not in names:
            raise nearest(f"fold of {made.config.protocol}", name, names)
    return [at for at, name in enumerate(names) if folds is None or name in folds]


def _check_computed(made: Plan, lent: Resources, taken: Mapping[int, str]) -> None:
    """Refuse to show a run while folds that were asked for are being computed elsewhere.

    Raises:
        SerbenchError: another process is computing a fold; the message says which.
    """
    names: dict[str, list[str]] = {}
    for position, holder in taken.items():
        if not lent.result(position).exists():
            names.setdefault(holder, []).append(made.folds[position].name)
    if names:
        busy = "; ".join(
            f"{'folds' if len(some) > 1 else 'fold'} {', '.join(some)} of {lent.folder.name} "
            f"{'are' if len(some) > 1 else 'is'} being computed by {holder}"
            for holder, some in names.items()
        )
        raise SerbenchError(
            f"{busy}: wait for that command, or stop it, and run this one again; what is finished "
            "is kept"
        )


def _check_kept(made: Plan, lent: Resources, finished: Sequence[int]) -> None:
    """Refuse to keep the models of a run whose finished folds have kept none.

    Raises:
        SerbenchError: models are gone, and only fitting them again brings them back.
    """
    lost = [
        position for position in finished if not kept_models.folder(lent.folder, position).is_dir()
    ]
    if lost:
        names = ", ".join(made.folds[position].name for position in lost)
        files = ", ".join(lent.result(position).name for position in lost)
        raise SerbenchError(
            f"{len(lost)} of {len(made.folds)} folds ({names}) are finished, but their models were "
            f"not kept: remove {files} from {lent.folder}, and run the same command again, or use "
            "another --results folder"
        )


def _check_finished(made: Plan, finished: Iterable[Job]) -> None:
    """Refuse to go on with folds that were made of other data.

    Raises:
        CorpusError: the corpus, the protocol or the audio is not what it was.
    """
    for job in finished:
        facts = read_facts(Path(job.result))
        if (facts["config"], facts["fold"]["index"]) != (job.config.words(), job.fold):
            raise SerbenchError(
                f"{job.result} is of another run or fold, so it was copied there: remove it, and "
                "run the same command again"
            )
        changed = [name for name, pin in job.pins.items() if facts["pins"].get(name) != pin]
        if changed:
            raise CorpusError(_changed(made, changed, job))


def _changed(made: Plan, pins: Sequence[str], job: Job) -> str:
    """Return the message for data that changed since a fold was made."""
    folder = Path(job.result).parent
    if not isinstance(made.source.dataset, Located) or pins == ["protocol"]:
        return (
            f"the {' and the '.join(pins)} changed since {job.result} was made: restore it, or "
            f"keep that run and start anew with another --results folder, or remove {folder}"
        )
    kind, _, rest = made.config.dataset.partition(":")
    called, comma, params = rest.partition(",")
    noun = "table" if made.source.dataset.endings else "folder"
    return (
        f"another {noun} called {kind}:{called} has run here, or this one changed since: "
        f"{made.source.root} is not what {job.result} was made of. Use another --results folder, "
        f"or give it another name, --dataset {kind}:OTHER{comma}{params} --data "
        f"{made.source.root}; if the old run is no longer wanted, remove {folder}"
    )


def _features(made: Plan) -> str:
    """A hint for those whose model expects something else than it gets."""
    if not by_path(made.config.model) or made.config.feature != "waveform":
        return ""
    return (
        f"{made.config.model} was given waveforms of different lengths; if it wants vectors, add "
        "--features functionals\n"
    )


def _run(made: Plan, waiting: Sequence[Job], engine: Engine, listener: Listener) -> None:
    """Run the jobs; what one does wrong stops none of the others.

    Raises:
        FoldError: folds that failed, each with its reason.
    """
    names = [made.folds[job.fold].name for job in waiting]
    failed: dict[str, str] = {}
    for outcome in engine(
        worker.run,
        [job.words() for job in waiting],
        lambda item, words: listener.training(names[item], words),
    ):
        listener.finished(names[outcome.item], outcome.error)
        if outcome.error:
            failed[names[outcome.item]] = outcome.error
    if failed:
        alike: dict[str, list[str]] = {}
        for name in (one for one in names if one in failed):  # in the protocol's order
            alike.setdefault(failed[name], []).append(name)
        reasons = "\n".join(
            f"fold{'s' * (len(names) > 1)} {', '.join(names)}: {error}"
            for error, names in alike.items()
        )
        kept = len(list(Path(waiting[0].result).parent.glob("*.safetensors")))
        raise FoldError(
            f"{reasons}\n{_features(made)}{len(failed)} of {len(made.folds)} folds failed, {kept} "
            "are kept; mend the cause and run the same command again: only the missing folds run"
        )
