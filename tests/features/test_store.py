import tracemalloc

import numpy as np
import pytest

from serbench.errors import PluginError
from serbench.evaluation.folds import model_io
from serbench.features.store import Feature, Store, check_arrays

ARRAYS = {f"key{index}": np.full((2, index + 1), index, np.float32) for index in range(5)}


def test_what_is_written_is_read_back_in_the_order_asked_for(tmp_path):
    Store(tmp_path).write(ARRAYS)
    features = Store(tmp_path).read(["key3", "key0", "key3"])
    assert len(features) == 3
    for key, array in zip(("key3", "key0", "key3"), features, strict=True):
        np.testing.assert_array_equal(array, ARRAYS[key])
    np.testing.assert_array_equal(features[1:][0], ARRAYS["key0"])


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(PluginError, match="lacks 1 arrays; run the command again"):
        Store(tmp_path).read(["key"])


def test_a_broken_shard_counts_as_absent(tmp_path):
    Store(tmp_path).write(ARRAYS)
    shard = next(tmp_path.glob("*.safetensors"))
    shard.write_bytes(shard.read_bytes()[:40])
    assert "key1" not in Store(tmp_path)


@pytest.mark.parametrize(
    "other",
    [
        Feature("mel", "2", {"n_mels": 64}, {"trim_db": 60}),
        Feature("mel", "1", {"n_mels": 80}, {"trim_db": 60}),
        Feature("mel", "1", {"n_mels": 64}, {"trim_db": 30}),
        Feature("other", "1", {"n_mels": 64}, {"trim_db": 60}),
    ],
)
def test_any_other_setting_has_a_store_of_its_own(tmp_path, other):
    mel = Feature("mel", "1", {"n_mels": 64}, {"trim_db": 60})
    assert mel.folder(tmp_path) != other.folder(tmp_path)


@pytest.mark.parametrize(
    "array",
    [np.zeros(3), np.full(3, np.nan, np.float32), np.zeros(0, np.float32)],
    ids=["float64", "nan", "empty"],
)
def test_what_an_extractor_must_not_make_is_refused(array):
    with pytest.raises(PluginError, match="feature mel made an array"):
        check_arrays("mel", [array], 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_what_an_extractor_makes_is_kept_in_its_precision(tmp_path, dtype):
    (array,) = check_arrays("mel", [np.ones(3, dtype)], 1)
    Store(tmp_path).write({"key": array})
    assert Store(tmp_path).read(["key"])[0].dtype == dtype


def test_one_array_an_utterance():
    with pytest.raises(PluginError, match="made 1 array for 2"):
        check_arrays("mel", [np.zeros(1, np.float32)], 2)


def test_only_the_array_that_is_read_is_in_memory(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {str(at): rng.normal(size=(5, 50, 64)).astype(np.float16) for at in range(40)}
    Store(tmp_path).write(arrays)
    tracemalloc.start()
    features = Store(tmp_path).read(list(arrays))
    model_io.write(tmp_path / "exchange", {"test": features})
    with model_io.opened(tmp_path / "exchange") as sets:
        inputs = sets["test"]
        for key, array in zip(arrays, inputs, strict=True):
            assert (array.dtype, array.shape) == (np.float16, (5, 50, 64))
            np.testing.assert_array_equal(array, arrays[key])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * arrays["0"].nbytes
