"""The order of a search: row Q-20.

https://hl7.org/fhir/R4/search.html#sort; that the order is that of the index rows, on each page, is
in `tests/storage/test_sort.py`
"""

from typing import Any

import pytest

from tests.house import NINA, PAUL, House
from tests.people import stored
from tests.rest.test_includes import to
from tests.rest.test_includes_under_policy import document, listed, record
from tests.rest.test_search_has import coded, made
from tests.rest.test_search_interactions import TAGS, addresses, new


def of(tag: str, **more: Any) -> dict[str, Any]:
    return {"meta": {"tag": [{"system": TAGS, "code": tag}], **more}}


@pytest.fixture(scope="module", autouse=True)
def practitioners(plain: House) -> None:
    """Those that are referred to by their ids."""
    for id_ in "ab012":
        body = {"resourceType": "Practitioner", "id": id_}
        assert plain.call("PUT", f"Practitioner/{id_}", None, body).status == 201


# Type, key, elements that give the values from the first to the last.
KINDS: list[tuple[str, str, list[dict[str, Any]]]] = [
    ("Basic", "author", [{"author": {"reference": f"Practitioner/{n}"}} for n in "ab"]),
    ("Basic", "created", [{"created": "2024"}, {"created": "2025-02"}]),
    ("Basic", "code", [{"code": coded("a")}, {"code": coded("B")}]),
    ("Basic", "identifier", [{"identifier": [{"value": n}]} for n in "12"]),
    ("Patient", "family", [{"name": [{"family": n}]} for n in ("Été", "fin")]),
    ("ValueSet", "url", [{"url": n} for n in ("http://b.example/a", "urn:oid:1.2.3")]),
    ("RiskAssessment", "probability", [{"prediction": [{"probabilityDecimal": n}]}
                                       for n in (0.2, 0.9)]),
    ("Observation", "value-quantity", [{"valueQuantity": {"value": n}} for n in (9, 10)]),
]  # fmt: skip
NEEDED: dict[str, dict[str, Any]] = {
    "Basic": {"code": {"text": "x"}}, "ValueSet": {"status": "active"},
    "Observation": {"status": "final", "code": {"text": "x"}},
    "RiskAssessment": {"status": "final", "subject": {"display": "x"}},
}  # fmt: skip


@pytest.mark.parametrize(("type_", "key", "values"), KINDS, ids=lambda v: str(v)[:20])
def test_Q20_every_kind_is_sorted_both_ways_with_missing_values_last(
    plain: House, type_: str, key: str, values: list[dict[str, Any]]
) -> None:
    tag = new()
    needed = NEEDED.get(type_, {}) | of(tag)
    missing = made(plain, type_, **needed)
    first, second = (made(plain, type_, **needed | value) for value in values)
    search = f"{type_}?_tag={TAGS}|{tag}"
    assert addresses(plain.get(f"{search}&_sort={key}")) == [first, second, missing]
    assert addresses(plain.get(f"{search}&_sort=-{key}")) == [second, first, missing]


def test_Q20_meta_is_sorted_by(plain: House) -> None:
    tag = new()
    one = made(plain, **of(tag, source="urn:a", profile=["http://a.example/b"]))
    two = made(plain, **of(tag, source="urn:b", profile=["http://a.example/a"]))
    for key, expected in (("_source", [one, two]), ("-_source", [two, one]),
                          ("_profile", [two, one]), ("_id", sorted([one, two])),
                          ("-_id", sorted([one, two], reverse=True))):  # fmt: skip
        assert addresses(plain.get(f"Patient?_tag={tag}&_sort={key}")) == expected


def test_Q20_several_keys_and_then_the_id(plain: House) -> None:
    tag = new()
    a = [made(plain, **of(tag), gender="male", birthDate="1980") for _ in range(3)]
    b = made(plain, **of(tag), gender="male", birthDate="1990")
    c = made(plain, **of(tag), gender="female", birthDate="1990")
    found = addresses(plain.get(f"Patient?_tag={tag}&_sort=-gender,birthdate"))
    assert found == [*sorted(a), b, c]


@pytest.mark.parametrize("key", ["code-value-quantity", "nonsense", "near"])
def test_Q20_what_has_no_order_is_ignored_or_refused_when_strict(plain: House, key: str) -> None:
    answer = plain.get(f"Observation?_sort={key},-date&_id=x")
    assert key not in answer.json["link"][0]["url"]
    assert "_sort=-date" in answer.json["link"][0]["url"]
    strict = plain.get(f"Observation?_sort={key},-date&_id=x", prefer="handling=strict")
    assert (strict.status, strict.json["issue"][0]["code"]) == (400, "not-supported")


@pytest.mark.parametrize("key", ["author", "-created", "code", "_profile,-author", "-identifier"])
def test_Q20_pages_miss_nothing_and_repeat_nothing_while_others_write(
    plain: House, key: str
) -> None:
    tag = new()

    def basic(n: int) -> str:
        values = {"author": to(f"Practitioner/{n % 3}"), "created": f"202{n % 4}",
                  "identifier": [{"value": f"{n % 5}"}]}  # fmt: skip
        kept = dict(list(values.items())[: n % 4])  # some values are missing
        profile = {"profile": [f"http://a.example/{n % 2}"]}
        body = {"resourceType": "Basic", "code": coded(f"c{n % 2}")} | of(tag, **profile) | kept
        return "Basic/" + stored(plain.post("Basic", None, body))

    there = [basic(n) for n in range(10)]
    path, seen, n = f"Basic?_tag={TAGS}|{tag}&_sort={key}&_count=2", list[str](), 10
    while path:
        answer = plain.get(path)
        seen += addresses(answer)
        links = {link["relation"]: link["url"] for link in answer.json["link"]}
        path = links.get("next", "").partition("/fhir/")[2]
        basic(n)
        basic(n + 1)
        n += 2
        if n > 60:
            break
    kept = [address for address in seen if address in there]
    assert sorted(kept) == sorted(there)
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize(
    ("type_", "key"),
    [("List", "item"), ("List", "-item"), ("DocumentReference", "relatesto"),
     ("DocumentReference", "-relation"), ("Consent", "data"), ("AuditEvent", "entity"),
     ("AuditEvent", "-entity-role"), ("Composition", "related-ref")],
)  # fmt: skip
def test_Q20_an_order_that_would_tell_what_is_left_out_is_refused(
    house: House, plain: House, type_: str, key: str
) -> None:
    answer = house.get(f"{type_}?_sort=date,{key}", NINA)
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "not-supported")
    assert plain.get(f"{type_}?_sort=date,{key}&_id=x").status == 200


def test_Q20_hidden_documents_change_no_order(house: House) -> None:
    patient, _ = record(house, NINA, doctor=PAUL)
    seen = [document(house, patient, date=f"2026-01-0{n}T00:00:00Z") for n in (1, 2)]
    listed(house, patient, *seen)
    queries = [f"DocumentReference?patient={patient}&_count=1&_sort={key}"
               for key in ("author,-date", "-subject,date", "_source,date")]  # fmt: skip
    before = [pages_of(house, query) for query in queries]
    document(house, patient, masked=True, date="2026-01-01T12:00:00Z")
    assert [pages_of(house, query) for query in queries] == before


def pages_of(house: House, path: str) -> list[list[str]]:
    found = []
    while path:
        answer = house.get(path, NINA)
        found.append(addresses(answer))
        links = {link["relation"]: link["url"] for link in answer.json["link"]}
        path = links.get("next", "").partition("/fhir/")[2]
    return found
