"""What is where, and what is nowhere: https://hl7.org/fhir/R4/http.html#summary"""

from typing import Any

import pytest

from fhir_server.fhir.http import Call
from fhir_server.fhir.outcome import FhirError
from fhir_server.interactions.routes import ROUTES, Route, match
from tests.house import House

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PATHS = {
    pattern: pattern.replace("[type]", "Patient").replace("[id]", "a").replace("[vid]", "1")
    for pattern in ROUTES
}


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("GET", "Patient", Route("search-type", "Patient")),
        ("POST", "Patient/_search", Route("search-type", "Patient")),
        ("POST", "Patient", Route("create", "Patient")),
        ("GET", "Patient/a.b-1", Route("read", "Patient", "a.b-1")),
        ("HEAD", "Patient/a", Route("read", "Patient", "a")),
        ("GET", "Patient/a/_history", Route("history-instance", "Patient", "a")),
        ("GET", "Patient/a/_history/3", Route("vread", "Patient", "a", 3)),
        ("GET", "metadata", Route("capabilities")),
        ("POST", "", Route("transaction")),
    ],
)
def test_a_path_leads_to_its_interaction(method: str, path: str, route: Route) -> None:
    assert match(Call(method, path)) == route


@pytest.mark.parametrize("pattern", ROUTES, ids=lambda pattern: pattern or "base")
def test_what_a_path_does_not_offer_is_refused_with_what_it_offers(pattern: str) -> None:
    for method in set(METHODS) - set(ROUTES[pattern]):
        with pytest.raises(FhirError) as refusal:
            match(Call(method, PATHS[pattern]))
        assert refusal.value.status == 405
        offered = set(refusal.value.headers["Allow"].split(", "))
        assert offered - {"HEAD"} == set(ROUTES[pattern])


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "get"])
def test_other_methods_are_not_allowed(plain: House, method: str) -> None:
    answer = plain.call(method, "Patient")
    assert (answer.status, answer.headers["Allow"]) == (405, "DELETE, GET, HEAD, PATCH, POST, PUT")
    assert answer.json["issue"][0]["code"] == "not-supported"


@pytest.mark.parametrize(
    "path", ["Unknown", "Unknown/1", "patient", "Resource", "DomainResource/1"]
)
def test_an_unknown_type_is_not_found(plain: House, path: str) -> None:
    answer = plain.get(path)
    assert (answer.status, answer.json["issue"][0]["code"]) == (404, "not-supported")
    assert f"`{path.split('/')[0]}`" in answer.diagnostics


@pytest.mark.parametrize(
    "path", ["Patient/a/b", "Patient/a/_history/1/2", "metadata/x", "Patient/a/_searches"]
)
def test_an_unknown_path_is_not_found(plain: House, path: str) -> None:
    assert plain.get(path).status == 404


def test_a_slash_at_the_end_says_nothing(plain: House) -> None:
    assert plain.get("Patient/").status == 200


def test_what_is_not_below_the_base_is_not_fhir(plain: House) -> None:
    found = []
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/fhirs/Patient",
        "QUERY_STRING": "",
        "SCRIPT_NAME": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
    }
    answer: Any = plain.app.wsgi_app
    answer(environ, lambda status, _: found.append(status))
    assert found == ["404 NOT FOUND"]
