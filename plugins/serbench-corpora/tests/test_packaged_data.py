"""How long the utterances of each corpus are, for `serbench bench`."""

from collections import Counter

import numpy as np
import pytest

from serbench import datasets
from serbench.bench import workload
from serbench.protocols import lookup
from serbench.settings import Settings
from serbench_corpora import packaged_data
from serbench_corpora.crema_d import CremaD
from serbench_corpora.iemocap import Iemocap
from serbench_corpora.ravdess import Ravdess
from serbench_corpora.toy.corpus import Toy

CORPORA = (Ravdess, CremaD, Iemocap, Toy)


@pytest.mark.parametrize("corpus", CORPORA)
def test_every_corpus_says_how_long_its_utterances_are(corpus):
    found = corpus().lengths()
    assert (found.percent[0], found.percent[-1]) == (0.0, 100.0)
    assert np.all(np.diff(found.percent) > 0)
    assert np.all(np.diff(found.seconds) >= 0)
    assert 0 < found.trimmed <= 1


def test_the_lengths_of_crema_d_are_those_of_its_file_sizes():
    seconds = [(int(size) - 44) / 32_000 for _, _, size, _ in packaged_data.rows("crema-d.csv")]
    found = CremaD().lengths()
    assert np.percentile(seconds, found.percent) == pytest.approx(found.seconds, abs=0.006)
    assert workload.mean(found) == pytest.approx(np.mean(seconds), rel=0.01)


def test_the_lengths_of_toy_are_those_that_it_makes():
    from serbench_corpora.toy.corpus import utterance

    made = [len(utterance(0, who, how, 3)) / 16_000 for who in (0, 7) for how in (0, 3)]
    found = Toy().lengths()
    assert found.seconds[0] - 0.01 <= min(made) <= max(made) <= found.seconds[-1] + 0.01


@pytest.mark.parametrize(("protocol", "folds"), [("paper", 10), ("paper-marker", 10)])
def test_folds_of_iemocap_are_counted_without_its_names(protocol, folds, tmp_path):
    source = datasets.find("iemocap", Settings(tmp_path, tmp_path, tmp_path))
    outline = datasets.outline(source)
    assert len(outline.utterances) == 5531  # the paper's Table I
    assert Counter(one.label for one in outline.utterances)["happy"] == 1636
    found = lookup.make_folds(lookup.find_protocol(protocol, source.dataset), outline)
    assert len(found) == folds
    assert sum(len(fold.test) for fold in found) == 5531
