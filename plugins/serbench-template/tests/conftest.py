"""What tests of this package share."""

import contextlib

import pytest

from serbench.errors import BadParameter
from serbench_template import package_name


@pytest.fixture(scope="session")
def free():
    """A function that finds a name that nothing has here: these tests may run beside plugins."""

    def found():
        for name in ("my-own", *(f"my-own-{number}" for number in range(2, 100))):
            with contextlib.suppress(BadParameter):
                return package_name.checked(name)
        raise LookupError("every name that these tests could use is taken")

    return found


@pytest.fixture(scope="session")
def own(free):
    """Such a name, in its three forms."""
    return free()
