"""The corpus of the bench of searches: what a server would have taken, asked by every shape."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgres
from tests.bench import bulk, corpus
from tests.bench.search import doctor, is_offered
from tests.bench.shapes import SHAPES, Shape
from tests.house import House

PATIENTS = 8


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with a small corpus."""
    if request.param == "sqlite":
        found = f"sqlite:///{tmp_path_factory.mktemp('corpus') / 'test.db'}"
    else:
        found = postgres.postgres_url("corpus")
    house = House(found)
    bulk.fill(house.database, PATIENTS)
    house.close()
    yield found
    if request.param == "postgresql":
        postgres.drop_database(found)


@pytest.fixture(scope="module", params=["policy on", "policy off"])
def server(request: pytest.FixtureRequest, url: str) -> Iterator[House]:
    found = House(url) if "on" in request.param else House(url, auth="off", policy="off")
    yield found
    found.close()


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_every_shape_is_answered(server: House, shape: Shape) -> None:
    if not is_offered(shape, server):
        pytest.skip("not offered by this server")
    answers = [
        server.get(shape.path(one), doctor(one, server))
        for one in (corpus.asked(number) for number in range(PATIENTS))
    ]
    assert {answer.status for answer in answers} == {200}
    if shape.name in ("identifier", "chain: name", "patient + date, sorted", "count only"):
        assert all(answer.json["total"] > 0 for answer in answers)


def test_a_record_is_the_same_whatever_was_made_before() -> None:
    first = corpus.record(7)
    corpus.record(8)
    assert corpus.record(7) == first


def test_the_server_takes_what_the_corpus_says(tmp_path: Path) -> None:
    server = House(f"sqlite:///{tmp_path / 'test.db'}", auth="off", policy="off")
    try:
        for resource in (*corpus.shared(1), *corpus.record(0), *corpus.record(1)):
            text = bulk.write(resource)
            answer = server.call("PUT", f"{resource['resourceType']}/{resource['id']}", body=text)
            assert answer.status == 201, answer.body
    finally:
        server.close()
