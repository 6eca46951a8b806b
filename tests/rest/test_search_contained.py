"""Contained resources: row Q-25. They are not searched, and whoever asks for it is told.

https://hl7.org/fhir/R4/search.html#contained
"""

import pytest

from tests.house import House
from tests.rest.test_search_has import made
from tests.rest.test_search_interactions import addresses, new


@pytest.mark.parametrize("value", ["true", "both"])
def test_Q25_contained_resources_are_not_searched_and_that_is_said(
    plain: House, value: str
) -> None:
    answer = plain.get(f"Patient?_contained={value}")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "not-supported")
    assert f"`{value}`" in answer.diagnostics


@pytest.mark.parametrize("query", ["_contained=x", "_containedType=x", "_contained:not=false"])
def test_Q25_contained_with_another_value_is_refused(plain: House, query: str) -> None:
    assert plain.get(f"Patient?{query}").status == 400


def test_Q25_contained_false_finds_what_stands_by_itself(plain: House) -> None:
    family = new()
    name = [{"family": family}]
    one = made(plain, name=name)
    inner = {"resourceType": "Patient", "id": "p", "name": name}
    made(plain, "Basic", code={"text": "x"}, contained=[inner], subject={"reference": "#p"})
    answer = plain.get(
        f"Patient?family={family}&_contained=false&_containedType=container",
        prefer="handling=strict",
    )
    assert addresses(answer) == [one]
    assert "_contained=false" in answer.json["link"][0]["url"]
