"""A page of TOML: what it may say, and a line for everything that is wrong with it."""

from pathlib import Path

import pytest

from serbench import SerbenchError
from serbench_corpora.pages.page import Page, read

SMALLEST = r"""
pattern = '(?P<speaker>s\d)_(?P<label>sad|happy)_(?P<take>\d)'
labels = ["happy", "sad"]
"""
SPEAKERS = 's1 = "female"\ns2 = { sex = "male", age = "41" }\n'


def _page(folder: Path, text: str) -> Page:
    path = folder / "my.toml"
    path.write_text(text, encoding="utf-8")
    return read(path, "original")


def test_a_pattern_and_labels_are_enough(tmp_path: Path) -> None:
    page = _page(tmp_path, SMALLEST)

    assert page.name == "my"
    assert page.groups == ("speaker", "label", "take")
    assert page.label_sets == {"original": {"happy": "happy", "sad": "sad"}}
    assert page.about.title == "my"
    assert page.counts.utterances == 0
    assert page.protocol.kind == "disjoint"


def test_tables_of_codes_speakers_and_counts(tmp_path: Path) -> None:
    page = _page(
        tmp_path,
        "pattern = '(?P<speaker>s\\d)(?P<label>[FT])'\n"
        '[labels]\nT = "sad"\nF = "happy"\n'
        f"[speaker]\n{SPEAKERS}"
        "[counts]\nlabel = { sad = 2, happy = 3 }\nspeaker = { s1 = 1, s2 = 4 }\n"
        '[label_sets.valence]\nsad = "negative"\nhappy = "positive"\n',
    )

    assert list(page.label_sets["original"]) == ["sad", "happy"]
    assert page.label_sets["valence"] == {"sad": "negative", "happy": "positive"}
    assert page.speakers == {"s1": {"sex": "female"}, "s2": {"sex": "male", "age": "41"}}
    assert (page.counts.utterances, page.counts.speakers) == (5, 2)


def test_the_digest_covers_what_is_read_and_no_prose(tmp_path: Path) -> None:
    first = _page(tmp_path, SMALLEST)
    reworded = _page(tmp_path, f'title = "Mine"\nlicence = "CC0"\n# a comment{SMALLEST}')
    other = _page(tmp_path, SMALLEST.replace(r"s\d", r"s\d+"))

    assert first.digest == reworded.digest
    assert first.digest != other.digest


def test_a_subset_names_values_of_groups_and_is_not_in_the_digest(tmp_path: Path) -> None:
    first = '[subsets.first]\nlabel = "sad"\nid = ["s1_sad_1", "s2_sad_1"]\n'
    page = _page(tmp_path, f'{SMALLEST}{first}[subsets.s1]\nspeaker = "s1"')

    assert page.subsets == {
        "first": {"label": ("sad",), "id": ("s1_sad_1", "s2_sad_1")},
        "s1": {"speaker": ("s1",)},
    }
    assert page.digest == _page(tmp_path, SMALLEST).digest


WRONG = [
    ('[subsets.first]\ntak = "1"', "there is no named group 'tak' for [subsets.first]; did you"),
    ("[subsets.first]\ntake = 1", "subsets.first.take must be a text, not 1"),
    ('[subsets.all]\ntake = "1"', "the subset all would be the whole corpus: give it another name"),
    ('lables = ["a", "b"]', "there is no key 'lables'; did you mean labels"),
    ("[counts]\nlabels = { sad = 1 }", "there is no key 'labels' in [counts]; did you mean label?"),
    ("utterances = '5'", "utterances must be a whole number above 0, not '5'"),
    ("utterances = 0", "utterances must be a whole number above 0, not 0"),
    ("title = 3", "title must be a text, not 3"),
    ('skip = "raw"', "skip must be a list of texts"),
    ("counts = 5", "counts must be a table of keys and values, not 5"),
    ("share_labels = 1", "share_labels must be true or false, not 1"),
    ('home = "a\\nb"', "home has line breaks or invisible characters: write it on one line"),
    ('id = "{speeker}"', "there is no named group 'speeker' for the id; did you mean speaker?"),
    ('example = "x.wav"', "example is x.wav, which the pattern does not match"),
    ('[words.tak]\n1 = "a"', "there is no named group 'tak' for [words]; did you mean take?"),
    (f"speakers = 3\n[speaker]\n{SPEAKERS}", "[speaker] has 2 speakers, but speakers is 3"),
    ('[speaker]\ns1 = "F"', "speaker s1 has the sex 'F', but must have female or male"),
    (
        "utterances = 6\n[counts]\nlabel = { sad = 2, happy = 3 }",
        "[counts.label] adds up to 5, but utterances is 6: correct one of them",
    ),
    (
        "speakers = 3\n[counts]\nspeaker = { s1 = 2, s2 = 3 }",
        "[counts.speaker] has 2 speakers, but speakers is 3: correct one of them",
    ),
    (
        f"[speaker]\n{SPEAKERS}[counts]\nspeaker = {{ s1 = 2, s3 = 3 }}",
        "the speaker s2 is only in one of [speaker] and [counts.speaker]",
    ),
    ("[counts]\nlabel = { sad = 2, hapy = 3 }", "no label 'hapy' in [counts.label]; did you mean"),
    ("[counts]\nlabel = { sad = 2 }", "[counts.label] lacks happy: count every label"),
    ('[label_sets.two]\nsat = "a"', "no label 'sat' in [label_sets.two]; did you mean sad?"),
    ('[protocol]\nkind = "leaky"', "there is no protocol.kind 'leaky'"),
    ('[protocol]\nkind = "declared"', "add protocol.reason, which says why speakers cannot be"),
    (
        '[protocol]\nkind = "declared"\nreason = "two speakers"',
        "name the protocol in protocol.default",
    ),
    (
        '[protocol]\nkind = "refused"\nreason = "no speakers"\ndefault = "loso"',
        'protocol.kind is "refused": leave protocol.default out',
    ),
    ('[protocol]\nreason = "x"', 'protocol.reason is for kind = "declared" or "refused"'),
    (
        '[table]\nfile = "a.csv"\nkey = "file"\n[table.columns]\nspeaker = "spk"',
        "both the pattern and [table.columns] give the speaker: remove one of them",
    ),
]


@pytest.mark.parametrize(("line", "words"), WRONG, ids=[line for line, _ in WRONG])
def test_a_wrong_key_is_one_line(tmp_path: Path, line: str, words: str) -> None:
    text = line + SMALLEST if "[" not in line.partition("=")[0] else SMALLEST + line
    if line.startswith(("utterances", "speakers")) and "[" in line:
        head, _, tables = line.partition("\n")
        text = head + SMALLEST + tables
    with pytest.raises(SerbenchError) as caught:
        _page(tmp_path, text)

    assert str(caught.value).startswith("my.toml: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('labels = ["a", "b"]', "pattern is missing: add pattern = '...'"),
        ("pattern = '(?P<speaker>'", "pattern is not a regular expression: "),
        (r"pattern = '(?P<speaker>\d)(?P<label>a|b)'", "labels must name two or more"),
        (
            "pattern = '(?P<speaker>a)'\nlabels = ['a', 'b']",
            "nothing gives the label: name a group",
        ),
        (
            "pattern = '(?P<label>a)'\nlabels = ['a', 'b']",
            "nothing gives the speaker: name a group",
        ),
        ("pattern = ", "is not TOML: "),
        ("pattern = 'a'\nlables = ['a', 'b']", "there is no key 'lables'; did you mean labels"),
        ("patern = 'a'\nlabels = ['a', 'b']", "there is no key 'patern'; did you mean pattern"),
        ("[protocol]\nreasn = 'a'", "there is no key 'reasn' in [protocol]; did you mean reason?"),
        ("[table]\nfil = 'a'", "there is no key 'fil' in [table]; did you mean file"),
        ("[count]\nlabel = 1", "there is no key 'count'; did you mean counts"),
    ],
)
def test_what_every_page_needs(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SerbenchError) as caught:
        _page(tmp_path, text)

    assert words in str(caught.value)


def test_a_page_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SerbenchError, match=r"there is no page .*: give its path after the colon"):
        read(tmp_path / "no.toml", "original")
