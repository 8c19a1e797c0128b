"""Errors that users can fix."""

from serbench.errors import nearest


def test_few_names_are_all_listed():
    assert str(nearest("model", "centrod", ["centroid", "dummy"])) == (
        "there is no model 'centrod'; did you mean centroid? (known: centroid, dummy)"
    )


def test_of_many_names_the_most_similar_ones_are_listed_in_their_order():
    names = [f"model-{number}" for number in range(100)]
    text = str(nearest("model", "model-42", names))
    listed = text.partition("(known: ")[2].partition(" and 92 more)")[0].split(", ")
    assert len(listed) == 8
    assert "model-42" in listed
    assert listed == sorted(listed, key=names.index)
