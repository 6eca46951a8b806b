"""What is included with a page: led to by its matches, or leading to them; one statement a round.

https://hl7.org/fhir/R4/search.html#include

References are followed from rows the caller was found to see whole, by their numbers; what they
lead to, or what leads to them, comes from his visible rows like any other. A Patient of whom he may
know the minimum alone is not included, and leads nowhere.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from fhir_server.policy.facts import by_nature
from fhir_server.search.includes import MAX_INCLUDED, MAX_ROUNDS
from fhir_server.search.query import Way
from fhir_server.storage.engine import Session
from fhir_server.storage.rows import Rows
from fhir_server.storage.version import Version, columns, version


@dataclass(slots=True)
class Included:
    """Each resource once, none of the page's matches; `cut`: whether there would have been more."""

    versions: list[Version] = field(default_factory=list)
    cut: bool = False


def include(
    session: Session,
    new_rows: Callable[[], Rows],
    matches: Sequence[Version],
    ways: Sequence[Way],
    most: int = MAX_INCLUDED,
) -> Included:
    """What these ways bring, in the order of rounds, type and id; at most `most`, and as many
    rounds as `MAX_ROUNDS`. `new_rows`: visible rows for one statement.
    """
    found, last = Included(), list(matches)
    for number in range(MAX_ROUNDS + 1):
        ways = [way for way in ways if way.types and (way.again or number == 0)]
        left = most - len(found.versions) if number < MAX_ROUNDS else 0
        known = [version.pk for version in (*matches, *found.versions)]
        last = _round(session, new_rows(), last, ways, known, left + 1)
        found.cut = len(last) > left
        last = last[:left]
        found.versions += last
        if found.cut or not last:
            break
    return found


def _round(
    session: Session,
    rows: Rows,
    last: Sequence[Version],
    ways: Iterable[Way],
    known: Sequence[int],
    limit: int,
) -> list[Version]:
    """What these ways bring from `last` that is not yet known."""
    branches = [branch for way in ways for branch in _branches(rows, way, last)]
    if not branches:
        return []
    without = f" AND NOT ({_among(rows, 'd.pk', known)})"
    text = " UNION ".join(branch + without for branch in branches)
    with_ = ", ".join([
        *rows.with_(),
        f"reached AS ({text})",
        f"page AS (SELECT p.* FROM reached p ORDER BY p.type, p.id LIMIT {limit})",
    ])
    text = (
        f"WITH {with_} SELECT {columns('r')}, m.rules FROM page m"
        " JOIN resource r ON r.pk = m.pk ORDER BY m.type, m.id"
    )
    found = session.rows(text, rows.params)
    return [version(row[:-1], True, row[-1]) for row in found]


def _branches(rows: Rows, way: Way, last: Sequence[Version]) -> list[str]:
    """SELECT of the visible rows one way leads to, one for types of each nature."""
    begin = [one for one in last if one.full and way.of in ("", one.type_)]
    if not begin:
        return []
    led = _leading(rows, way, begin) if way.reverse else _led(rows, way, begin)
    joined = "d.pk = w.pk" if way.reverse else "d.type = w.type AND d.id = w.id"
    groups = [way.types] if rows.scope.everything else by_nature(way.types)
    found = []
    plus = "" if rows.postgres else "+"  # keeps SQLite from walking all rows of these types
    for types in groups:
        seen = rows.visible("d", types[0])
        inside = ", ".join(f"'{type_}'" for type_ in types)
        found.append(
            f"SELECT d.pk, d.type, d.id, {seen.rules} AS rules FROM ({led}) w, {seen.source}"
            f" WHERE {joined} AND {plus}d.type IN ({inside}) AND NOT d.deleted AND {seen.where}"
        )
    return found


def _led(rows: Rows, way: Way, begin: Sequence[Version]) -> str:
    """SELECT of the addresses that references of these rows lead to."""
    rows_of = _among(rows, "f.pk", [version.pk for version in begin])
    return (
        "SELECT DISTINCT f.target_type AS type, f.target_id AS id FROM reference f"
        f" WHERE {rows_of} AND {_parameters(rows, way)}"
    )


def _leading(rows: Rows, way: Way, begin: Sequence[Version]) -> str:
    """SELECT of the rows with references that lead to these."""
    types, ids = [one.type_ for one in begin], [one.id_ for one in begin]
    if rows.postgres:
        given = ", ".join(f"CAST({rows.add('to', part)} AS text[])" for part in (types, ids))
        source = f"unnest({given}) AS t(type, id)"
    else:
        part = "json_extract(value, '$[{}]') AS {}"
        given = rows.add("to", json.dumps(list(zip(types, ids, strict=True))))
        chosen = f"{part.format(0, 'type')}, {part.format(1, 'id')}"
        source = f"(SELECT {chosen} FROM json_each({given})) t"
    return (
        f"SELECT DISTINCT f.pk FROM {source} JOIN reference f ON f.target_type = t.type"
        f" AND f.target_id = t.id WHERE {_parameters(rows, way)}"
    )


def _parameters(rows: Rows, way: Way) -> str:
    """Of one of the way's parameters, or of any: 0 is that of references no parameter speaks of."""
    return _among(rows, "f.parameter", way.numbers) if way.numbers else "f.parameter <> 0"


def _among(rows: Rows, column: str, numbers: Sequence[int]) -> str:
    """That a column is one of these; the same text however many there are."""
    if rows.postgres:
        return f"{column} = ANY (CAST({rows.add('in', list(numbers))} AS bigint[]))"
    return f"{column} IN (SELECT value FROM json_each({rows.add('in', json.dumps(numbers))}))"
