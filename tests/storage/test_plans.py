"""Which searches PostgreSQL plans once, and which for their values.

https://www.postgresql.org/docs/current/sql-prepare.html#SQL-PREPARE-NOTES
"""

from collections.abc import Iterator

import pytest

from tests import postgres
from tests.bench import bulk, corpus
from tests.bench.search import doctor
from tests.house import House


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    found = postgres.postgres_url("plans")
    house = House(found)
    bulk.fill(house.database, 4)
    house.close()
    yield found
    postgres.drop_database(found)


def planned(house: House, query: str) -> list[tuple[int, int]]:
    """Of the statements of a search asked ten times: how often planned for any values, and for
    these.
    """
    session = house.database.session()
    session.rows("DEALLOCATE ALL", {})
    session.statements.names.clear()  # type: ignore[attr-defined]
    for number in range(10):
        one = corpus.asked(number % 4)
        answer = house.get(f"Observation?{query.format(one.patient)}", doctor(one, house))
        assert answer.status == 200 and answer.json["total"] > 0
    text = (
        "SELECT generic_plans, custom_plans FROM pg_prepared_statements"
        " WHERE statement LIKE '%matched AS%' AND statement NOT LIKE '%pg_prepared%'"
    )
    return [(row[0], row[1]) for row in session.rows(text, {})]


def test_a_search_that_names_a_patient_is_planned_once_for_all(url: str) -> None:
    house = House(url)
    ((for_any, for_these),) = planned(house, "patient={}&status=final,amended,preliminary")
    house.close()
    assert for_any and for_any + for_these == 10


def test_a_search_over_a_callers_records_is_planned_for_its_values(url: str) -> None:
    """Whether a code is frequent decides where the search begins."""
    house = House(url)
    assert planned(house, "status=final,amended,preliminary") == []
    house.close()
