"""What serbench-transformers offers keeps the contracts, with a tiny encoder of random weights."""

import pytest

from serbench.testing import FeatureContract, ModelContract, PackageContract

SURE = {"epochs": 8, "lr": 3e-3, "batch": 8, "schedule": "linear", "frozen": 0.0}


@pytest.fixture(autouse=True)
def places(tmp_path_factory, monkeypatch):
    """One cache for all tests of a class: it remembers where a checkpoint's folder is."""
    monkeypatch.setenv("SERBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "contract-cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def whisper(folders):
    """Parameters of a fine-tuned encoder."""
    return {"checkpoint": str(folders("whisper")), **SURE}


@pytest.fixture
def wav2vec2(folders):
    """Parameters of a fine-tuned encoder."""
    return {"checkpoint": str(folders("wav2vec2-layer-norm")), **SURE}


@pytest.fixture
def frozen(folders):
    """Parameters of a frozen encoder."""
    return {"checkpoint": str(folders("whisper"))}


class TestPackage(PackageContract):
    plugin = "serbench-transformers"


@pytest.mark.slow
class TestTransformer(ModelContract):
    plugin = "transformer"
    params_fixture = "whisper"


@pytest.mark.slow
class TestPacked(ModelContract):
    plugin = "transformer"
    params_fixture = "wav2vec2"


@pytest.mark.slow
class TestLayers(FeatureContract):
    plugin = "transformer-layers"
    params_fixture = "frozen"


@pytest.mark.slow
class TestFrames(FeatureContract):
    plugin = "transformer-frames"
    params_fixture = "frozen"


@pytest.mark.slow
class TestProbe(ModelContract):
    plugin = "transformer-probe"
    params_fixture = "frozen"
