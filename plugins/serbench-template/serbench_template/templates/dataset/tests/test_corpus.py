from collections import Counter

import pytest
from pretended import write
from serbench import CorpusError

from example_dataset.corpus import ExampleDataset


def test_names_say_who_speaks_and_how(corpus):
    read = ExampleDataset().read(corpus)
    assert Counter(u.label for u in read.utterances) == dict.fromkeys(read.labels, 16)
    assert Counter(u.sex for u in read.utterances) == {"female": 32, "male": 32}
    assert read.by_id["m3_sad_02"].speaker == "m3"


def test_the_published_split_shares_no_speaker(corpus):
    dataset = ExampleDataset()
    (fold,) = dataset.protocols[0].folds(dataset.read(corpus))
    assert [len(ids) for ids in (fold.train, fold.validation, fold.test)] == [32, 16, 16]


def test_where_nothing_is_the_error_says_how_to_get_it(tmp_path):
    with pytest.raises(CorpusError, match=r"is missing: .*Then point at its folder with --data"):
        ExampleDataset().read(tmp_path / "nowhere")


def test_a_lost_file_is_noticed(tmp_path):
    write(tmp_path)
    (tmp_path / "f1_sad_01.wav").unlink()
    with pytest.raises(CorpusError, match="has 63 wav files, but the corpus has 64"):
        ExampleDataset().read(tmp_path)


@pytest.mark.parametrize("name", ["song.wav", "f1_bored_01.wav"])
def test_a_file_of_something_else_is_named(tmp_path, name):
    write(tmp_path)
    (tmp_path / name).touch()
    with pytest.raises(CorpusError, match=rf"{name} is not called SPEAKER_EMOTION_TAKE\.wav"):
        ExampleDataset().read(tmp_path)
