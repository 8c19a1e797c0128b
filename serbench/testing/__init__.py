"""Check that a plugin keeps its contract: with `serbench plugin check`, or a three-line test.

from serbench.testing import ModelContract

class TestNearest(ModelContract):
    plugin = "nearest"
"""

from serbench.testing.contract_classes import (
    DatasetContract,
    FeatureContract,
    ModelContract,
    PackageContract,
)

__all__ = ["DatasetContract", "FeatureContract", "ModelContract", "PackageContract"]
