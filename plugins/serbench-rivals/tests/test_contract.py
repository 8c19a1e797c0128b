"""What serbench-rivals offers keeps the contracts."""

import pytest

from serbench.testing import ModelContract, PackageContract


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
