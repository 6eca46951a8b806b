"""`$explain-access`: the holder and the operator learn who may read a document, and why."""

from typing import Any, NamedTuple

import pytest

from fhir_server.policy.labels import VISIBILITY
from tests.documents import LUCIEN as LUCIEN_NUMBER
from tests.documents import cda
from tests.house import ANNE, BRUNO, CLAIRE, CNAM, LUCIEN, NINA, OTTO, PAUL, House, Person
from tests.journeys.test_story import iti105
from tests.people import consent, opened, stored


class Case(NamedTuple):
    """A house, a masked document of Lucien's by Anne, and one that is hidden from him."""

    house: House
    masked: str
    veiled: str


@pytest.fixture(scope="module")
def case(house: House) -> Case:
    patient = opened(house, NINA, doctor=PAUL)
    stored(house.post("Consent", LUCIEN, consent(patient, "dmp-pro-block", BRUNO, deny=True)))
    ids = []
    for code in ("MASQUE_PS", "INVISIBLE_PATIENT"):
        document = iti105(cda(patient_ins=LUCIEN_NUMBER))
        document["securityLabel"] = [{"coding": [{"system": VISIBILITY, "code": code}]}]
        ids.append(stored(house.post("DocumentReference", ANNE, document)))
    return Case(house, *ids)


def asked(case: Case, who: Person, about: str, **more: str) -> dict[str, Any]:
    query = "&".join(f"{name}={value}" for name, value in ({"who": about} | more).items())
    answer = case.house.get(f"DocumentReference/{case.masked}/$explain-access?{query}", who)
    assert answer.status == 200, answer.body
    return dict(answer.json)


def outcome(parameters: dict[str, Any]) -> str:
    (found,) = [p["valueCode"] for p in parameters["parameter"] if p["name"] == "outcome"]
    return str(found)


def rules(parameters: dict[str, Any]) -> list[dict[str, str]]:
    return [
        {part["name"]: next(v for k, v in part.items() if k != "name") for part in p["part"]}
        for p in parameters["parameter"] if p["name"] == "rule"
    ]  # fmt: skip


CASES = {
    "care team": (NINA, "refused", "R081"),
    "blocked": (BRUNO, "refused", "R100"),
    "attending doctor": (PAUL, "permitted", "R060"),
    "author": (ANNE, "permitted", "R070"),
    "stranger": (OTTO, "refused", "R081"),
}


@pytest.mark.parametrize("who, ends, rule", CASES.values(), ids=list(CASES))
@pytest.mark.parametrize("asking", [LUCIEN, CNAM], ids=["holder", "operator"])
def test_holder_and_operator_learn_how_a_read_would_end(
    case: Case, asking: Person, who: Person, ends: str, rule: str
) -> None:
    told = asked(case, asking, who.sub, role="10")
    assert outcome(told) == ends
    assert rule in [one["id"] for one in rules(told)]
    status = case.house.get(f"DocumentReference/{case.masked}", who).status
    assert (status == 200) == (ends == "permitted")


def test_each_rule_is_told_in_french_and_english_with_its_source(case: Case) -> None:
    (rule,) = [one for one in rules(asked(case, LUCIEN, NINA.sub)) if one["id"] == "R081"]
    assert "masked by the holder" in rule["en"] and "masqué par le titulaire" in rule["fr"]
    assert "R.1111-49" in rule["source"]
    assert rule["policy"] == "https://fhir-server.example/fhir/rule/R081"


def test_an_insurer_is_told_to_be_banned(case: Case) -> None:
    told = asked(case, LUCIEN, "urn:oid:1.2.250.1.71.4.2.2|1999", actor="insurer")
    assert outcome(told) == "refused" and rules(told)[0]["id"] == "R002"


def test_without_parameters_it_is_about_the_caller(case: Case) -> None:
    answer = case.house.get(f"DocumentReference/{case.masked}/$explain-access", LUCIEN)
    assert outcome(answer.json) == "permitted"


@pytest.mark.parametrize("asking", [ANNE, PAUL], ids=["author", "attending doctor"])
def test_nobody_else_may_ask_of_a_document_he_sees(case: Case, asking: Person) -> None:
    answer = case.house.get(f"DocumentReference/{case.masked}/$explain-access", asking)
    assert answer.status == 403
    assert "R0" not in answer.body.decode()  # the reasons are for the trail


@pytest.mark.parametrize("asking", [NINA, OTTO, CLAIRE], ids=["team", "stranger", "other"])
def test_a_document_one_does_not_see_is_not_there_to_ask_of(case: Case, asking: Person) -> None:
    hidden = case.house.get(f"DocumentReference/{case.masked}/$explain-access", asking)
    absent = case.house.get("DocumentReference/nothing/$explain-access", asking)
    assert hidden.status == absent.status == 404
    assert hidden.body.replace(case.masked.encode(), b"nothing") == absent.body


def test_a_holder_does_not_learn_of_what_is_not_announced_to_him(case: Case) -> None:
    path = f"DocumentReference/{case.veiled}/$explain-access?who={ANNE.sub}"
    assert case.house.get(path, LUCIEN).status == 404
    assert case.house.get(path, CNAM).status == 200


def test_the_question_leaves_a_trace_and_no_access_of_whom_it_is_about(case: Case) -> None:
    def traces(who: Person) -> int:
        count = "SELECT count(*) FROM trail WHERE agent = :agent"
        return int(case.house.database.session().rows(count, {"agent": who.sub})[0][0])

    before = traces(LUCIEN), traces(NINA)
    asked(case, LUCIEN, NINA.sub)
    assert (traces(LUCIEN), traces(NINA)) == (before[0] + 1, before[1])


BAD = {
    "who is no identifier": "who=Nina",
    "an actor there is not": f"who={NINA.sub}&actor=wizard",
    "of nobody": "actor=professional",
    "a parameter there is not": f"who={NINA.sub}&colour=red",
}


@pytest.mark.parametrize("query", BAD.values(), ids=list(BAD))
def test_what_cannot_be_read_is_said(case: Case, query: str) -> None:
    path = f"DocumentReference/{case.masked}/$explain-access?{query}"
    assert case.house.get(path, LUCIEN).status == 400
