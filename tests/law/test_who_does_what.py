"""Who may do what to a document another wrote, over HTTP: contract.md 7 and domain.md 5.3.

404: he does not see it; 403: he sees it and may not; 405: nobody may; 422: not to be done at all,
or a reference that leads to nothing he sees.
"""

import json
from typing import Callable

import pytest

from fhir_server.policy.labels import MASKED, SECRET, VEILED
from tests.house import ANNE, Answer, House, Person
from tests.law.cast import CAST, filled
from tests.law.tables import lines
from tests.policy.record import ARCHIVE, PATCH, Record, document, labelled, replacing

Act = Callable[[Record, Person, str], Answer]


def by_condition(record: Record, who: Person, id_: str) -> Answer:
    mask = [{"op": "add", "path": "/securityLabel", "value": labelled(MASKED)}]
    return record.house.call(
        "PATCH", "DocumentReference", who, json.dumps(mask).encode(), query=f"_id={id_}",
        content_type=PATCH,
    )  # fmt: skip


# What is done to Anne's document, and the flags that it has before.
LABELS: dict[str, tuple[Act, tuple[str, ...]]] = {
    "mask": (lambda record, who, id_: record.mask(who, id_), ()),
    "mask-if": (by_condition, ()),
    "unmask": (lambda record, who, id_: record.label(who, id_), (MASKED,)),
    "veil": (lambda record, who, id_: record.label(who, id_, VEILED), ()),
    "reveal": (lambda record, who, id_: record.label(who, id_), (VEILED,)),
    "secret": (lambda record, who, id_: record.label(who, id_, SECRET), ()),
    "told": (lambda record, who, id_: record.label(who, id_), (SECRET,)),
    "level": (lambda record, who, id_: record.label(who, id_, level="R"), ()),
    "archive": (lambda record, who, id_: record.patch(who, id_, ("/extension", [ARCHIVE])), ()),
}


def call(method: str) -> Act:
    return lambda record, who, id_: record.house.call(method, f"DocumentReference/{id_}", who)


def replace(record: Record, who: Person, id_: str) -> Answer:
    return record.house.post("DocumentReference", who, replacing(record.id, id_))


def put(record: Record, who: Person, id_: str) -> Answer:
    over = document(record.id, id=id_)
    return record.house.call("PUT", f"DocumentReference/{id_}", who, over)


def delete_by_condition(record: Record, who: Person, id_: str) -> Answer:
    return record.house.call("DELETE", "DocumentReference", who, query=f"_id={id_}")


CONTENT: dict[str, tuple[Act, tuple[str, ...]]] = {
    "deposit": (lambda record, who, id_: record.deposit(who), ()),
    "replace": (replace, ()),
    "hidden": (replace, (MASKED,)),
    "ended": (lambda record, who, id_: record.patch(who, id_, ("/status", "superseded")), ()),
    "error": (lambda record, who, id_: record.patch(who, id_, ("/status", "entered-in-error")), ()),
    "delete": (call("DELETE"), ()),
    "masked": (call("DELETE"), (MASKED,)),
    "del-if": (delete_by_condition, ()),
    "rewrite": (lambda record, who, id_: record.patch(who, id_, ("/description", "x")), ()),
    "put": (put, ()),
}

WHO_LABELS = """
                      mask  mask-if unmask  veil reveal secret told level archive
holder                 200     200     200   422    404    200  200   403     403
holder of another      404     404     404   404    404    404  404   404     404
represents             200     200     200   422    404    403  404   403     403
assists                404     404     404   404    404    404  404   404     404
assists with consent   403     403     403   422    404    403  404   403     403
parent of an adult     404     404     404   404    404    404  404   404     404
author                 200     200     200   422    200    200  200   200     200
author's colleague     200     200     200   422    200    200  200   200     200
author, indirect       200     404     200   422    200    200  200   200     200
attending              200     200     200   422    403    403  403   403     403
equivalent             200     200     200   422    403    403  403   403     403
care team              200     200     404   422    403    403  403   403     403
care team, in secret   200     200     404   422    403    403  403   403     403
care team, indirect    404     404     404   404    404    404  404   404     404
consented              200     200     404   422    403    403  403   403     403
social, consented      404     404     404   404    404    404  404   404     404
stranger               404     404     404   404    404    404  404   404     404
blocked                404     404     404   404    404    404  404   404     404
break-glass            403     403     404   422    403    403  403   403     403
break-glass, author    403     403     403   422    403    403  403   403     403
centre 15              403     403     404   422    403    403  403   403     403
centre 15, author      403     403     403   422    403    403  403   403     403
at work                200     200     404   422    403    403  403   403     403
at work, unasked       404     404     404   404    404    404  404   404     404
secretary              403     404     403   422    403    403  403   403     403
automate               403     404     403   422    403    403  403   403     403
operator               404     404     404   404    404    404  404   404     404
heir of the living     404     404     404   404    404    404  404   404     404
expert                 403     403     404   422    403    403  403   403     403
expert, uncharged      404     404     404   404    404    404  404   404     404
abroad                 404     404     404   404    404    404  404   404     404
insurer                403     403     403   403    403    403  403   403     403
"""

WHO_WRITES = """
                      deposit replace hidden ended error delete masked del-if rewrite put
holder                  403     403     403   403   403    403    403    403     405  405
holder of another       403     403     403   404   404    404    404    404     404  405
represents              403     403     403   403   403    403    403    403     405  405
assists                 403     422     422   404   404    404    404    404     404  405
assists with consent    403     403     403   403   403    403    403    403     405  405
parent of an adult      403     422     422   404   404    404    404    404     404  405
author                  201     201     201   200   200    204    204    204     405  405
author's colleague      201     201     201   200   200    204    204    204     405  405
author, indirect        201     201     201   200   200    204    204    404     405  405
attending               201     403     403   403   403    403    403    403     405  405
equivalent              201     403     403   403   403    403    403    403     405  405
care team               201     403     422   403   403    403    404    403     405  405
care team, in secret    201     403     422   403   403    403    404    403     405  405
care team, indirect     201     422     422   404   404    404    404    404     404  405
consented               201     403     422   403   403    403    404    403     405  405
social, consented       201     422     422   404   404    404    404    404     404  405
stranger                201     422     422   404   404    404    404    404     404  405
blocked                 403     422     422   404   404    404    404    404     404  405
break-glass             201     403     422   403   403    403    404    403     405  405
break-glass, author     201     403     403   403   403    403    403    403     405  405
centre 15               403     403     422   403   403    403    404    403     405  405
centre 15, author       403     403     403   403   403    403    403    403     405  405
at work                 201     403     422   403   403    403    404    403     405  405
at work, unasked        403     422     422   404   404    404    404    404     404  405
secretary               403     403     403   403   403    403    403    404     405  405
automate                201     403     403   403   403    403    403    404     405  405
operator                403     422     422   404   404    404    404    404     404  405
heir of the living      403     422     422   404   404    404    404    404     404  405
expert                  403     403     422   403   403    403    404    403     405  405
expert, uncharged       403     403     403   404   404    404    404    404     404  405
abroad                  403     403     403   404   404    404    404    404     404  405
insurer                 403     403     403   403   403    403    403    403     403  403
"""


def done(house: House, name: str, acts: dict[str, tuple[Act, tuple[str, ...]]]) -> dict[str, str]:
    record = filled(house)
    who = CAST[name](record)
    return {
        act: str(do(record, who, record.deposited(ANNE, *flags)).status)
        for act, (do, flags) in acts.items()
    }


@pytest.mark.parametrize(("name", "wanted"), lines(WHO_LABELS), ids=lambda item: str(item)[:22])
def test_who_changes_the_labels_of_a_document(
    house: House, name: str, wanted: dict[str, str]
) -> None:
    assert done(house, name, LABELS) == wanted


@pytest.mark.parametrize(("name", "wanted"), lines(WHO_WRITES), ids=lambda item: str(item)[:22])
def test_who_deposits_replaces_and_deletes(
    house: House, name: str, wanted: dict[str, str]
) -> None:
    assert done(house, name, CONTENT) == wanted
