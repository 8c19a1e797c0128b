import pytest

from serbench import plugins, specs
from serbench.contracts import ModelEntry


@pytest.fixture
def entry():
    found = plugins.find("model", "alexnet-mel")
    assert isinstance(found, ModelEntry)
    return found


def test_the_feature_parameters_are_the_extractors(entry):
    extractor = plugins.load(plugins.find("feature", entry.features))
    assert entry.feature_params == tuple(specs.parameters(extractor))


def test_model_and_extractor_agree_on_what_both_know(entry):
    extractor = specs.parameters(plugins.load(plugins.find("feature", entry.features)))
    model = specs.parameters(plugins.load(entry))
    shared = extractor.keys() & model.keys()
    assert shared == {"n_mels", "hop", "floor_db"}
    assert all(extractor[name] == model[name] for name in shared)
