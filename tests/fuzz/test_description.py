"""What schemathesis makes of the description of the API, good and bad, is answered as it says:
https://schemathesis.readthedocs.io/
"""

import json
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode

from fhir_server.interactions.openapi import description
from tests.fuzz.examine import Examiner
from tests.fuzz.scale import SEED, share
from tests.house import BASE
from tests.web.valid import Request

PARTS = 10  # of a hundred of all cases


def test_every_call_it_makes_is_answered_as_described(examiner: Examiner) -> None:
    document = json.loads(description(examiner.house.settings))
    schema = schemathesis.openapi.from_dict(document)
    schema.validate()
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) == sum(len(item.keys() - {"parameters"}) for item in _paths(document))
    for operation in operations:
        described = set(operation.definition.raw["responses"])
        ask_all(examiner, operation, described, max(1, round(share(PARTS) / len(operations))))
    examiner.check_store()


def _paths(document: Any) -> list[dict[str, Any]]:
    return list(document["paths"].values())


def ask_all(examiner: Examiner, operation: Any, described: set[str], cases: int) -> None:
    good, bad = (operation.as_strategy(generation_mode=mode) for mode in GenerationMode)

    @seed(SEED)
    @settings(
        max_examples=cases, database=None, derandomize=False, deadline=None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.one_of(good, bad), st.sampled_from(examiner.people))
    def ask(case: Any, who: object) -> None:
        answer = examiner.ask(sent(case), who)  # type: ignore[arg-type]
        assert str(answer.status) in described | {"405"}, (operation.label, answer.status)

    ask()


def sent(case: Any) -> Request:
    """As it would go over the wire, and come out of a WSGI server."""
    prepared = requests.Request(**case.as_transport_kwargs(base_url=BASE)).prepare()
    url = urlsplit(prepared.url)
    path = unquote(url.path, encoding="latin-1").removeprefix("/fhir").removeprefix("/")
    headers = {name.lower().replace("-", "_"): _text(v) for name, v in prepared.headers.items()}
    body = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body or b""
    return Request(prepared.method, path, url.query, body, headers)


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
