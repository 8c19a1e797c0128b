from dataclasses import KW_ONLY, dataclass, field

import pytest

from serbench import model_files
from serbench.errors import SerbenchError


def test_words_come_back(tmp_path):
    model_files.write(tmp_path / "model.json", "2", {"labels": ["a", "é"], "lr": 1e-4})
    words = model_files.read(tmp_path / "model.json", "2")
    assert words == {"schema": 1, "version": "2", "labels": ["a", "é"], "lr": 1e-4}


def test_a_folder_without_words_holds_no_model(tmp_path):
    with pytest.raises(SerbenchError, match="holds no kept model: it has no model.json; name the"):
        model_files.read(tmp_path / "model.json", "1")


@pytest.mark.parametrize("change", [('"schema": 1', '"schema": 2'), ('"2"', '"3"')])
def test_words_of_another_version_are_refused(tmp_path, change):
    file = tmp_path / "model.json"
    model_files.write(file, "2", {})
    file.write_text(file.read_text().replace(*change))
    with pytest.raises(SerbenchError, match="but schema 1 and version 2 are installed: install"):
        model_files.read(file, "2")


def test_the_parameters_of_a_model_are_its_keyword_only_fields():
    @dataclass
    class Model:
        labels: tuple[str, ...]
        _: KW_ONLY
        lr: float = 0.1
        made: int = field(default=3, init=False)

    assert model_files.params(Model(("a",), lr=0.2)) == {"lr": 0.2}
