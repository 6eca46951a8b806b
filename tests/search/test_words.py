"""Words of narratives and of whole resources: https://hl7.org/fhir/R4/search.html#text"""

from random import Random
from typing import Any

import pytest

from fhir_server.fhir.outcome import BadRequest
from fhir_server.policy.redaction import LISTS
from fhir_server.search.keys import FULL_TEXT, GRAM, number
from fhir_server.search.registry import Offer, Registry, made_with, missing
from fhir_server.search.types.string import normalise
from fhir_server.search.words import narrative, words_in
from tests.search.asking import finds, finds_value, query

XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'


def told(text: str, type_: str = "Condition", **more: Any) -> dict[str, Any]:
    """A resource whose narrative is this XHTML."""
    narrative = {"status": "generated", "div": f"<div {XHTML}>{text}</div>"}
    return {"resourceType": type_, "text": narrative} | more


@pytest.mark.parametrize(("text", "words"), [
    ("Élise, l’Œuvre", "elise l oeuvre"), ("compte-rendu_du 12.5", "compte rendu du 12 5"),
    ("STRASSE straße", "strasse strasse"), (" \n", ""), ("Ελληνικά", "ελληνικα"),
])  # fmt: skip
def test_a_word_is_letters_and_digits_without_case_and_accents(text: str, words: str) -> None:
    assert words_in(text) == words.split()


@pytest.mark.parametrize(("div", "words"), [
    ("<p>un</p><p>deux</p>", "un deux"), ("a<br/>b", "a b"), ("para<b>céta</b>mol", "paracetamol"),
    ("H<sub>2</sub>O", "h2o"), ("h&ocirc;pital &amp; &#233;cole", "hopital ecole"),
    ('<a title="x > y" href="http://z">lien</a>', "lien"), ("a<!-- x -->b", "ab"),
    ("<![CDATA[<p>&amp;]]>", "p amp"), ("<td>1</td><td>2</td>", "1 2"),
])  # fmt: skip
def test_a_narrative_is_read_as_it_is_shown(div: str, words: str) -> None:
    assert words_in(narrative(f"<div {XHTML}>{div}</div>")) == words.split()


@pytest.mark.parametrize(("value", "found"), [
    ("metastases", True), ("METASTASES", True), ("metastase", False), ("liver metastases", True),
    ("liver bone", False), ("liver bone,metastases", True), ("bone,kidney", False),
    ("(bone OR liver) and metastases", True), ("(bone OR liver) and kidney", False),
    ("bone OR liver metastases", True), ("bone liver OR kidney", False),
    ("(bone OR (liver metastases))", True), ("liver-metastases", True), ("or", False),
])  # fmt: skip
def test_words_are_all_asked_for_and_commas_and_or_choose(value: str, found: bool) -> None:
    assert finds_value("_text", value, told("Liver: <b>metastases</b>")) is found


def test_a_repeated_parameter_asks_for_both() -> None:
    condition = told("un deux")
    assert finds("Condition?_text=un&_text=deux", condition)
    assert not finds("Condition?_text=un&_text=trois", condition)


@pytest.mark.parametrize("value", ["(a", "a)", "()", "a OR", "OR a", "a,-", "((((((((((((a))))"])
def test_what_says_no_word_is_refused(value: str) -> None:
    for name in FULL_TEXT:
        with pytest.raises(BadRequest) as refusal:
            query(f"Condition?{name}={value}")
        assert refusal.value.code == "value"


@pytest.mark.parametrize("name", ["_text:exact", "_content:contains", "_content:missing"])
def test_other_modifiers_are_refused(name: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        query(f"Condition?{name}=true")
    assert refusal.value.code == "not-supported"


def test_too_many_words_are_refused() -> None:
    assert query("Condition?_text=" + "+".join(["a"] * 50))
    for value in ("+".join(["a"] * 51), ",".join(["a+b"] * 51)):
        with pytest.raises(BadRequest) as refusal:
            query(f"Condition?_text={value}")
        assert refusal.value.code == "too-costly"


def test_the_content_is_the_narrative_and_all_that_people_read() -> None:
    condition = told(
        "narrative",
        code={"text": "concept", "coding": [{"system": "urn:s", "code": "c1", "display": "shown"}]},
        note=[{"text": "noted"}],
        extension=[{"url": "urn:e", "valueString": "extended"}],
        _recordedDate={"extension": [{"url": "urn:e", "valueString": "beside"}]},
        contained=[told("inside", "Observation", id="a", valueString="contained")],
        subject={"reference": "Patient/leadsto", "display": "somebody"},
    )
    for word in ("narrative", "concept", "shown", "noted", "extended", "beside", "inside",
                 "contained", "somebody"):  # fmt: skip
        assert finds(f"Condition?_content={word}", condition), word
        assert finds(f"Condition?_text={word}", condition) is (word == "narrative")
    for word in ("c1", "urn", "leadsto", "patient", "condition", "generated", "div", "a"):
        assert not finds(f"Condition?_content={word}", condition), word


def test_words_of_the_narrative_and_of_the_rest_meet_in_the_content() -> None:
    assert finds("Condition?_content=one+two", told("one", note=[{"text": "two"}]))


@pytest.mark.parametrize("resource", [
    {"resourceType": "Binary", "contentType": "text/plain", "data": "motmotmot"},
    {"resourceType": "Patient", "photo": [{"contentType": "image/png", "data": "motmotmot"}]},
    {"resourceType": "Patient", "identifier": [{"system": "urn:s", "value": "motmotmot"}]},
    {"resourceType": "Patient", "id": "motmotmot", "meta": {"tag": [{"display": "motmotmot"}]}},
    {"resourceType": "Observation", "valueQuantity": {"value": 1, "unit": "motmotmot"}},
])  # fmt: skip
def test_bytes_names_and_units_are_no_words(resource: dict[str, Any]) -> None:
    assert not finds(f"{resource['resourceType']}?_content=motmotmot", resource)


@pytest.mark.parametrize(("type_", "path"), [(t, p) for t, ps in LISTS.items() for p in ps])
def test_items_that_may_be_left_out_of_an_answer_have_no_words(
    type_: str, path: tuple[str, ...]
) -> None:
    reference = {"reference": "DocumentReference/1", "display": "motmotmot"}
    *holders, last = path
    value: Any = {last: reference, "description": "motmotmot"} if holders else reference
    value = [value]
    for name in reversed(holders or [last]):
        value = {name: value}
    resource = {"resourceType": type_, **value}
    assert not finds(f"{type_}?_content=motmotmot", resource)


def test_a_narrative_is_there_or_missing() -> None:
    assert finds("Condition?_text:missing=false", told("un"))
    assert finds("Condition?_text:missing=true", {"resourceType": "Condition"})
    assert not finds("Binary?_text=un", {"resourceType": "Binary"})


def test_a_search_goes_on_without_what_old_indexes_lack() -> None:
    old = Registry(missing=missing(""))
    offer = Offer(old, lambda: old)
    assert not any(offer.has(number("Patient", code)) for code in (*FULL_TEXT, GRAM))
    assert missing(made_with()) == frozenset()


# Strings that contain.


def test_a_string_contains_what_it_has_in_it() -> None:
    random, letters = Random(7), "abé "
    for _ in range(400):
        family = "".join(random.choice(letters) for _ in range(random.randrange(1, 9)))
        asked = "".join(random.choice(letters) for _ in range(random.randrange(1, 5)))
        if not (normalise(family) and normalise(asked)):
            continue
        patient = {"resourceType": "Patient", "name": [{"family": family}]}
        found = finds_value("family:contains", asked, patient)
        assert found is (normalise(asked) in normalise(family)), (asked, family)


def test_letters_of_another_parameter_do_not_count() -> None:
    patient = {"resourceType": "Patient", "name": [{"family": "Dupont", "given": ["Jeanne"]}]}
    assert finds("Patient?name:contains=eann", patient)
    assert not finds("Patient?family:contains=eann", patient)
    assert not finds("Patient?family:contains=dup,eann&given:contains=upo", patient)
    assert finds("Patient?family:contains=xyz,upon", patient)


def test_a_long_text_is_found_by_its_parts() -> None:
    text = "Compte rendu d'hospitalisation " * 5
    document = {"resourceType": "DocumentReference", "description": text}
    assert finds_value("description:contains", text[40:150], document)
    assert not finds_value("description:contains", text[40:150].replace("rendu", "perdu"), document)
