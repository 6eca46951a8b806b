"""How tests of the REST matrix ask, and look at what comes."""

from typing import Any

from tests.house import Answer, House
from tests.people import stored

JSON, XML = "application/fhir+json", "application/fhir+xml"
FORM = "application/x-www-form-urlencoded"
PATIENT = {"resourceType": "Patient", "name": [{"family": "Essai"}]}


def made(plain: House, **more: Any) -> str:
    """The id of a new Patient."""
    return stored(plain.post("Patient", None, PATIENT | more))


def format_of(answer: Answer) -> str:
    """The format of the body, which its type and its first byte agree about."""
    media = answer.headers["Content-Type"]
    assert answer.body.startswith(b"<?xml" if "xml" in media else b"{")
    return media.removesuffix(";charset=utf-8")


def asked(house: House, address: str, method: str = "GET", **headers: str) -> Answer:
    """With this very `PATH_INFO`, wherever it leads."""
    environ = {
        "REQUEST_METHOD": method, "PATH_INFO": address, "SCRIPT_NAME": "", "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "8080", "wsgi.url_scheme": "http",
    }  # fmt: skip
    environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    found: list[Any] = []
    application: Any = house.app.wsgi_app
    chunks = application(environ, lambda status, lines, *_: found.extend([status, lines]))
    return Answer(int(found[0].split()[0]), dict(found[1]), b"".join(chunks))
