"""Whatever is sent, the answer is never a 500, comes in time, and is a refusal in its form.

https://hl7.org/fhir/R4/http.html#Status-Codes. The cases are generated; `scale.py` says how many.
"""

from collections.abc import Callable
from functools import lru_cache

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from fhir_server.interactions.operations.table import OPERATIONS
from tests.fuzz import asked
from tests.fuzz.acts import bundles, operations, patches
from tests.fuzz.chance import Draw, as_json, as_xml, changed, rarely, seeds
from tests.fuzz.examine import Examiner
from tests.fuzz.scale import SEED, share
from tests.web.mutants import mutant
from tests.web.valid import FORM, JSON, XML, Request, valid

Ids = dict[str, str]


@st.composite
def resources(draw: Draw, ids: Ids) -> Request:
    """A resource with something wrong, created, updated or validated, in JSON or XML."""
    resource = draw(st.sampled_from(seeds()))
    type_ = resource["resourceType"]
    media = draw(st.sampled_from([JSON, JSON, XML]))
    body = draw(as_json(draw(changed(resource))) if media == JSON else as_xml(resource))
    method, path = draw(st.sampled_from([
        ("POST", type_), ("POST", type_), ("PUT", f"{type_}/{ids.get(type_, 'a')}"),
        ("PUT", f"{type_}/{resource.get('id', 'a')}"), ("POST", f"{type_}/$validate"),
        ("PUT", type_), ("POST", "Patient"),
    ]))  # fmt: skip
    query = draw(asked.query(type_, 2)) if path == type_ else ""
    return Request(method, path, query, body, {"content_type": media} | draw(asked.headers()))


@st.composite
def addresses(draw: Draw, ids: Ids) -> Request:
    """Any method of any path, with any parameters and headers."""
    path = draw(asked.place(draw(st.sampled_from(asked.patterns())), ids))
    body = draw(st.sampled_from([b"", b"", b"{}", b"x", b"<a/>"]))
    headers = draw(asked.headers("content_type") if body else asked.headers())
    method = draw(st.sampled_from(asked.METHODS))
    return Request(method, path, draw(asked.query(path.split("/")[0], 3)), body, headers)


@st.composite
def searches(draw: Draw, ids: Ids) -> Request:
    type_ = draw(st.sampled_from(asked.TYPES))
    query, headers = draw(asked.query(type_)), draw(asked.headers())
    if "Patient" in ids and draw(st.booleans()):
        query = f"patient={ids['Patient']}&{query}".strip("&")
    path = draw(st.sampled_from([type_, type_, "", f"Patient/{ids['Patient']}/{type_}",
                                 f"Patient/{ids['Patient']}/*"]))  # fmt: skip
    if not draw(rarely(4)):
        return Request("GET", path, query, headers=headers)
    form = query.encode(errors="replace")
    return Request("POST", f"{path}/_search".strip("/"), "", form, {"content_type": FORM} | headers)


@st.composite
def reads(draw: Draw, ids: Ids) -> Request:
    """What is there, its versions and its history, with conditions and parts of it."""
    type_ = draw(st.sampled_from(sorted(ids)))
    path = draw(st.sampled_from(["{}", "{}", "{}/_history", "{}/_history/1", "{}/_history/2"]))
    path = path.format(f"{type_}/{ids[type_]}")
    if draw(rarely(6)):
        path = draw(st.sampled_from(["_history", f"{type_}/_history", "metadata"]))
    names = ["accept", "if_none_match", "if_modified_since", "range"]
    always = draw(st.lists(st.sampled_from(names), max_size=2))
    query = draw(asked.query(type_, 2))
    return Request("GET", path, query, headers=draw(asked.headers(*always)))


once = lru_cache(valid)  # each time it is made it has a new INS


@st.composite
def spoiled_requests(draw: Draw, ids: Ids) -> Request:
    """Valid requests with bytes amiss."""
    known = once(ids["Patient"], ids["DocumentReference"])
    return mutant(draw(st.sampled_from(known)), draw(st.randoms(use_true_random=False)))


# In parts of a hundred of all cases; the rest is in test_description.py and test_server.py.
KINDS: dict[str, tuple[Callable[[Ids], st.SearchStrategy[Request]], int]] = {
    "resources": (resources, 22),
    "addresses": (addresses, 10),
    "searches": (searches, 14),
    "reads": (reads, 6),
    "bundles": (bundles, 12),
    "patches": (patches, 10),
    "operations": (operations, 8),
    "spoiled": (spoiled_requests, 6),
}


@pytest.mark.parametrize("kind", KINDS)
def test_no_request_is_too_much(examiner: Examiner, kind: str) -> None:
    strategy, parts = KINDS[kind]

    @seed(SEED)
    @settings(
        max_examples=share(parts), database=None, derandomize=False, deadline=None,
        phases=[Phase.generate, Phase.shrink], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(strategy(examiner.ids), st.sampled_from(examiner.people))
    def ask(request: Request, who: object) -> None:
        examiner.ask(request, who)  # type: ignore[arg-type]

    ask()
    examiner.check_store()


def test_every_operation_there_is_is_asked_for() -> None:
    assert {f"[type]/[id]/${code}" for code in OPERATIONS} <= set(asked.patterns())
