"""What a dataset must do: the same corpus wherever it is, honest protocols, helpful errors."""

import dataclasses
from collections import Counter
from pathlib import Path

from serbench.contracts import About
from serbench.corpus import Corpus
from serbench.errors import CorpusError
from serbench.files import file_digest
from serbench.protocols import leakage, lookup, speakers
from serbench.testing.checks.parameters import require_parameters
from serbench.testing.examination import Check, NotRun, Violation, blaming
from serbench.testing.subjects.dataset import Known, Split


def is_made(known: Known) -> str:
    """It is imported, takes its parameters, and says where its corpus comes from.

    Whoever lacks the corpus reads title, size, licence and how to get it.
    """
    about = known.about
    if not isinstance(about, About):
        raise Violation(f"about is a {type(about).__name__}: make it a serbench.contracts.About")
    for name, value in dataclasses.asdict(about).items():
        if not isinstance(value, str) or not value.strip():
            raise Violation(f"about.{name} is empty: say it in a few words")
    if known.source.generated:
        _require_version(known)
    return about.title


def _require_version(known: Known) -> None:
    """Refuse a generated corpus whose folder could not tell a new one from an old one."""
    if not isinstance(known.dataset.version, str) or not known.dataset.version:
        raise Violation(
            f"it makes its corpus and has the version {known.dataset.version!r}: give its class "
            'version = "1", and change it whenever what is written changes'
        )


def parameters_are_annotated(known: Known) -> str:
    """Every parameter of the constructor has a default and an annotation that the default fits.

    They are typed behind the name, toy:seed=3, and checked.
    """
    return require_parameters(known.name, known.target)


def is_a_corpus(known: Known) -> str:
    """What is known of it is a Corpus: ids unique, every label among its labels.

    An id names an utterance in every result; two of one name would be scored as one.
    """
    found = [each for each in (known.manifest, _corpus_if_here(known)) if each is not None]
    if not found:
        raise NotRun("it has no manifest, and its corpus is not here; name its folder with --data")
    for corpus in found:
        if not isinstance(corpus, Corpus):
            raise Violation(f"it gives a {type(corpus).__name__}: make it a serbench.corpus.Corpus")
        if not corpus.utterances:
            raise Violation("it gives a corpus without utterances: raise CorpusError instead")
    corpus = found[0]
    return f"{len(corpus.utterances)} utterances, {len(corpus.speakers)} speakers"


def _corpus_if_here(known: Known) -> Corpus | None:
    try:
        return known.corpus
    except NotRun:
        return None


def speakers_are_people(known: Known) -> str:
    """No speaker is missing, a label or a file, and most speak more than one utterance.

    A voice under two names is in training and in test, and no protocol can tell.
    """
    try:
        speakers.require_people(
            known.outline.utterances, known.name, single=speakers.is_single(known.dataset)
        )
    except CorpusError as error:
        raise Violation(str(error)) from error
    return "; ".join(speakers.doubts(known.outline))


def label_sets(known: Known) -> str:
    """There is a label set, and each names only labels of the corpus, and none in vain.

    A label that is misspelt there silently leaves its utterances out.
    """
    sets = known.dataset.label_sets
    if not sets:
        raise Violation("it has no label set: name one that maps every label to itself")
    own, spoken = known.outline.labels, {one.label for one in known.outline.utterances}
    for name, mapping in sets.items():
        if unknown := [label for label in mapping if label not in own]:
            raise Violation(
                f"label set {name} names {unknown[0]!r}, which the corpus lacks: its labels are "
                f"{', '.join(own)}"
            )
        if not mapping or not spoken & set(mapping):
            raise Violation(f"label set {name} leaves nothing of the corpus: name its labels")
    return ", ".join(sets)


def protocols_are_named(known: Known) -> str:
    """Protocols have names of their own, and there is a default.

    serbench evaluate without --protocol takes the first, or default_protocol.
    """
    for name, times in Counter(one.name for one in known.protocols).items():
        if times > 1:
            raise Violation(f"{times} protocols are named {name!r}: give each its own name")
    default = lookup.find_protocol(None, known.dataset).name
    return f"default {default}"


def protocols_hold(known: Known) -> str:
    """Under every label set every protocol makes folds, of utterances that there are.

    Sets that are empty or share utterances stop an evaluation.
    """
    counts = [f"{one.protocol.name} {len(one.folds)}" for one in known.splits]
    return f"folds: {', '.join(dict.fromkeys(counts))}"


def protocols_are_disjoint(known: Known) -> str:
    """No protocol shares a speaker or a recording between its sets, unless it says that it leaks.

    What a model has heard of a speaker in training flatters its score on that speaker.
    """
    audio = _recordings(known)
    for split in known.splits:
        leakage.require_clean(split.protocol, leakage.check(split.corpus, split.folds, audio))
    leaky = [one.name for one in known.protocols if one.leaks]
    compared = "speakers and files" if audio else "speakers"
    return f"{compared} compared" + (f"; declared leaky: {', '.join(leaky)}" if leaky else "")


def _recordings(known: Known) -> dict[str, str]:
    """The digest of every utterance's file, where the corpus is here."""
    corpus = _corpus_if_here(known)
    found = corpus.utterances if corpus is not None else ()
    return {one.id: file_digest(one.path) for one in found if one.path and one.path.is_file()}


def protocols_are_complete(known: Known) -> str:
    """No utterance is in two test sets, and who says so tests every utterance.

    One that is tested twice counts twice in every pooled score.
    """
    remarks = {}
    for split in known.splits:
        tested = _tested_once(split)
        total = len(split.corpus.utterances)
        name = split.protocol.name
        if name in known.complete and len(tested) < total:
            missed = next(one.id for one in split.corpus.utterances if one.id not in tested)
            raise Violation(
                f"protocol {name} is said to test every utterance, but tests {len(tested)} of "
                f"{total}, {missed} not among them"
            )
        remarks[name] = f"{name} tests {len(tested)} of {total}"
    return ", ".join(remarks.values())


def _tested_once(split: Split) -> set[str]:
    """All ids that are tested, in one test set each; folds of a group share theirs."""
    groups = {fold.group or fold.name: fold.test for fold in split.folds}
    times = Counter(one for test in groups.values() for one in test)
    utterance, most = times.most_common(1)[0]
    if most > 1:
        raise Violation(
            f"protocol {split.protocol.name} tests {utterance} in {most} folds: give each "
            "utterance one test set, or make these folds one group"
        )
    return set(times)


def same_corpus_twice(known: Known) -> None:
    """Read twice, it is the same corpus.

    A run's folds are planned in one process and trained in others.
    """
    if _told(known.corpus) != _told(known.read(known.source.root)):
        raise Violation(
            "read twice, the corpora differ: sort what the disk lists, and draw nothing at random"
        )


def _told(corpus: Corpus) -> object:
    return corpus.digest, [dataclasses.astuple(one) for one in corpus.utterances]


def independent_of_the_root(known: Known) -> None:
    """Moved to another folder, or reached by a link, it is the same corpus.

    The same run on another machine must have the same identity.
    """
    here = known.corpus
    link = known.folder / "link"
    if not link.is_symlink():
        link.symlink_to(known.source.root)
    for root, how in ((known.moved, "moved to another folder"), (link, "reached by a link")):
        with blaming(f"with the corpus {how}"):
            there = known.read(root)
        if there.digest != here.digest:
            raise Violation(
                f"{how}, the corpus has other ids, speakers or labels: take them from names below "
                "the root, never from the root's own path"
            )


def paths_exist(known: Known) -> None:
    """Every utterance has a file of its own that is there.

    What is missing is found when reading, not hours later.
    """
    owners: dict[Path, str] = {}
    for one in known.corpus.utterances:
        if one.path is None or not one.path.is_file():
            raise Violation(f"utterance {one.id} has the path {one.path}, which is no file")
        if (other := owners.setdefault(one.path, one.id)) != one.id:
            raise Violation(f"utterances {other} and {one.id} are one file, {one.path}")


def manifest_agrees(known: Known) -> None:
    """Manifest and corpus have the same ids, speakers and labels.

    Protocols, estimates and submissions are worked out from the manifest where no audio is.
    """
    if known.manifest is None:
        raise NotRun("it has no manifest, which is optional")
    read, listed = known.corpus, known.manifest
    if read.digest == listed.digest:
        return
    different = [
        one.id
        for one in (*read.utterances, *listed.utterances)
        if _row(read, one.id) != _row(listed, one.id)
    ]
    what = f"such as {different[0]}" if different else "in the order of their labels"
    raise Violation(
        f"manifest and corpus differ, {what}: {len(listed.utterances)} utterances are listed, "
        f"{len(read.utterances)} are there"
    )


def _row(corpus: Corpus, utterance: str) -> object:
    one = corpus.by_id.get(utterance)
    return one and (one.speaker, one.label)


def absence_is_explained(known: Known) -> None:
    """Where the corpus is not, reading raises a CorpusError that says how to get it.

    It is the first thing that most users see.
    """
    empty = known.folder / "empty"
    empty.mkdir(exist_ok=True)
    places = [known.folder / "absent"]
    # a generated corpus is made whole, so that an empty folder is no user's
    for root in places if known.source.generated else [*places, empty]:
        what = "an empty folder" if root is empty else "a folder that is not there"
        try:
            known.read(root)
        except CorpusError as error:
            _require_help(known, what, str(error).replace(str(root), "..."))
        except Exception as error:
            kind = type(error).__name__
            said = f"of {what} it raises {kind}: raise CorpusError instead"
            raise Violation(said) from error
        else:
            raise Violation(f"of {what} it makes a corpus: raise CorpusError instead")


def _require_help(known: Known, what: str, said: str) -> None:
    helpful = (known.about.obtain, known.about.home, "--data")
    if not any(words in said for words in helpful):
        raise Violation(
            f"of {what} it says {said!r}: say how to get the corpus (about.obtain), and that "
            "--data names its folder"
        )


CHECKS = (
    Check(is_made),
    Check(parameters_are_annotated, (is_made,)),
    Check(is_a_corpus, (is_made,)),
    Check(speakers_are_people, (is_a_corpus,)),
    Check(label_sets, (is_a_corpus,)),
    Check(protocols_are_named, (is_made,)),
    Check(protocols_hold, (label_sets, protocols_are_named)),
    Check(protocols_are_disjoint, (protocols_hold,)),
    Check(protocols_are_complete, (protocols_hold,)),
    Check(same_corpus_twice, (is_a_corpus,)),
    Check(independent_of_the_root, (is_a_corpus,)),
    Check(paths_exist, (is_a_corpus,)),
    Check(manifest_agrees, (is_a_corpus,)),
    Check(absence_is_explained, (is_made,)),
)
