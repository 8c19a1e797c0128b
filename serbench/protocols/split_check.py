"""Check a split: what its sets share, how even they are, and which utterances it leaves out."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from serbench import tables
from serbench.corpus import PARTS, Corpus, Fold, Utterance
from serbench.protocols import leakage
from serbench.protocols.leakage import PAIRS

KINDS = ("speaker", "session", "dialogue", "sentence")
VERBS = {"train": "train", "validation": "validate"}
FORMATS = (*tables.FORMATS, "json")


@dataclass(frozen=True)
class Overlap:
    """What a later set of a fold shares with an earlier one: test with training, for example.

    Attributes:
        shared: how many speakers, sessions, dialogues or sentences of the later set are in the
            earlier one too.
        total: how many the later set has.
        utterances: utterances of the later set that have one of the shared.
        of_utterances: all utterances of the later set.
    """

    shared: int
    total: int
    utterances: int
    of_utterances: int

    def __add__(self, other: "Overlap") -> "Overlap":
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Overlap(*(ours + theirs for ours, theirs in pairs))


@dataclass(frozen=True)
class SplitCheck:
    """The folds of a split on a corpus, with everything that `serbench protocol check` tells.

    Attributes:
        name: the name of the protocol.
        corpus: the corpus, with all its utterances.
        checked: the folds with their certificates.
        compared: how many utterances' audio was compared.
        faults: lines on wrong rows of a split file.
    """

    name: str
    corpus: Corpus
    checked: leakage.Checked
    compared: int = 0
    faults: Sequence[str] = ()

    @property
    def is_clean(self) -> bool:
        """Whether no speaker and no recording is in two sets, and a split file has no faults."""
        return not self.faults and all(certificate.clean for _, certificate in self.checked)

    @cached_property
    def kinds(self) -> list[str]:
        """Those of speakers, sessions, dialogues and sentences that the corpus has."""
        return [kind for kind in KINDS if any(getattr(u, kind) for u in self.corpus.utterances)]

    def overlap(self, fold: Fold, pair: tuple[str, str], kind: str) -> Overlap:
        """Return what the later set of a pair shares with the earlier one."""
        earlier, later = (
            [getattr(self.corpus.by_id[id_], kind) for id_ in getattr(fold, part)] for part in pair
        )
        known = set(earlier) - {""}
        shared = [name for name in later if name in known]
        return Overlap(len(set(shared)), len(set(later) - {""}), len(shared), len(later))

    def overlaps(self, pair: tuple[str, str], kind: str) -> Overlap:
        """Return the sum of `overlap` over all folds."""
        return sum(
            (self.overlap(fold, pair, kind) for fold, _ in self.checked), Overlap(0, 0, 0, 0)
        )

    def rows(self) -> list[dict[str, object]]:
        """Return a row for each fold and pair of sets: what the later set shares, and the verdict.

        Sets that a split file lacks are left out. Counts are written "4 of 10"; recordings are None
        if audio was not compared.
        """
        pairs = [(fold, pair) for fold, _ in self.checked for pair in PAIRS]
        rows = []
        for (fold, pair), row in zip(pairs, leakage.rows(self.checked), strict=True):
            if not all(getattr(fold, part) for part in pair):
                continue
            cells: dict[str, object] = {"fold": row["fold"], "sets": row["sets"]}
            for kind in self.kinds:
                overlap = self.overlap(fold, pair, kind)
                cells[f"{kind}s"] = f"{overlap.shared} of {overlap.total}"
                if kind == "speaker":
                    cells["utterances"] = f"{overlap.utterances} of {overlap.of_utterances}"
            unknown = {key: row[key] for key in ("unknown speakers",) if key in row}
            rows.append(cells | unknown | {"recordings": row["audio"], "verdict": row["verdict"]})
        return rows

    def table(self, form: str = "text") -> str:
        """Return the rows in one of `tables.FORMATS`."""
        rows = self.rows()
        body = [["-" if cell is None else f"{cell}" for cell in row.values()] for row in rows]
        return tables.table(list(rows[0]), body, form)

    # ---- what to conclude ----

    def verdict(self) -> str:
        """Return one line on speakers, recordings, sentences and so on, summed over the folds."""
        return "; ".join(
            [
                self._folds(),
                self._speakers(),
                self._recordings(),
                *(self._shared(kind) for kind in self.kinds if kind != "speaker"),
                *self.coverage(),
                *self.faults,
            ]
        )

    def _folds(self) -> str:
        folds = len(self.checked)
        return "1 fold" if folds == 1 else f"{folds} folds, all counts are sums over them"

    def _speakers(self) -> str:
        leaks = [self._shared("speaker", pair) for pair in PAIRS]
        unknown = sum(
            certificate.speakerless[part]
            for _, certificate in self.checked
            for part in PARTS
            if part != "train"
        )
        if unknown:
            leaks.append(f"{tables.count(unknown, 'utterance')} of unknown speakers not in train")
        found = [leak for leak in leaks if leak]
        return f"speaker-disjoint: {'no, ' + ', '.join(found) if found else 'yes'}"

    def _shared(self, kind: str, pair: tuple[str, str] = ("train", "test")) -> str:
        """Say how many of the later set's are in the earlier one; "" for no shared speaker."""
        overlap = self.overlaps(pair, kind)
        earlier, later = pair
        if kind != "speaker":
            return f"{later} {kind}s that {VERBS[earlier]}: {overlap.shared} of {overlap.total}"
        if not overlap.shared:
            return ""
        return (
            f"{overlap.shared} of {overlap.total} {later} speakers {VERBS[earlier]} "
            f"({overlap.utterances} of {overlap.of_utterances} {later} utterances)"
        )

    def _recordings(self) -> str:
        twins = [twin for _, certificate in self.checked for twin in certificate.audio.values()]
        count = sum(twin.count for twin in twins)
        if not count and not self.compared:
            return "recordings not compared"
        if not count:
            return f"identical recordings in two sets: none of {self.compared}"
        example = next(twin.examples[0] for twin in twins if twin.count)
        return f"identical recordings in two sets: {count}, such as {example}"

    def coverage(self) -> list[str]:
        """Return what is never tested, tested several times, or left out."""
        tested = Counter(id_ for fold, _ in self.checked for id_ in set(fold.test))
        groups = Counter(fold.group for fold, _ in self.checked if fold.group)
        again = sum(times - 1 for times in groups.values())  # competing folds share a test set
        used = {id_ for fold, _ in self.checked for part in PARTS for id_ in getattr(fold, part)}
        ids = [utterance.id for utterance in self.corpus.utterances]
        never = [id_ for id_ in ids if id_ not in tested]
        unused = [id_ for id_ in ids if id_ not in used]
        often = [id_ for id_, times in tested.items() if times > 1]
        if not never and not often:
            return [f"all {len(ids)} utterances are tested once"]
        lines = [f"{len(tested)} of {len(ids)} utterances are tested"]
        if often:
            why = ", by folds that compete" if again else ""
            lines[0] += f", {len(often)} of them several times{why}"
        if unused:
            more = ", ..." if len(unused) > 1 else ""
            lines.append(f"in no set: {tables.count(len(unused), 'utterance')} ({unused[0]}{more})")
        return lines

    def balance(self) -> list[str]:
        """Return lines on how labels and sexes are distributed over test and training sets."""
        sexes = [sex for sex in ("female", "male") if any(u.sex == sex for u in self._all)]
        lines = [self._uneven("labels", self.corpus.labels, lambda utterance: utterance.label)]
        lines += [self._uneven("sexes", sexes, lambda u: u.sex)] if len(sexes) > 1 else []
        return lines

    @property
    def _all(self) -> Sequence[Utterance]:
        return self.corpus.utterances

    def _uneven(self, noun: str, values: Sequence[str], kind: Callable[[Utterance], str]) -> str:
        """Say how far the shares of values in a set are from those in the corpus, at most."""

        def shares(utterances: Sequence[Utterance]) -> Mapping[str, float]:
            counts = Counter(kind(utterance) for utterance in utterances)
            total = sum(counts[value] for value in values)
            return {value: counts[value] / total if total else 0.0 for value in values}

        usual, words = shares(self._all), []
        for part in ("test", "train"):
            apart = [
                (abs(share - usual[value]), share, value, fold.name)
                for fold, _ in self.checked
                for value, share in shares(
                    [self.corpus.by_id[id_] for id_ in getattr(fold, part)]
                ).items()
            ]
            most, share, value, fold_name = max(apart, key=lambda row: row[0])
            words.append(
                f"{part} sets are up to {tables.percent(most)} points off ({tables.percent(share)} "
                f"% {value} in fold {fold_name}, {tables.percent(usual[value])} % in the corpus)"
                if tables.percent(most) != "0.00"
                else f"{part} sets are as the corpus"
            )
        return f"{noun}: {', '.join(words)}"

    def to_json(self) -> dict[str, object]:
        """Return everything as plain values; counts of pairs are [shared, total]."""
        return {
            "protocol": self.name,
            "corpus": self.corpus.name,
            "clean": self.is_clean,
            "verdict": self.verdict(),
            "balance": self.balance(),
            "compared": self.compared,
            "folds": [
                {
                    "fold": fold.name,
                    "sets": list(pair),
                    **{f"{kind}s": vars(self.overlap(fold, pair, kind)) for kind in self.kinds},
                    "certificate": certificate.counts(pair),
                }
                for fold, certificate in self.checked
                for pair in PAIRS
            ],
        }
