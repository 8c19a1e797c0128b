"""Every block of every page is true: it runs, or parses, or says why it is not run.

A page that is added is picked up. Pages that take seconds are run by `make test`, all others by
`make test-docs`.
"""

import json
import tomllib

import pytest
import yaml
from blocks import READ, RUN, SHOWN, blocks
from checkpoints import write_checkpoints
from running import ROOT, Reader
from standing_in import CHECKPOINTS

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# so light that every `make test` runs them
QUICK = ("docs/comparing.md", "docs/faq.md", "docs/results.md")
PARSERS = {"json": json.loads, "toml": tomllib.loads, "yaml": yaml.safe_load}
LEFT_OUT = {"not run", "not compared"}
WORDS = 3  # a reason that has fewer is none
MOST_NOT_RUN = 0.25  # of the blocks that could be


def _name(page):
    return str(page.relative_to(ROOT))


def _pages():
    for page in PAGES:
        if any(block.language in RUN for block in blocks(page)):
            marks = [] if _name(page) in QUICK else [pytest.mark.docs]
            yield pytest.param(page, id=_name(page), marks=marks)


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """Places that all pages share, so that features are extracted once."""
    folder = tmp_path_factory.mktemp("shared")
    return {f"SERBENCH_{name.upper()}": str(folder / name) for name in ("cache", "data")}


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """Tiny checkpoints; writing them imports torch, so only pages that name encoders ask."""
    return {CHECKPOINTS: str(write_checkpoints(tmp_path_factory.mktemp("weights")))}


@pytest.mark.parametrize("page", list(_pages()))
def test_a_reader_can_work_through_it(page, tmp_path, shared, request):
    encoders = any(name in page.read_text() for name in ("wav2vec2", "whisper", "transformer"))
    more = request.getfixturevalue("weights") if encoders else {}
    Reader(tmp_path, shared | more).read(page)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_its_blocks_are_of_languages_that_are_checked(page):
    for block in blocks(page):
        assert block.language in (*RUN, *READ, *SHOWN), (
            f"{block} is {block.language!r}: use one of {', '.join((*RUN, *READ, *SHOWN))}"
        )


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_its_python_compiles_and_its_data_parse(page):
    for block in blocks(page):
        if block.language == "python":
            compile(block.text, str(block), "exec")
        elif block.language in PARSERS:
            PARSERS[block.language](block.text)


def _left_out():
    """Every block that is not run, or whose output is not compared, with the reason."""
    for page in PAGES:
        for block in blocks(page):
            for word in LEFT_OUT & block.words.keys():
                yield f"{_name(page)}:{block.line}", word, block.words[word]


def test_what_is_left_out_says_why():
    for place, word, reason in _left_out():
        assert len(reason.split()) >= WORDS, f"{place}: {word}, and why?"


@pytest.mark.docs
def test_most_is_run_and_the_rest_is_listed():
    run = [block for page in PAGES for block in blocks(page) if block.language in RUN]
    # a reason may name the test that runs the block
    left = sum("not run" in each.words and "tests/" not in each.words["not run"] for each in run)
    print(*(f"{place} {word}: {reason}" for place, word, reason in _left_out()), sep="\n")
    print(f"{len(run) - left} of {len(run)} blocks are run")
    assert left <= MOST_NOT_RUN * len(run)
