"""I-22: the pages of a history.

https://hl7.org/fhir/R4/http.html#paging
"""

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.house import House
from tests.rest.histories import LEVELS, link, made, new_id, put, told, walk


@pytest.mark.parametrize("level", LEVELS)
def test_I22_all_pages_together_are_the_history(plain: House, level: str) -> None:
    path = level.format(id=made(plain)[0])
    whole = plain.get(f"{path}?_count=500")
    answers = walk(plain, f"{path}?_count=3")
    assert [one for answer in answers for one in told(answer)] == told(whole)
    assert {answer.json["total"] for answer in answers} == {len(told(whole))}
    assert all(len(told(answer)) <= 3 for answer in answers)


def test_I22_links_say_where_the_other_pages_are(plain: House) -> None:
    id_, _ = made(plain)
    first, second = walk(plain, f"Basic/{id_}/_history?_count=2")
    assert [x["relation"] for x in first.json["link"]] == ["self", "next"]
    assert [x["relation"] for x in second.json["link"]] == ["self", "first"]
    assert told(plain.get(link(second, "first") or "")) == told(first)
    assert told(plain.get(link(second, "self") or "")) == told(second)


def test_I22_pages_stay_the_same_while_others_write(plain: House) -> None:
    ids = [made(plain)[0] for _ in range(3)]
    whole = told(plain.get("Basic/_history?_count=500"))
    path, found = "Basic/_history?_count=5", list[str]()
    while path:
        answer = plain.get(path)
        assert answer.json["total"] == len(whole)
        found += told(answer)
        put(plain, ids[0], "more")
        plain.call("DELETE", f"Basic/{ids[1]}")
        put(plain, new_id(), "new")
        path = link(answer, "next") or ""
    assert found == whole


def test_I22_there_are_never_more_on_a_page_than_asked_for(plain: House) -> None:
    id_, _ = made(plain)
    for n in (0, 1, 3, 4, 9):
        answer = plain.get(f"Basic/{id_}/_history?_count={n}")
        assert len(told(answer)) == min(n, 4) and answer.json["total"] == 4
        assert (link(answer, "next") is None) == (n in (0, 4, 9))


def test_I22_a_page_has_at_most_what_the_server_allows(plain: House) -> None:
    most = plain.settings.max_page
    answer = plain.get(f"Basic/_history?_count={most + 1}")
    assert f"_count={most}" in (link(answer, "self") or "")


def test_I22_a_page_of_another_request_is_gone(plain: House) -> None:
    id_, _ = made(plain)
    following = link(plain.get(f"Basic/{id_}/_history?_count=1"), "next") or ""
    cursor = parse_qs(urlsplit(following).query)["_cursor"][0]
    for path in ("_history?_count=1", "Basic/_history?_count=1", f"Basic/{id_}/_history?_count=2",
                 f"Basic/{id_}/_history"):  # fmt: skip
        answer = plain.get(f"{path}{'&' if '?' in path else '?'}_cursor={cursor}")
        assert answer.status == 410, path
    for bad in ("x", cursor[:-3], cursor + "AAAA"):
        assert plain.get(f"Basic/{id_}/_history?_count=1&_cursor={bad}").status == 410, bad


def test_I22_pages_keep_what_was_asked_of_each_resource(plain: House) -> None:
    id_, _ = made(plain)
    for answer in walk(plain, f"Basic/{id_}/_history?_count=1&_elements=code"):
        assert "_elements=code" in (link(answer, "self") or "")
        for resource in (e["resource"] for e in answer.json["entry"] if "resource" in e):
            assert resource["meta"]["tag"][0]["code"] == "SUBSETTED"
