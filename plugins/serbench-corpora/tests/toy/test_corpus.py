"""The synthetic corpus: what it is, that it can be made again, and how hard it is."""

import wave
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from serbench.errors import BadParameter, CorpusError
from serbench_corpora.toy.corpus import Toy, utterance


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    Toy().make(folder)
    return folder


def _samples(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def test_twelve_speakers_say_thirteen_sentences_in_four_emotions(root: Path) -> None:
    corpus = Toy().read(root)
    assert len(corpus.utterances) == 624
    assert corpus.digest == Toy().manifest().digest
    assert set(Counter(one.label for one in corpus.utterances).values()) == {156}
    sexes = {one.speaker: one.sex for one in corpus.utterances}
    assert Counter(sexes.values()) == {"female": 6, "male": 6}


def test_utterances_are_heard_whole_and_undistorted(root: Path) -> None:
    for path in root.glob("*.wav"):
        samples = _samples(path)
        assert 0.5 < len(samples) / 16_000 < 2.5, path
        assert np.abs(samples.astype(int)).max() < 32_000, path
        assert np.sqrt(np.mean((samples / 32768) ** 2)) > 0.001, path


def test_the_same_seed_sounds_the_same_and_another_does_not(root: Path) -> None:
    expected = _samples(root / "f01-happy-03.wav")
    np.testing.assert_array_equal(utterance(0, 0, 1, 2), expected)
    assert not np.array_equal(utterance(1, 0, 1, 2)[:8000], expected[:8000])


def test_an_incomplete_corpus_says_how_to_get_a_whole_one(root: Path, tmp_path: Path) -> None:
    for path in sorted(root.glob("*.wav"))[5:]:
        (tmp_path / path.name).hardlink_to(path)
    with pytest.raises(CorpusError, match="has 619 of 624 utterances.*run the same command again"):
        Toy().read(tmp_path)


def test_a_folder_that_is_not_there_is_made_without_data() -> None:
    with pytest.raises(CorpusError, match="leave --data out to make it"):
        Toy().read(Path("/no/such/folder"))


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(BadParameter, match="must be 0 or more"):
        Toy(seed=-1)


def _uar(features: np.ndarray, split: str, classifier: object) -> float:
    """Pooled UAR (%) over six folds; a random split, or one that shares no speaker."""
    from sklearn.base import clone
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import GroupKFold, StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    utterances = Toy().manifest().utterances
    labels = np.array([one.label for one in utterances])
    speakers = [one.speaker for one in utterances]
    shuffled = StratifiedKFold(6, shuffle=True, random_state=0)
    folds = GroupKFold(6).split(features, labels, speakers)
    if split == "random":
        folds = shuffled.split(features, labels)
    model = make_pipeline(StandardScaler(), clone(classifier))
    predicted = cross_val_predict(model, features, labels, cv=list(folds))
    return 100 * float(balanced_accuracy_score(labels, predicted))


def test_loudness_and_length_alone_do_not_tell_the_emotion(root: Path) -> None:
    tree = pytest.importorskip("sklearn.tree")
    rows = []
    for one in Toy().manifest().utterances:
        samples = _samples(root / f"{one.id}.wav") / 32768
        rows.append([np.sqrt(np.mean(samples**2)), len(samples)])
    assert _uar(np.array(rows), "random", tree.DecisionTreeClassifier(random_state=0)) < 60


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_a_random_split_flatters_unlike_models(seed: int, tmp_path: Path) -> None:
    svm = pytest.importorskip("sklearn.svm")
    ensemble = pytest.importorskip("sklearn.ensemble")
    functionals = pytest.importorskip("serbench_sklearn.functionals")
    from serbench.features import audio

    Toy(seed).make(tmp_path)
    paths = [tmp_path / f"{one.id}.wav" for one in Toy().manifest().utterances]
    features = np.stack(functionals.Functionals()([audio.read(path) for path in paths]))
    for classifier in (
        svm.SVC(C=10, gamma="scale"),
        ensemble.RandomForestClassifier(300, random_state=0, n_jobs=1),
    ):
        disjoint, random = (_uar(features, split, classifier) for split in ("speakers", "random"))
        assert random - disjoint > 10
        assert 35 < disjoint < random < 95
