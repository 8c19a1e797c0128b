"""The engine without Ray; tests/engines runs it on clusters."""

import subprocess
import sys

import pytest

from serbench.errors import BadParameter
from serbench_ray.engine import Ray


def test_listing_and_making_the_engine_imports_no_ray():
    code = "import sys, serbench_ray.plugin, serbench_ray.engine as e; e.Ray(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "ray" not in done.stdout.split()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cpus": -1.0}, "cpus is -1.0, but must be 0 or more"),
        ({"gpus": 1.5}, "gpus is 1.5, but must be a whole number or a fraction below 1"),
        ({"retries": -1}, "retries is -1, but must be 0 or more"),
        ({"timeout": 0.0}, "timeout is 0.0, but must be a number of seconds from 1"),
        ({"address": "ray://here:10001"}, "the address is 'ray://here:10001', but must be HOST:PO"),
        ({"address": "here"}, "the address is 'here', but must be HOST:PORT"),
    ],
)
def test_an_impossible_option_is_refused(options, words):
    with pytest.raises(BadParameter, match=words):
        Ray(**options)
