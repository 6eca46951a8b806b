"""I-04, I-21: versions of one resource, of a type, of everything.

https://hl7.org/fhir/R4/http.html#vread, #history
"""

from urllib.parse import quote

import pytest

from profiles.validate import validate
from tests.house import BASE, House
from tests.people import stored
from tests.rest.histories import LEVELS, ask, link, made, new_id, newest, put, told

# I-04: vread.


def test_I04_each_version_is_read_with_its_number_and_id(plain: House) -> None:
    id_, _ = made(plain)
    for number, text in ((1, "one"), (2, "two"), (4, "four")):
        answer = plain.get(f"Basic/{id_}/_history/{number}")
        assert (answer.status, answer.json["id"]) == (200, id_)
        assert answer.json["meta"]["versionId"] == str(number)
        assert (answer.json["code"]["text"], answer.headers["ETag"]) == (text, f'W/"{number}"')


def test_I04_a_deleted_version_is_gone(plain: House) -> None:
    answer = plain.get(f"Basic/{made(plain)[0]}/_history/3")
    assert (answer.status, answer.json["issue"][0]["code"]) == (410, "deleted")


@pytest.mark.parametrize("version", ["0", "5", "99999999", "x", "1a", "\u00c2\u00b2"])
def test_I04_an_unknown_version_is_not_found(plain: House, version: str) -> None:
    answer = plain.get(f"Basic/{made(plain)[0]}/_history/{version}")
    assert (answer.status, answer.json["issue"][0]["code"]) == (404, "not-found")


# I-21: the history of a resource, of a type, of everything.


@pytest.mark.parametrize("level", LEVELS)
def test_I21_a_history_is_newest_first_with_deletions(plain: House, level: str) -> None:
    id_, _ = made(plain)
    answer = ask(plain, level.format(id=id_), _count="4")
    assert (answer.json["resourceType"], answer.json["type"]) == ("Bundle", "history")
    assert told(answer) == [f'Basic/{id_}"{n}"' for n in (4, 3, 2, 1)]
    methods = [entry["request"]["method"] for entry in answer.json["entry"]]
    assert methods == ["PUT", "DELETE", "PUT", "POST"]
    assert ["resource" in entry for entry in answer.json["entry"]] == [True, False, True, True]


@pytest.mark.parametrize("level", LEVELS)
def test_I21_each_entry_says_request_and_response(plain: House, level: str) -> None:
    id_, times = made(plain)
    answer = ask(plain, level.format(id=id_), _count="4")
    requests = [tuple(entry["request"].values()) for entry in answer.json["entry"]]
    assert requests == [
        ("PUT", f"Basic/{id_}"), ("DELETE", f"Basic/{id_}"), ("PUT", f"Basic/{id_}"),
        ("POST", "Basic"),
    ]  # fmt: skip
    responses = [entry["response"] for entry in answer.json["entry"]]
    statuses = [response["status"] for response in responses]
    assert statuses == ["200 OK", "204 No Content", "200 OK", "201 Created"]
    assert [response["lastModified"] for response in responses] == times[::-1]
    assert validate(answer.json) == []


def test_I21_the_resources_of_a_history_are_the_versions_as_they_were(plain: House) -> None:
    id_, _ = made(plain)
    for entry in plain.get(f"Basic/{id_}/_history").json["entry"]:
        if "resource" in entry:
            number = entry["resource"]["meta"]["versionId"]
            assert entry["resource"] == plain.get(f"Basic/{id_}/_history/{number}").json


def test_I21_a_resource_made_by_PUT_is_told_as_created(plain: House) -> None:
    put(plain, id_ := new_id(), "one")
    entry = newest(plain)
    assert entry["request"] == {"method": "PUT", "url": f"Basic/{id_}"}
    assert entry["response"]["status"] == "201 Created"


def test_I21_the_history_of_what_is_deleted_stays(plain: House) -> None:
    id_, _ = made(plain)
    plain.call("DELETE", f"Basic/{id_}")
    assert plain.get(f"Basic/{id_}").status == 410
    assert len(told(plain.get(f"Basic/{id_}/_history"))) == 5


def test_I21_of_what_was_never_there_there_is_no_history(plain: House) -> None:
    assert plain.get("Basic/never/_history").status == 404
    answer = plain.get("Unknown/_history")
    assert (answer.status, answer.json["issue"][0]["code"]) == (404, "not-supported")


def test_I21_of_a_type_without_resources_the_history_is_empty(plain: House) -> None:
    answer = plain.get("Slot/_history")
    assert (answer.status, answer.json["total"], "entry" in answer.json) == (200, 0, False)


def test_I21_a_type_has_its_own_versions_alone(plain: House) -> None:
    put(plain, id_ := new_id(), "one", "Substance")
    made(plain)
    assert told(plain.get("Substance/_history")) == [f'Substance/{id_}"1"']


@pytest.mark.parametrize("level", LEVELS)
def test_I21_since_leaves_out_what_was_before(plain: House, level: str) -> None:
    id_, times = made(plain)
    answer = ask(plain, level.format(id=id_), _since=times[2])
    assert told(answer) == [f'Basic/{id_}"4"', f'Basic/{id_}"3"']
    assert answer.json["total"] == 2
    assert f"_since={times[2]}" in (link(answer, "self") or "")


def test_I21_since_knows_time_zones_also_when_their_plus_was_not_encoded(plain: House) -> None:
    id_, times = made(plain)
    here = times[2].replace("T12", "T13").replace("Z", "+01:00")
    assert len(told(plain.get(f"Basic/{id_}/_history?_since={quote(here)}"))) == 2
    assert len(told(plain.get(f"Basic/{id_}/_history?_since={here}"))) == 2


def test_I21_at_gives_the_versions_that_were_current_then(plain: House) -> None:
    id_, times = made(plain)
    for n, time in enumerate(times, 1):
        answer = ask(plain, f"Basic/{id_}/_history", _at=time)
        assert told(answer) == [f'Basic/{id_}"{n}"'], time
        assert told(ask(plain, "Basic/_history", _at=time))[0] == f'Basic/{id_}"{n}"'


def test_I21_at_has_the_precision_it_is_written_with(plain: House) -> None:
    id_, times = made(plain)
    second = times[1][:19] + "Z"
    assert told(ask(plain, f"Basic/{id_}/_history", _at=second)) == [f'Basic/{id_}"2"']
    for day in ("2026", "2026-11", "2026-11-24"):
        assert len(told(ask(plain, f"Basic/{id_}/_history", _at=day))) == 4
    assert told(ask(plain, f"Basic/{id_}/_history", _at="2026-11-23")) == []
    assert told(ask(plain, f"Basic/{id_}/_history", _at="2027")) == [f'Basic/{id_}"4"']


def listed(plain: House, *references: str) -> str:
    return stored(
        plain.post("List", None, {
            "resourceType": "List", "status": "current", "mode": "working",
            "entry": [{"item": {"reference": reference}} for reference in references],
        })
    )  # fmt: skip


def test_I21_list_gives_the_versions_of_what_is_in_it(plain: House) -> None:
    (one, _), (two, _), (other, _) = made(plain), made(plain), made(plain)
    list_ = listed(plain, f"Basic/{one}", f"{BASE}/Basic/{two}/_history/2", "http://a.example/1")
    expected = [f'Basic/{two}"2"', *(f'Basic/{one}"{n}"' for n in (4, 3, 2, 1))]
    for path in ("Basic/_history", "_history"):
        answer = ask(plain, path, _list=list_)
        assert (told(answer), answer.json["total"]) == (expected, 5)
        assert told(ask(plain, path, _list=f"List/{list_}")) == expected
    assert told(ask(plain, f"Basic/{other}/_history", _list=list_)) == []
    assert told(ask(plain, "Substance/_history", _list=list_)) == []


def test_I21_of_a_list_that_is_not_there_nothing_is_told(plain: House) -> None:
    made(plain)
    assert told(ask(plain, "Basic/_history", _list="never")) == []


def test_I21_the_newest_come_first_also_when_asked_for(plain: House) -> None:
    made(plain)
    answer = plain.call(
        "GET", "Basic/_history", query="_sort=-_lastUpdated", prefer="handling=strict"
    )
    assert told(answer) == told(plain.get("Basic/_history"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("_since", "yesterday"), ("_since", "2026-11-24"), ("_since", "2026-11-24T12:00:00"),
        ("_since", "ge2026-11-24T12:00:00Z"), ("_since", "2026-02-30T12:00:00Z"),
        ("_at", "noon"), ("_at", "2026-13"), ("_at", "ge2026"), ("_at", "2026-11-24T25:00"),
        ("_count", "-1"), ("_count", "many"), ("_count", "1.5"),
        ("_list", "a b"), ("_list", "Patient/1"), ("_list", "$current-problems"),
        ("_since", "\0"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("level", LEVELS)
def test_I21_a_value_that_cannot_be_read_is_refused(
    plain: House, level: str, name: str, value: str
) -> None:
    answer = ask(plain, level.format(id=made(plain)[0]), **{name: value})
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "value"), answer.body


@pytest.mark.parametrize("query", ["code=x", "_sort=_lastUpdated", "_id=1", "name:exact=x"])
def test_I21_an_unknown_parameter_is_ignored_unless_handling_is_strict(
    plain: House, query: str
) -> None:
    id_, _ = made(plain)
    answer = plain.get(f"Basic/{id_}/_history?{query}")
    assert (len(told(answer)), link(answer, "self")) == (4, f"Basic/{id_}/_history")
    strict = plain.get(f"Basic/{id_}/_history?{query}", prefer="handling=strict")
    assert (strict.status, strict.json["issue"][0]["code"]) == (400, "not-supported")
    assert f"`{query.split('=')[0]}`" in strict.diagnostics


def test_I21_a_history_comes_as_XML_and_to_HEAD_without_its_body(plain: House) -> None:
    id_, _ = made(plain)
    xml = plain.get(f"Basic/{id_}/_history?_format=xml&_pretty=true", prefer="handling=strict")
    assert (xml.status, xml.body.count(b"<entry>")) == (200, 4)
    for level in LEVELS:
        head = plain.call("HEAD", level.format(id=id_))
        assert (head.status, head.body) == (200, b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("level", LEVELS)
def test_I21_a_history_is_only_read(plain: House, level: str, method: str) -> None:
    answer = plain.call(method, level.format(id="x"), None, {"resourceType": "Basic"})
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_I21_a_history_can_be_an_entry_of_a_bundle(plain: House) -> None:
    id_, _ = made(plain)
    urls = [f"Basic/{id_}/_history?_count=2", "Basic/_history?_count=1", "_history?_count=1",
            "Basic/never/_history"]  # fmt: skip
    for kind, asked in (("batch", urls), ("transaction", urls[:3])):
        entries = [{"request": {"method": "GET", "url": url}} for url in asked]
        body = {"resourceType": "Bundle", "type": kind, "entry": entries}
        found = plain.post("", None, body).json["entry"]
        assert [len(entry["resource"]["entry"]) for entry in found[:3]] == [2, 1, 1]
        assert {entry["resource"]["type"] for entry in found[:3]} == {"history"}
        assert [entry["response"]["status"][:3] for entry in found[3:]] in ([], ["404"])


def test_I21_the_bytes_of_a_Binary_are_in_its_history(plain: House) -> None:
    id_ = stored(plain.post("Binary", None, b"one", content_type="text/plain"))
    (entry,) = plain.get(f"Binary/{id_}/_history").json["entry"]
    assert entry["resource"]["data"] == "b25l"


def test_I21_the_capability_statement_declares_the_three_levels(plain: House) -> None:
    (rest,) = plain.get("metadata").json["rest"]
    assert "history-system" in {one["code"] for one in rest["interaction"]}
    for resource in rest["resource"]:
        codes = {one["code"] for one in resource["interaction"]}
        assert {"history-instance", "history-type", "vread"} <= codes


def test_I21_without_rules_no_trace_is_in_the_history(plain: House) -> None:
    put(plain, id_ := new_id(), "one")
    assert plain.get(f"Basic/{id_}").status == 200
    assert plain.get("AuditEvent").json["total"] == 0
    assert told(plain.get("_history?_count=1")) == [f'Basic/{id_}"1"']
    posted = {
        "resourceType": "AuditEvent", "type": {"code": "rest"}, "recorded": "2026-11-24T12:00:00Z",
        "agent": [{"requestor": True}], "source": {"observer": {"display": "x"}},
    }  # fmt: skip
    event = stored(plain.post("AuditEvent", None, posted))
    assert told(plain.get("_history?_count=1")) == [f'AuditEvent/{event}"1"']
    assert plain.call("DELETE", f"AuditEvent/{event}").status == 204
