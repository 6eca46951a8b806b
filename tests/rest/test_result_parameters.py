"""What pages and answers are asked for: `_count`, and parameters that take no modifier.

https://hl7.org/fhir/R4/search.html#count, #modifiers; `_summary`, `_elements`: `test_subset`
"""

import pytest

from tests.house import House
from tests.people import stored
from tests.rest.asking import FORM, made

HUGE = ("501", "2147483647", "2147483648", "99999999999", "9" * 30, "0" * 30 + "9999999999")
PATHS = (
    "Patient", "", "Patient/{id}/Observation", "Patient/{id}/*", "Patient/_history", "_history",
    "Patient/{id}/_history", "Patient/{id}/$everything", "DocumentReference/$docref",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("count", HUGE)
def test_a_count_larger_than_any_page_means_the_largest(
    plain: House, path: str, count: str
) -> None:
    query = f"_count={count}" + (f"&patient={made(plain)}" if "$docref" in path else "")
    answer = plain.get(f"{path.format(id=made(plain))}?{query}")
    assert (answer.status, answer.json["resourceType"]) == (200, "Bundle"), answer.body


@pytest.mark.parametrize("path", ["Patient/_search", "_search", "Patient/{id}/_search"])
def test_a_count_larger_than_any_page_may_stand_in_a_form(plain: House, path: str) -> None:
    address, form = path.format(id=made(plain)), b"_count=2147483647&_type=Patient"
    answer = plain.call("POST", address, None, form, content_type=FORM)
    assert (answer.status, "_count=500" in answer.json["link"][0]["url"]) == (200, True)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("count", ["-1", "x", "1.5", "1e3", "²"])
def test_a_count_that_is_no_whole_number_is_refused(plain: House, path: str, count: str) -> None:
    query = f"_count={count}" + (f"&patient={made(plain)}" if "$docref" in path else "")
    answer = plain.get(f"{path.format(id=made(plain))}?{query}")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "value"), answer.body


OF_SEARCHES = (
    "_type:not=Patient", "_type:missing=true", "_type:x=Patient", "_count:x=1", "_sort:x=_id",
    "_elements:x=id", "_summary:x=true", "_total:x=none", "_contained:x=true", "_format:x=json",
    "_pretty:x=true", "_filter:x=a", "_list:x=a", "_text:x=a", "_include:x=Patient:link",
    "_revinclude:x=Basic:subject", "_id:x=a", "_lastUpdated:x=2020", "_tag:x=a",
)  # fmt: skip
OF_HISTORIES = (
    "_since:not=2020-01-01T00:00:00Z", "_at:x=2020", "_count:x=1", "_list:x=a", "_sort:x=a",
    "_elements:x=id", "_summary:x=true", "_format:x=json", "_pretty:x=true",
)  # fmt: skip
OF_READS = ("_elements:x=id", "_summary:x=true", "_format:x=json", "_pretty:x=true")


@pytest.mark.parametrize(
    ("path", "parameter"),
    [(path, one) for path in ("Patient", "", "Patient/{id}/*") for one in OF_SEARCHES]
    + [(f"{path}_history", one) for path in ("", "Patient/", "Patient/{id}/")
       for one in OF_HISTORIES]
    + [("Patient/{id}", one) for one in OF_READS],
)  # fmt: skip
def test_a_modifier_that_a_parameter_does_not_have_is_refused(
    plain: House, path: str, parameter: str
) -> None:
    answer = plain.get(f"{path.format(id=made(plain))}?{parameter}")
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "not-supported"), answer.body


@pytest.mark.parametrize("path", ["Patient", "", "Patient/{id}/*"])
def test_elements_and_a_count_exclude_each_other(plain: House, path: str) -> None:
    query = "_elements=name&_summary=count&_type=Patient"
    assert plain.get(f"{path.format(id=made(plain))}?{query}").status == 400
    assert plain.get(f"{path.format(id=made(plain))}?_elements=name&_summary=false").status == 200


def test_a_whole_compartment_is_searched_by_post_without_a_type(plain: House) -> None:
    id_ = made(plain)
    basic = {"resourceType": "Basic", "code": {"text": "x"}, "subject": {
        "reference": f"Patient/{id_}"}}  # fmt: skip
    inside = stored(plain.post("Basic", None, basic))
    for form, found in ((b"", {id_, inside}), (b"_type=Basic", {inside})):
        answer = plain.call("POST", f"Patient/{id_}/_search", None, form, content_type=FORM)
        assert {one["id"] for one in answer.entries} == found
    assert plain.get(f"Patient/{id_}/_search").status == 405
    assert plain.post("Observation/1/_search", None, None).status == 404
