"""Read, and read only what is not known yet: rows I-01 and I-02.

https://hl7.org/fhir/R4/http.html#read, https://hl7.org/fhir/R4/http.html#cread,
https://www.rfc-editor.org/rfc/rfc9110#name-conditional-requests
"""

import pytest

from fhir_server.policy.labels import MASKED, VISIBILITY
from tests.house import ANNE, CNAM, LUCIEN, NINA, PAUL, House
from tests.interactions.shared import new_ins, rows
from tests.people import opened, stored
from tests.rest.asking import JSON, PATIENT, XML, format_of, made
from tests.web.valid import document

MASK = {"coding": [{"system": VISIBILITY, "code": MASKED}]}
LATER = "Fri, 01 Jan 2027 00:00:00 GMT"
EARLIER = "Thu, 01 Jan 2026 00:00:00 GMT"


@pytest.fixture
def twice(plain: House) -> str:
    """The id of a Patient in its second version."""
    id_ = made(plain)
    assert plain.call("PUT", f"Patient/{id_}", None, PATIENT | {"id": id_}).status == 200
    return id_


@pytest.mark.parametrize("wanted", [JSON, XML])
def test_I01_a_read_has_the_id_and_the_version_in_its_headers(
    plain: House, twice: str, wanted: str
) -> None:
    answer = plain.get(f"Patient/{twice}", accept=wanted)
    assert (answer.status, answer.headers["ETag"], format_of(answer)) == (200, 'W/"2"', wanted)
    assert f'"{twice}"'.encode() in answer.body


def test_I01_what_is_deleted_is_gone_and_what_never_was_not_found(plain: House) -> None:
    id_ = made(plain)
    plain.call("DELETE", f"Patient/{id_}")
    assert [plain.get(f"Patient/{one}").status for one in (id_, "nobody")] == [410, 404]


ETAGS = [
    ('W/"2"', 304), ('"2"', 304), ("2", 304), ("*", 304), ('W/"1", W/"2"', 304),
    ('"1","2"', 304), ('W/"1"', 200), ('W/"22"', 200), ('"x"', 200),
]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("etags", "status"), ETAGS)
def test_I02_who_has_the_version_gets_no_body(
    plain: House, twice: str, etags: str, status: int, method: str
) -> None:
    answer = plain.call(method, f"Patient/{twice}", if_none_match=etags)
    assert answer.status == status
    assert answer.headers["ETag"] == 'W/"2"'
    assert (answer.body == b"") == (status == 304 or method == "HEAD")


@pytest.mark.parametrize(("version", "status"), [(1, 304), (2, 200)])
def test_I02_an_old_version_is_compared_with_itself(
    plain: House, twice: str, version: int, status: int
) -> None:
    path = f"Patient/{twice}/_history/{version}"
    assert plain.get(path, if_none_match='W/"1"').status == status


def test_I02_what_is_known_has_its_headers_and_no_length(plain: House, twice: str) -> None:
    full = plain.get(f"Patient/{twice}")
    answer = plain.get(f"Patient/{twice}", if_none_match='W/"2"')
    for name in ("ETag", "Last-Modified", "Vary", "Cache-Control"):
        assert answer.headers[name] == full.headers[name]
    assert not {"Content-Type", "Content-Length"} & set(answer.headers)


def test_I02_the_time_of_the_version_can_be_asked_for(plain: House, twice: str) -> None:
    path = f"Patient/{twice}"
    modified = plain.get(path).headers["Last-Modified"]
    statuses = [
        plain.get(path, if_modified_since=date).status for date in (EARLIER, modified, LATER)
    ]
    assert statuses == [200, 304, 304]


@pytest.mark.parametrize("date", ["Friday, 01-Jan-27 00:00:00 GMT", "Fri Jan  1 00:00:00 2027"])
def test_I02_the_older_forms_of_dates_are_read(plain: House, twice: str, date: str) -> None:
    assert plain.get(f"Patient/{twice}", if_modified_since=date).status == 304


@pytest.mark.parametrize(
    "date", ["", "yesterday", "2027-01-01", "Fri, 99 Jan 2027 00:00:00 GMT", "\xff", "1" * 400,
             "Fri, 01 Jan 99999 00:00:00 GMT", "Fri, 01 Jan 2027 00:00:00 +99999999999"],
)  # fmt: skip
def test_I02_what_is_no_date_says_nothing(plain: House, twice: str, date: str) -> None:
    assert plain.get(f"Patient/{twice}", if_modified_since=date).status == 200


@pytest.mark.parametrize(
    ("etag", "date", "status"), [('W/"1"', LATER, 200), ('W/"2"', EARLIER, 304)]
)
def test_I02_the_etag_says_more_than_the_date(
    plain: House, twice: str, etag: str, date: str, status: int
) -> None:
    answer = plain.get(f"Patient/{twice}", if_none_match=etag, if_modified_since=date)
    assert answer.status == status


def test_I02_what_is_not_there_is_not_known_either(plain: House) -> None:
    id_ = made(plain)
    plain.call("DELETE", f"Patient/{id_}")
    for headers in ({"if_none_match": "*"}, {"if_modified_since": LATER}):
        statuses = [plain.get(f"Patient/{one}", **headers).status for one in (id_, "nobody")]
        assert statuses == [410, 404]


def test_I02_a_write_asks_nothing_of_the_date(plain: House, twice: str) -> None:
    answer = plain.call(
        "PUT", f"Patient/{twice}", None, PATIENT | {"id": twice}, if_modified_since=LATER
    )
    assert (answer.status, answer.headers["ETag"]) == (200, 'W/"3"')


def test_I02_what_is_known_leaves_a_trace(house: House) -> None:
    patient_id = opened(house, NINA, ins=new_ins())
    before = rows(house, "trail")["trail"]
    assert house.get(f"Patient/{patient_id}", NINA, if_none_match='W/"1"').status == 304
    assert rows(house, "trail")["trail"] == before + 1


@pytest.mark.parametrize(
    "headers",
    [{"if_none_match": "*"}, {"if_none_match": 'W/"1"'}, {"if_modified_since": LATER},
     {"range": "bytes=0-1"}, {"range": "bytes=9999-"}, {"accept": JSON}],
    ids=str,
)  # fmt: skip
def test_I02_what_is_hidden_is_never_known(house: House, headers: dict[str, str]) -> None:
    patient_id = opened(house, NINA, doctor=PAUL, ins=new_ins())
    masked = document(patient_id) | {"securityLabel": [MASK]}
    deposited = house.post("DocumentReference", ANNE, masked)
    hidden = stored(deposited)
    binary = deposited.json["content"][0]["attachment"]["url"].rpartition("/")[2]
    assert house.get(f"Binary/{binary}", PAUL).status == 200
    for type_, id_ in (("DocumentReference", hidden), ("Binary", binary)):
        for rest in ("", "/_history/1"):
            told = house.get(f"{type_}/{id_}{rest}", NINA, **headers)
            absent = house.get(f"{type_}/nobody{rest}", NINA, **headers)
            assert (told.status, absent.status) == (404, 404)
            assert told.body.replace(id_.encode(), b"nobody") == absent.body
            unlike = {"X-Request-Id", "Content-Length"}
            assert {k: v for k, v in told.headers.items() if k not in unlike} == {
                k: v for k, v in absent.headers.items() if k not in unlike
            }


def test_I02_a_holder_who_is_refused_is_not_told_by_a_condition(house: House) -> None:
    patient_id = opened(house, NINA, ins=new_ins())
    statuses = [
        house.get(f"Patient/{id_}", LUCIEN, if_none_match="*").status
        for id_ in (patient_id, "nobody")
    ]
    assert statuses == [404, 404]
    assert house.get(f"Patient/{patient_id}", CNAM, if_none_match="*").status == 304
