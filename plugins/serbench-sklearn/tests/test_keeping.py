import json

import numpy as np
import pytest
from sklearn.preprocessing import FunctionTransformer

from serbench.contracts import DescribedModel, KeepableModel
from serbench.errors import SerbenchError
from serbench_sklearn.classifiers import Linear, Svm


def fitted(target, clouds, workspace):
    model = target(labels=("a", "b", "c"), seed=0, c=0.1)
    model.fit(clouds(1), clouds(2), workspace)
    return model


@pytest.mark.parametrize("target", [Linear, Svm])
def test_a_kept_model_predicts_the_same(target, clouds, workspace, tmp_path):
    model = fitted(target, clouds, workspace)
    assert isinstance(model, KeepableModel)
    assert isinstance(model, DescribedModel)
    model.save(tmp_path)
    kept, inputs = target.load(tmp_path), clouds(3).inputs
    np.testing.assert_array_equal(
        kept.predict(inputs).activations, model.predict(inputs).activations
    )
    assert kept.describe() == model.describe()


def test_a_kept_model_that_brings_code_is_refused(clouds, workspace, tmp_path):
    import skops.io

    fitted(Linear, clouds, workspace).save(tmp_path)
    harmful = {"scaler": FunctionTransformer(print), "classifier": json.loads}
    skops.io.dump(harmful, tmp_path / "classifier.skops")
    with pytest.raises(SerbenchError, match=r"asks for .*json.*, which serbench does not load"):
        Linear.load(tmp_path)
