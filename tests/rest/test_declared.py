"""What the CapabilityStatement declares works, and nothing else does: row I-27.

https://hl7.org/fhir/R4/http.html#summary, https://hl7.org/fhir/R4/capabilitystatement.html
"""

import json

import pytest

from fhir_server.search.parameters import parameters
from fhir_server.search.types.reference import leads_to
from profiles.definitions import r4
from tests.house import Answer, House
from tests.interactions.minimal import minimal
from tests.interactions.test_capabilities import value_of
from tests.people import stored
from tests.rest.stated import JSON_PATCH, basic, codes, rest, said

FORM = "application/x-www-form-urlencoded"
EMPTY_BUNDLE = {"resourceType": "Bundle", "type": "batch"}

# Every interaction of the standard that has an address, and what the statement calls it.
STANDARD = {
    ("GET", "metadata"): "capabilities",
    ("GET", "[type]/[id]"): "read",
    ("PUT", "[type]/[id]"): "update",
    ("PATCH", "[type]/[id]"): "patch",
    ("DELETE", "[type]/[id]"): "delete",
    ("GET", "[type]/[id]/_history/1"): "vread",
    ("GET", "[type]/[id]/_history"): "history-instance",
    ("GET", "[type]/_history"): "history-type",
    ("GET", "_history"): "history-system",
    ("POST", "[type]"): "create",
    ("PUT", "[type]"): "conditionalUpdate",
    ("PATCH", "[type]"): "patch",
    ("DELETE", "[type]"): "conditionalDelete",
    ("GET", "[type]"): "search-type",
    ("POST", "[type]/_search"): "search-type",
    ("GET", ""): "search-system",
    ("POST", "_search"): "search-system",
    ("POST", ""): "transaction",
    ("GET", "Patient/[patient]/[type]"): "compartment",
    ("GET", "Patient/[patient]/*"): "compartment",
}  # fmt: skip
PATHS = sorted({path for _, path in STANDARD}) + [
    "[type]/[id]/_search", "[type]/[id]/_history/_search", "[type]/[id]/code", "metadata/x",
    "_elements", "[type]/[id]/_history/1/x", "[type]/_search/x", "*",
]  # fmt: skip
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ALL = [(method, path) for path in PATHS for method in METHODS]

# The operations that HL7 defines in R4.
OPERATIONS = (
    "apply", "care-gaps", "closure", "collect-data", "conforms", "convert", "data-requirements",
    "document", "docref", "evaluate-measure", "everything", "expand", "find", "find-matches",
    "graph", "graphql", "implements", "lastn", "lookup", "match", "meta", "meta-add", "meta-delete",
    "preferred-id", "process-message", "questionnaire", "reindex", "snapshot", "stats", "submit",
    "submit-data", "subset", "subsumes", "transform", "translate", "validate", "validate-code",
    "versions", "export", "nonsense", "explain-access",
)  # fmt: skip
MANY = 40  # parameters in one search


def declared(server: House, type_: str) -> set[str]:
    """The codes of `STANDARD` that the statement has for a type."""
    found = said(server, type_)
    flags = {"conditionalUpdate"} if found["conditionalUpdate"] else set[str]()
    if found["conditionalDelete"] != "not-supported":
        flags.add("conditionalDelete")
    whole = rest(server)
    compartments = {"compartment"} if whole.get("compartment") else set()
    return codes(found) | codes(whole) | flags | compartments | {"capabilities"}


def asked(plain: House, method: str, path: str) -> Answer:
    """A request that succeeds where the interaction is there."""
    id_ = stored(plain.post("Basic", None, basic()))
    patient = stored(plain.post("Patient", None, {"resourceType": "Patient", "active": True}))
    address = path.replace("[type]", "Basic").replace("[id]", id_).replace("[patient]", patient)
    query = f"_id={id_}" if path == "[type]" else ""
    if method == "PATCH":
        change = [{"op": "replace", "path": "/code", "value": {"text": "y"}}]
        body = json.dumps(change).encode()
        return plain.call(method, address, None, body, query=query, content_type=JSON_PATCH)
    if method == "POST" and path.endswith("_search"):
        return plain.call(method, address, None, b"_id=a", content_type=FORM)
    if method in ("POST", "PUT"):
        sent = EMPTY_BUNDLE if path == "" else basic() | ({"id": id_} if method == "PUT" else {})
        return plain.call(method, address, None, sent, query=query)
    return plain.call(method, address, query=query)


@pytest.mark.parametrize(("method", "path"), ALL, ids=lambda value: str(value))
def test_I27_what_is_declared_works_and_nothing_else_does(
    plain: House, method: str, path: str
) -> None:
    answer = asked(plain, method, path)
    if STANDARD.get((method, path)) in declared(plain, "Basic"):
        assert 200 <= answer.status < 300, answer.body
    else:
        assert answer.status in (404, 405), answer.body
        assert answer.json["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize("path", ["Nonsense", "Nonsense/a", "patient", "Element", "Resource"])
def test_I27_what_is_no_type_is_not_there(plain: House, path: str) -> None:
    for method in METHODS:
        assert plain.call(method, path, None, basic()).status == 404


@pytest.mark.parametrize("type_", r4().resources)
def test_I27_every_type_does_what_it_declares(plain: House, type_: str) -> None:
    there = said(plain, type_)
    expected = {
        "create", "read", "vread", "update", "patch", "delete", "search-type", "history-instance",
        "history-type",
    }  # fmt: skip
    body = minimal(type_)
    id_ = stored(plain.post(type_, None, body))
    change = json.dumps([{"op": "add", "path": "/language", "value": "fr"}]).encode()
    replaced = {"body": body | {"id": id_, "language": "de"}}
    steps: dict[str, Answer] = {
        "read": plain.get(f"{type_}/{id_}"),
        "vread": plain.get(f"{type_}/{id_}/_history/1"),
        "update": plain.call("PUT", f"{type_}/{id_}", None, **replaced),
        "patch": plain.call("PATCH", f"{type_}/{id_}", None, change, content_type=JSON_PATCH),
        "history-instance": plain.get(f"{type_}/{id_}/_history"),
        "history-type": plain.get(f"{type_}/_history"),
        "search-type": plain.get(f"{type_}?_id={id_}"),
        "conditionalCreate": plain.post(type_, None, body, if_none_exist=f"_id={id_}"),
        "conditionalUpdate": plain.call("PUT", type_, None, body, query=f"_id={id_}"),
        "conditionalDelete": plain.call("DELETE", type_, query=f"_id={id_}"),
        "updateCreate": plain.call("PUT", f"{type_}/new-{id_}", None, body | {"id": f"new-{id_}"}),
        "delete": plain.call("DELETE", f"{type_}/new-{id_}"),
    }
    works = {name for name, answer in steps.items() if answer.status < 300} | {"create"}
    flags = {
        name for name in ("conditionalCreate", "conditionalUpdate", "updateCreate") if there[name]
    }
    if there["conditionalDelete"] != "not-supported":
        flags.add("conditionalDelete")
    assert works == codes(there) | flags
    assert codes(there) <= expected


@pytest.mark.parametrize("type_", r4().resources)
def test_I27_every_parameter_that_is_declared_is_searched_by(plain: House, type_: str) -> None:
    there = said(plain, type_)["searchParam"]
    pairs = [(p["name"], value_of(type_, p["name"], p["type"])) for p in there]
    for first in range(0, len(pairs), MANY):
        some = pairs[first : first + MANY]
        answer = plain.call("GET", type_, query=some, prefer="handling=strict")
        assert answer.status == 200, answer.body
        link = answer.json["link"][0]["url"]
        assert [n for n, _ in some if f"?{n}=" not in link and f"&{n}=" not in link] == []


@pytest.mark.parametrize("type_", r4().resources)
def test_I27_no_parameter_that_is_not_declared_is_searched_by(plain: House, type_: str) -> None:
    there = {p["name"] for p in said(plain, type_)["searchParam"]}
    absent = sorted(set(r4().search[type_]) - there) + ["nonsense"]
    for name in absent:
        strict = plain.call("GET", type_, query={name: "a"}, prefer="handling=strict")
        assert strict.status == 400, name
        lenient = plain.call("GET", type_, query={name: "a"})
        assert lenient.status == 400 or name not in lenient.json["link"][0]["url"]


def test_I27_parameters_are_those_of_their_definitions(plain: House) -> None:
    for resource in rest(plain)["resource"]:
        for parameter in resource["searchParam"]:
            definition = r4().parameter_urls[parameter["definition"]]
            assert (definition.code, definition.type) == (parameter["name"], parameter["type"])
            assert definition in r4().search[resource["type"]].values()


@pytest.mark.parametrize("type_", r4().resources)
def test_I27_every_include_that_is_declared_is_done_and_no_other(plain: House, type_: str) -> None:
    there = said(plain, type_)
    declared_ = [("_include", value) for value in there["searchInclude"]]
    declared_ += [("_revinclude", value) for value in there["searchRevInclude"]]
    for first in range(0, len(declared_), MANY):
        some = declared_[first : first + MANY]
        answer = plain.call("GET", type_, query=[("_id", "a"), *some], prefer="handling=strict")
        assert answer.status == 200, answer.body
    for name in r4().search[type_]:
        for ask, value in (("_include", f"{type_}:{name}"), ("_revinclude", f"{type_}:{name}")):
            query = {"_id": "a", ask: value}
            done = plain.call("GET", type_, query=query, prefer="handling=strict").status == 200
            assert done == (f"{type_}:{name}" in there["searchInclude"]), value


def test_I27_a_reverse_include_is_declared_where_it_can_bring_something(plain: House) -> None:
    for type_ in ("Patient", "Organization", "Observation", "Basic"):
        there = said(plain, type_)["searchRevInclude"]
        expected = ["*", *(
            f"{source}:{name}"
            for source in r4().resources
            for name in sorted(r4().search[source])
            if name in parameters(source) and parameters(source)[name].type == "reference"
            and leads_to(parameters(source)[name], type_)
        )]  # fmt: skip
        assert sorted(there) == sorted(expected)


@pytest.mark.parametrize(
    "type_", ["", "Patient", "Basic", "Composition", "DocumentReference", "ValueSet"]
)
def test_I27_operations_are_there_when_they_are_declared(plain: House, type_: str) -> None:
    holder = said(plain, type_) if type_ else rest(plain)
    id_ = stored(plain.post(type_, None, minimal(type_))) if type_ else ""
    places = [f"{type_}/", f"{type_}/{id_}/"] if type_ else [""]
    there = {operation["name"] for operation in holder.get("operation", ())}
    assert there <= set(OPERATIONS)
    assert there == {
        name for name in OPERATIONS if any(is_known(plain, f"{at}${name}") for at in places)
    }


def is_known(plain: House, path: str) -> bool:
    """Whether there is such an operation, however the server likes its (missing) parameters."""
    answer = plain.post(path, None, {"resourceType": "Parameters"})
    refused = answer.status in (404, 405)
    unknown = answer.status == 400 and answer.json["issue"][0]["code"] == "not-supported"
    return not (refused or unknown)
