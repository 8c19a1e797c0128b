"""The layout of the source: folders that a reader can take in at a glance."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = [ROOT / "serbench", *sorted(ROOT.glob("plugins/*/serbench_*"))]
MOST_MODULES = 14  # with __init__


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_no_folder_holds_more_modules_than_a_reader_can_take_in(package):
    folders = [package, *(path for path in package.rglob("*") if path.is_dir())]
    counts = {str(folder.relative_to(ROOT)): len(list(folder.glob("*.py"))) for folder in folders}
    assert {name: count for name, count in counts.items() if count > MOST_MODULES} == {}
