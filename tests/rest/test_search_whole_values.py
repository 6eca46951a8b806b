"""Values are compared whole, however long; punctuation and the case of strings say nothing.

https://hl7.org/fhir/R4/search.html#string, https://hl7.org/fhir/R4/search.html#token
"""

from typing import Any

import pytest

from tests.house import House
from tests.people import stored
from tests.rest.searches import CODES, PATIENT, Place, addresses, coded, new

LENGTHS = (199, 200, 201, 210, 500, 3_000, 70_000)


def texts(place: Place, *values: str) -> tuple[str, list[str]]:
    """A code, and the addresses of Observations that have it and one of these strings."""
    code = new()
    return code, [place.make(code=coded(code), valueString=value) for value in values]


def found(place: Place, code: str, query: str) -> list[str]:
    """By POST: a value may be longer than an address."""
    form = f"code={CODES}|{code}&{query}&_sort=_id"
    return sorted(addresses(place.post("Observation/_search", form)))


@pytest.mark.parametrize("length", LENGTHS)
def test_a_long_string_is_compared_to_its_end(place: Place, length: int) -> None:
    start = "ab " * (length // 3) + "é" * (length % 3)
    code, (one, other) = texts(place, f"{start}x one", f"{start}X two")
    both = sorted((one, other))
    for query, expected in (
        (f"value-string={start}x one", [one]), (f"value-string={start}x", both),
        (f"value-string={start}x three", []), (f"value-string={start}xone", []),
        (f"value-string={start[:-1]}", both), (f"value-string:exact={start}x one", [one]),
        (f"value-string:exact={start}x two", []), (f"value-string:exact={start}x", []),
        ("value-string:contains=x two", [other]), ("value-string:contains=x%20t", [other]),
        ("value-string:contains=x three", []), ("value-string:contains=wo", [other]),
        (f"value-string:contains={start[-150:]}x o", [one]),
    ):  # fmt: skip
        assert found(place, code, query) == expected, query[-60:]
    if length > 5_000:  # a filter has at most 20,000 characters
        return
    for query, expected in (
        (f'_filter=value-string eq "{start}x one"', [one]),
        (f'_filter=value-string ne "{start}x one"', [other]),
        (f'_filter=value-string sw "{start}x t"', [other]),
        ('_filter=value-string co "x t"', [other]),
        ('_filter=value-string ew "two"', [other]),
        (f'_filter=value-string ew "{start[1:]}x one"', [one]),
    ):  # fmt: skip
        assert found(place, code, query) == expected, query[-60:]


def test_a_composite_compares_a_long_string_to_its_end(place: Place) -> None:
    start = "a" * 230
    code, (one, _) = texts(place, f"{start} one", f"{start} two")
    for way in ("code-value-string", "combo-code-value-string"):
        if place.get(f"Observation?{way}=x$y", prefer="handling=strict").status == 400:
            continue
        assert found(place, code, f"{way}={CODES}|{code}${start} o") == [one]
        assert found(place, code, f"{way}={CODES}|{code}${start} x") == []


def test_words_of_a_code_are_compared_to_their_end(place: Place) -> None:
    code, start = new(), "a" * 230
    one, other = (place.make(code=coded(code, display=f"{start} {end}")) for end in ("x", "y"))
    assert found(place, code, f"code:text={start} x") == [one]
    assert found(place, code, f"code:text={start} z") == []
    assert found(place, code, f"code:text={start}") == sorted((one, other))


def test_identifiers_and_references_are_compared_to_their_end(place: Place) -> None:
    code, start = new(), "a" * 230
    one = place.make(code=coded(code), identifier=[{"system": "urn:s", "value": f"{start}1"}])
    assert found(place, code, f"identifier=urn:s|{start}1") == [one]
    assert found(place, code, f"identifier=urn:s|{start}2") == []
    assert found(place, code, f"identifier={start}") == []


def test_conditions_are_met_by_the_whole_value(plain: House) -> None:
    start = f"{new()} " + "a" * 230
    body = {"resourceType": "Organization", "name": f"{start} one"}
    one = stored(plain.post("Organization", None, body))
    query = {"name": f"{start} two"}
    assert plain.call("DELETE", "Organization", query=query).status == 204  # there is none
    assert plain.get(f"Organization/{one}").status == 200
    condition = f"name={start} two".replace(" ", "%20")
    second = body | {"name": f"{start} two"}
    other = plain.post("Organization", None, second, if_none_exist=condition)
    assert other.status == 201
    again = plain.post("Organization", None, body, if_none_exist=condition)
    assert (again.status, again.id) == (200, other.id)
    patch = [{"op": "add", "path": "/active", "value": True}]
    media = "application/json-patch+json"
    missed = {"name": f"{start} three"}
    answer = plain.call("PATCH", "Organization", None, patch, query=missed, content_type=media)
    assert answer.status == 404
    put = plain.call("PUT", "Organization", None, body | {"name": "new"}, query=missed)
    assert put.status == 201
    assert plain.call("DELETE", "Organization", query=query).status == 204
    assert plain.get(f"Organization/{one}").status == 200
    assert plain.get(f"Organization/{other.id}").status == 410


def test_an_address_is_below_another_to_its_end(plain: House) -> None:
    start = f"http://{new()}.example/" + "a" * 230
    body = {"resourceType": "ValueSet", "status": "active"}
    one, other = (
        f"ValueSet/{stored(plain.post('ValueSet', None, body | {'url': f'{start}/{end}'}))}"
        for end in ("one/x", "two")
    )
    for query, expected in (
        (f"url:below={start}/one", [one]), (f"url:below={start}/o", [one]),
        (f"url:below={start}/three", []), (f"url:below={start}", sorted((one, other))),
        (f"url:above={start}/two/y", [other]), (f"url:above={start}/twofold", [other]),
        (f"url={start}/two", [other]), (f"url={start}/twx", []),
    ):  # fmt: skip
        assert sorted(addresses(plain.get(f"ValueSet?{query}"))) == expected, query[-30:]


VERSIONED: list[tuple[str, str]] = [
    ("url={url}|1.0", "0"), ("url={url}|2.0", "1"), ("url={url}", "01"), ("url={url}|3", ""),
    ("url={url}|1", ""), ("url={url}|1.0,{url}|2.0", "01"), ("url:below={url}|1", "0"),
    ("url={url}|1.0&version=1.0", "0"), ("url={url}|1.0&version=2.0", ""),
    ("_filter=url eq \"{url}|2.0\"", "1"), ("url={url}\\|1.0", "0"),
]  # fmt: skip


@pytest.mark.parametrize("type_", ["ValueSet", "CodeSystem", "StructureDefinition", "Library"])
def test_a_canonical_with_its_version_is_found(plain: House, type_: str) -> None:
    url = f"http://{new()}.example/{type_}"
    required: dict[str, Any] = {
        "ValueSet": {}, "CodeSystem": {"content": "not-present"},
        "StructureDefinition": {
            "name": "X", "kind": "resource", "abstract": False, "type": "Patient"
        },
        "Library": {"type": {"text": "x"}},
    }[type_]  # fmt: skip
    body = {"resourceType": type_, "status": "active", "url": url} | required
    versions = ("1.0", "2.0")
    ids = [stored(plain.post(type_, None, body | {"version": one})) for one in versions]
    for query, numbers in VERSIONED:
        got = addresses(plain.get(f"{type_}?{query.format(url=url)}"))
        assert sorted(got) == sorted(f"{type_}/{ids[int(n)]}" for n in numbers), query


def test_a_token_over_a_string_has_no_case(plain: House) -> None:
    lot = new()
    body = {"resourceType": "Medication", "batch": {"lotNumber": f"Lot-{lot}"}}
    one = f"Medication/{stored(plain.post('Medication', None, body))}"
    for value in (f"Lot-{lot}", f"LOT-{lot}", f"lot-{lot.upper()}", f"|lOT-{lot}"):
        assert addresses(plain.get(f"Medication?lot-number={value}")) == [one]
        assert one not in addresses(plain.get(f"Medication?lot-number:not={value}&_count=500"))
    for value in (f"Lot{lot}", f"urn:x|Lot-{lot}"):
        assert addresses(plain.get(f"Medication?lot-number={value}")) == []


def test_a_code_keeps_its_case(place: Place) -> None:
    code = new()
    one = place.make(code=coded(f"{code}Ab"), identifier=[{"system": "urn:s", "value": f"{code}A"}])
    for query, expected in (
        (f"code={code}Ab", [one]), (f"code={code}ab", []), (f"identifier={code}A", [one]),
        (f"identifier={code}a", []),
    ):  # fmt: skip
        assert addresses(place.get(f"Observation?{query}")) == expected


NAMES: list[tuple[str, str]] = [
    ("family=O{x}Brien", "0"), ("family=o'{x}brien", "0"), ("family=O {x}Brien", "0"),
    ("family={x}brien", "0"), ("name={x}brien", "0"), ("family:exact=O'{x}Brien", "0"),
    ("family:exact=O{x}Brien", ""), ("family={x}Quinones", "1"), ("name={x}qui%C3%B1ones", "1"),
    ("family=Carreno {x}Quinones", "1"), ("family:contains=o{x}brien", "0"),
    ("family:exact={x}Qui%C3%B1ones", ""), ("given={x}annemarie", "1"),
    ("given={x}Anne Marie", "1"), ("given={x}anne-marie", "1"),
    ("given=marie&family={x}Quinones", ""),
    ("family={x}Garcia", "2"), ("family=Cruz {x}Garcia", "2"), ("name=cruz-{x}garcia", "2"),
]  # fmt: skip


def test_punctuation_says_nothing_and_parts_of_family_names_are_found(plain: House) -> None:
    x = new()
    names = (
        {"family": f"O'{x}Brien"},
        {"family": f"Carreño {x}Quiñones", "given": [f"{x}Anne-Marie"]},
        {"family": f"de la Cruz-{x}García"},
    )
    for type_ in ("Patient", "Practitioner"):
        bodies = [{"resourceType": type_, "name": [name]} for name in names]
        ids = [stored(plain.post(type_, None, body)) for body in bodies]
        for query, numbers in NAMES:
            got = addresses(plain.get(f"{type_}?{query.format(x=x)}"))
            assert sorted(got) == sorted(f"{type_}/{ids[int(n)]}" for n in numbers), query


def test_the_order_of_names_is_that_of_whole_names(plain: House) -> None:
    x = new()
    ids = [
        stored(plain.post("Patient", None, PATIENT | {"name": [{"family": name}]}))
        for name in (f"{x}Z Alpha", f"{x}M", f"{x}'B")
    ]
    got = addresses(plain.get(f"Patient?family={x}&_sort=family"))
    assert got == [f"Patient/{ids[n]}" for n in (2, 1, 0)]
