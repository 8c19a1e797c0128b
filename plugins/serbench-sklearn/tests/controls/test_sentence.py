"""The feature `sentence` knows the sentence, and nothing else."""

import numpy as np

from serbench_sklearn.controls.sentence import Sentence


def test_a_sentence_has_a_place_of_its_own():
    kids, dogs, again = Sentence()(["01", "02", "01"])
    assert kids.sum() == dogs.sum() == 1
    assert not np.array_equal(kids, dogs)
    np.testing.assert_array_equal(kids, again)


def test_the_place_is_the_same_in_every_process():
    (vector,) = Sentence()(["Kids are talking by the door"])
    assert vector.argmax() == 846
