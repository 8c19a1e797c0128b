from serbench.testing import DatasetContract, PackageContract


class TestExampleDataset(DatasetContract):
    plugin = "example-dataset"
    data_fixture = "corpus"


class TestPackage(PackageContract):
    plugin = "example-dataset"
