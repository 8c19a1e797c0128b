import pytest
from pretended import write


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """Return the folder of a made-up corpus."""
    root = tmp_path_factory.mktemp("corpus")
    write(root)
    return root
