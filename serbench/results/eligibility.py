"""The reasons why a run has no rank, worded once for tables, reports, badges and the leaderboard.

`objections` gives the reasons that follow from a run's own folds. The constants also cover reasons
that need a submission's card, the ledger or other runs. Runs that see more of the test set than the
utterance to predict have ranks, but in a table of their own: `sees` says what they see.
"""

from collections.abc import Sequence

from serbench import tables
from serbench.results.config import Config
from serbench.results.fold_schema import Facts

LEAKS = "leaks: {}"
BATCH = "labels depend on the batch: some change when an utterance is predicted alone"

PARTIAL = "Do not compare means over some of a protocol's folds with means over all of them."
INCOMPLETE = "incomplete"

IMPORTED = "its predictions are from a published table, so nobody here can repeat its training"
SEEN = "its model had seen the test corpus"
LONE_AUDIO = "no other account has its audio, so there is nothing to rank it against"
OTHER_UTTERANCES = "its counts are not of the utterances that the recomputed runs were tested on"
DISAGREEMENT = "{} and {} disagree about the test utterances, and nothing tells which is right"
COPY = "same predictions as {}"
COPIED_SEED = "same predictions as {}, so both count as one seed"
COPIED_TOGETHER = "same predictions as {}; both were added together, so neither was first"
SENT_BEFORE = "same answers as {}, which {} sent before"


SEES = {
    "speaker": "unlabelled utterances of the tested speaker",
    "set": "the unlabelled test set",
}
"""What else of the test set the inputs of a test utterance depend on, by `Config.normalise`."""


def sees(config: Config) -> str:
    """Return what a run's models see of the test set besides the utterance, or ""."""
    return SEES.get(config.normalise.partition(":")[0], "")


def leak(folds: Sequence[Facts]) -> str:
    """Return what training, validation and test sets share, or ""."""
    if (imported := folds[0].imported) and imported.leaks:
        return imported.leaks
    clean = all(facts.certificate["clean"] for facts in folds)
    return folds[0].protocol.leaks or ("" if clean else "sets share speakers or audio")


def objections(folds: Sequence[Facts], missing: int) -> tuple[str, ...]:
    """Return every reason why a run has no rank, the gravest first; () if it may be ranked.

    Args:
        folds: the facts of the run's folds, at least one.
        missing: how many folds of the protocol are missing.
    """
    reasons = []
    if shared := leak(folds):
        reasons.append(LEAKS.format(shared))
    if imported := folds[0].imported:
        reasons += [IMPORTED, *imported.caveats]
    if any(facts.folds_before for facts in folds):
        reasons.append(
            "folds were trained in one process, one after the other (--jobs 0): one may know what "
            "another has learned"
        )
    unchecked = [facts.alone.unchecked for facts in folds if facts.alone.utterances == 0]
    if unchecked and not imported:
        reason = unchecked[0] or "no utterance was predicted alone"
        reasons.append(f"batch effects unchecked: {reason}")
    if any(facts.alone.other_labels for facts in folds):
        reasons.append(BATCH)
    models = [facts.model for facts in folds]
    if any(model.get("pretrained") is False for model in models):
        reasons.append("random weights, not pretrained")
    if before := {str(model.get("fine_tuned_before") or "") for model in models} - {""}:
        reasons.append(
            f"its checkpoint was fine-tuned before, to tell apart {min(before)}: it may have "
            "learned from these test speakers"
        )
    if missing:
        total = tables.count(folds[0].protocol.folds, "fold")
        reasons.append(f"{INCOMPLETE}: {missing} of {total} {tables.are(missing)} missing")
    return tuple(reasons)
