"""Writers of one resource at the same time end as if they had come one after the other, on both
databases: who names no version passes, of those who name one version the first does (412).

https://hl7.org/fhir/R4/http.html#concurrency
"""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from tests.house import Answer, House
from tests.people import stored
from tests.rest.asking import JSON

WRITERS = 6
TAGS = "http://a.example/writers"
JSON_PATCH = "application/json-patch+json"

Write = Callable[[int, str, dict[str, str]], Answer]


def at_once(plain: House, write: Callable[[int], Answer], writers: int = WRITERS) -> list[Answer]:
    """The answers of as many threads, which begin together."""
    ready = Barrier(writers)

    def one(n: int) -> Answer:
        try:
            ready.wait()
            return write(n)
        finally:
            plain.database.close()

    with ThreadPoolExecutor(writers) as threads:
        return list(threads.map(one, range(writers)))


def body(n: int, tag: str = "", **more: Any) -> dict[str, Any]:
    tags = {"meta": {"tag": [{"system": TAGS, "code": tag}]}} if tag else {}
    return {"resourceType": "Basic", "code": {"text": f"n{n}"}} | tags | more


def entry(method: str, url: str, resource: Any = None, **request: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"request": {"method": method, "url": url} | request}
    return made | ({"resource": resource} if resource else {})


@pytest.fixture
def ways(plain: House) -> dict[str, Write]:
    """How a writer writes: `n`, the id, headers."""

    def patch(n: int, url: str, headers: dict[str, str], query: str = "") -> Answer:
        operations = [{"op": "replace", "path": "/code/text", "value": f"n{n}"}]
        return plain.call("PATCH", url, None, operations, query=query,
                          content_type=JSON_PATCH, **headers)  # fmt: skip

    def bundled(kind: str) -> Write:
        def write(n: int, id_: str, headers: dict[str, str]) -> Answer:
            match = {"ifMatch": headers["if_match"]} if headers else {}
            inner = entry("PUT", f"Basic/{id_}", body(n, id_, id=id_), **match)
            sent = {"resourceType": "Bundle", "type": kind, "entry": [inner]}
            answer = plain.post("", None, sent)
            if kind == "batch":
                status = answer.json["entry"][0]["response"]["status"]
                return Answer(int(status[:3]), {}, b"")
            return answer

        return write

    return {
        "PUT": lambda n, id_, h: plain.call(
            "PUT", f"Basic/{id_}", None, body(n, id_, id=id_), **h),
        "PATCH": lambda n, id_, h: patch(n, f"Basic/{id_}", h),
        "conditional PUT": lambda n, id_, h: plain.call(
            "PUT", "Basic", None, body(n, id_), query=f"_tag={id_}", **h),
        "conditional PATCH": lambda n, id_, h: patch(n, "Basic", h, f"_tag={id_}"),
        "$meta-add": lambda n, id_, h: plain.post(
            f"Basic/{id_}/$meta-add", None, {"resourceType": "Parameters", "parameter": [
                {"name": "meta", "valueMeta": {"tag": [{"code": f"t{n}"}]}}]}, **h),
        "transaction": bundled("transaction"), "batch": bundled("batch"),
    }  # fmt: skip


WAYS = ("PUT", "PATCH", "conditional PUT", "conditional PATCH", "$meta-add", "transaction", "batch")


def made(plain: House) -> str:
    id_ = stored(plain.post("Basic", None, body(-1)))
    assert plain.call("PUT", f"Basic/{id_}", None, body(-1, id_, id=id_)).status == 200
    return id_


@pytest.mark.parametrize("way", WAYS)
def test_writers_who_name_no_version_all_pass(
    plain: House, ways: dict[str, Write], way: str
) -> None:
    id_ = made(plain)
    answers = at_once(plain, lambda n: ways[way](n, id_, {}))
    assert [answer.status for answer in answers] == [200] * WRITERS, answers
    versions = [int(one["meta"]["versionId"])
                for one in plain.get(f"Basic/{id_}/_history?_count=50").entries]  # fmt: skip
    assert versions == list(range(WRITERS + 2, 0, -1))
    dates = [plain.get(f"Basic/{id_}/_history/{version}").json["meta"]["lastUpdated"]
             for version in versions]  # fmt: skip
    assert dates == sorted(dates, reverse=True)


@pytest.mark.parametrize("way", WAYS)
def test_of_writers_who_name_one_version_the_first_passes(
    plain: House, ways: dict[str, Write], way: str
) -> None:
    id_ = made(plain)
    answers = at_once(plain, lambda n: ways[way](n, id_, {"if_match": 'W/"2"'}))
    assert Counter(answer.status for answer in answers) == {200: 1, 412: WRITERS - 1}
    assert plain.get(f"Basic/{id_}").json["meta"]["versionId"] == "3"


def test_writers_of_an_id_that_is_new_all_pass(plain: House) -> None:
    made(plain)
    answers = at_once(
        plain, lambda n: plain.call("PUT", "Basic/fresh", None, body(n, id="fresh"))
    )
    assert Counter(answer.status for answer in answers) == {201: 1, 200: WRITERS - 1}


def test_deletions_all_pass_and_one_deletes(plain: House) -> None:
    id_ = made(plain)
    answers = at_once(plain, lambda n: plain.call("DELETE", f"Basic/{id_}"))
    assert {answer.status for answer in answers} == {204}
    assert plain.get(f"Basic/{id_}/_history").json["total"] == 3


def test_a_deletion_among_changes_leaves_no_fault(plain: House, ways: dict[str, Write]) -> None:
    id_ = made(plain)

    def write(n: int) -> Answer:
        return ways["PATCH"](n, id_, {}) if n % 2 else plain.call("DELETE", f"Basic/{id_}")

    assert {answer.status for answer in at_once(plain, write)} <= {200, 204, 410}


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_bundles_in_opposite_orders_do_not_stand_in_each_others_way(
    plain: House, kind: str
) -> None:
    ids = sorted(made(plain) for _ in range(4))

    def write(n: int) -> Answer:
        first, *rest = ids if n % 2 else ids[::-1]
        entries = [entry("DELETE", f"Basic/{first}"),
                   *(entry("PUT", f"Basic/{one}", body(n, id=one)) for one in rest)]  # fmt: skip
        return plain.post("", None, {"resourceType": "Bundle", "type": kind, "entry": entries})

    answers = at_once(plain, write)
    assert [answer.status for answer in answers] == [200] * WRITERS
    told = [one["response"]["status"][:3] for answer in answers for one in answer.json["entry"]]
    assert set(told) <= {"200", "201", "204"}


def test_writers_under_one_condition_make_one_resource(plain: House) -> None:
    made(plain)
    tag = {"tag": [{"system": TAGS, "code": "one-only"}]}
    answers = at_once(plain, lambda n: plain.post(
        "Basic", None, body(n) | {"meta": tag}, if_none_exist="_tag=one-only",
        content_type=JSON))  # fmt: skip
    assert Counter(answer.status for answer in answers) == {201: 1, 200: WRITERS - 1}


@pytest.fixture(autouse=True)
def nothing_left_open(plain: House) -> Iterator[None]:
    yield
    assert not plain.database.session().open
