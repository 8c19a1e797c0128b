import pytest

from serbench.contracts import ModelEntry
from serbench.parameters import settable
from serbench.plugins import registry


@pytest.fixture
def entry():
    found = registry.find("model", "alexnet-mel")
    assert isinstance(found, ModelEntry)
    return found


def test_the_feature_parameters_are_the_extractors(entry):
    extractor = registry.load(registry.find("feature", entry.features))
    assert entry.feature_params == tuple(settable(extractor))


def test_model_and_extractor_agree_on_what_both_know(entry):
    extractor = settable(registry.load(registry.find("feature", entry.features)))
    model = settable(registry.load(entry))
    shared = extractor.keys() & model.keys()
    assert shared == {"n_mels", "hop", "floor_db"}
    assert all(extractor[name] == model[name] for name in shared)
