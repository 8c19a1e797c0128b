"""Check that a plugin keeps its contract: with `serbench plugin check`, or a three-line test.

from serbench.testing import ModelContract

class TestNearest(ModelContract):
    plugin = "nearest"
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from serbench.testing.contract_classes import DatasetContract as DatasetContract
    from serbench.testing.contract_classes import EngineContract as EngineContract
    from serbench.testing.contract_classes import FeatureContract as FeatureContract
    from serbench.testing.contract_classes import ModelContract as ModelContract
    from serbench.testing.contract_classes import PackageContract as PackageContract
    from serbench.testing.contract_classes import PerturbationContract as PerturbationContract

__all__ = [
    "DatasetContract",
    "EngineContract",
    "FeatureContract",
    "ModelContract",
    "PackageContract",
    "PerturbationContract",
]

if not TYPE_CHECKING:  # else type checkers would accept any name

    def __getattr__(name):
        """Import a contract at first use: the processes of fake tasks need none."""
        if name not in __all__:
            raise AttributeError(f"module 'serbench.testing' has no attribute {name!r}")
        from serbench.testing import contract_classes

        return getattr(contract_classes, name)
