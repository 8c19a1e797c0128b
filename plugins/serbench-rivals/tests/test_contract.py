"""What serbench-rivals offers keeps the contracts."""

import pytest

from serbench.testing import FeatureContract, ModelContract, PackageContract


class TestPackage(PackageContract):
    plugin = "serbench-rivals"


@pytest.fixture
def tiny(encoder):
    """Parameters with which twelve utterances are learned."""
    return {"checkpoint": str(encoder), "epochs": 60, "lr": 1e-2, "patience": 20}


@pytest.mark.slow
class TestPepino(ModelContract):
    plugin = "pepino"
    params_fixture = "tiny"


@pytest.mark.slow
class TestQcnn(ModelContract):
    plugin = "qcnn"  # as small as its entry makes it for toy


@pytest.mark.slow
class TestQcnnReal(ModelContract):
    plugin = "qcnn"
    params = {"algebra": "real"}


@pytest.mark.slow
class TestCnn14(ModelContract):
    plugin = "cnn14"


class TestShortTerm(FeatureContract):
    plugin = "short-term"


@pytest.mark.slow
class TestMwaSer(ModelContract):
    plugin = "mwa-ser"


@pytest.mark.slow
class TestAudioResnetGru(ModelContract):
    plugin = "audio-resnet-gru"
