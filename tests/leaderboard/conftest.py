"""What tests of submissions share."""

import pytest


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with data, cache and results of one module, which serbench uses until its end."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("data", "cache", "results"):
            patch.setenv(f"SERBENCH_{name.upper()}", str(home / name))
        patch.setenv("SERBENCH_DEVICE", "cpu")
        yield home
