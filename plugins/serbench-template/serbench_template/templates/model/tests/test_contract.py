from serbench.testing import ModelContract, PackageContract


class TestExampleModel(ModelContract):
    plugin = "example-model"


class TestPackage(PackageContract):
    plugin = "example-model"
