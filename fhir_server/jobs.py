"""`fhir-server jobs`: what clocks have made due is done, and told.

Design, `domain.md` 1.6. Each piece of work is a transaction of its own that takes its row of `due`
away, so that it is done once however many jobs run, and again after a fault. A lease keeps two jobs
from looking through the same work; the server answers meanwhile, and needs no job to decide: what
is hidden until a time is looked at when it is read.
"""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from fhir_server.faults import told
from fhir_server.fhir.outcome import Conflict
from fhir_server.policy import life, notices
from fhir_server.policy.clocks import civil_date, deletion_due
from fhir_server.policy.labels import VEILED, birth_of_age, labels
from fhir_server.policy.people import holders
from fhir_server.policy.relations import CLOSING, SUSPENSION
from fhir_server.policy.scope import Scope
from fhir_server.serve import Services
from fhir_server.storage.chain import with_flags
from fhir_server.storage.due import (
    BEGINNING,
    Waiting,
    claim,
    end_lease,
    take_lease,
    waiting,
)
from fhir_server.storage.engine import StorageBusy, StorageConflict
from fhir_server.storage.keeping import SERVER, Keeping
from fhir_server.storage.notices import FOR_FEW, FOR_FEW_AND_NO_REPRESENTATIVE
from fhir_server.storage.opened import Moment
from fhir_server.storage.purge import sweep

log = logging.getLogger("fhir_server")

LEASE = 600_000  # ms; renewed with every batch
# Of each kind of work: what is reported, and what is done; False where nothing had to be.
Work = Callable[[Keeping, Waiting], bool]


@dataclass
class Report:
    """What a pass has done: how much of each kind, and what failed, a line each."""

    done: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    busy: bool = False  # another job is at work

    def lines(self) -> list[str]:
        if self.busy:
            return ["another job is at work"]
        return [f"{says}: {self.done[kind]}" for kind, (says, _) in WORKS.items()]


def run(services: Services, now: int) -> Report:
    """One pass over all that is due at `now` (ms)."""
    report, session = Report(), services.database.session()
    if services.house.rules is None:
        return report
    me = services.new_id()

    def is_ours() -> bool:
        real = services.clock()
        with session.transaction():
            return take_lease(session, me, now=real, until=real + LEASE)

    if not is_ours():
        report.busy = True
        return report
    try:
        last = BEGINNING
        while is_ours() and (batch := waiting(session, now, last)):
            for due in batch:
                _do(services, now, due, report)
            last = batch[-1]
        if report.done[life.PURGE]:
            sweep(session)
    finally:
        end_lease(session, me)
    return report


def _do(services: Services, now: int, due: Waiting, report: Report) -> None:
    """One piece of work, whole or not at all; what fails is left for the next pass."""
    kept = _open(services, now)
    try:
        with kept.session.transaction():
            if claim(kept.session, due) and WORKS[due.kind][1](kept, due):
                report.done[due.kind] += 1
    except (Conflict, StorageBusy, StorageConflict):
        report.failed.append(f"{due.kind} of {due.source}: others were writing there, try again")
    except Exception as fault:
        log.error("%s of %s failed: %s", due.kind, due.source, told(fault))
        report.failed.append(f"{due.kind} of {due.source}: {type(fault).__name__}: {fault}")


def _open(services: Services, now: int) -> Keeping:
    of_age = birth_of_age(now, services.settings.minor_access_age)
    trace = services.new_trace()
    scope = Scope.all_rows(because="the server does what is due by law")
    moment = Moment(now, of_age, trace, trace)
    return Keeping(services.database.session(), services.house, SERVER, scope, moment)


def open_record(kept: Keeping, due: Waiting) -> bool:
    """R011: nobody objected for six weeks; C1 becomes active, the record is open."""
    patient, proposal = kept.patient(due.record), kept.lying(*due.address)
    if patient is None or proposal is None or kept.state(due.record) != "before":
        return False
    if any(life.objects(consent) for _, consent in kept.consents(due.record)):
        return False
    if not (kept.house.rules and kept.house.rules.has("R011")):
        return False  # the law wants the holder's express consent (R010)
    kept.put(proposal[0], proposal[1] | {"status": "active"})
    kept.put(patient[0], patient[1] | {"active": True})
    kept.leave_trace(notices.OPENED, due.record, "R011")
    return True


def close_record(kept: Keeping, due: Waiting) -> bool:
    """R017: nobody objected for six weeks to the closing of a suspended record."""
    patient = kept.patient(due.record)
    if patient is None or not life.is_suspended(patient[1]):
        return False
    version, content = patient
    since = life.suspended_at(content) or 0
    said = (at for at, consent in kept.consents(due.record) if life.objects(consent))
    if any(objection.updated >= since for objection in said):
        return False
    rest = [e for e in content.get("extension", ()) if e.get("url") not in (SUSPENSION, CLOSING)]
    today = {"url": life.CLOSING_DATE, "valueDate": civil_date(kept.moment.now)}
    closing = {"url": CLOSING, "extension": [today]}
    kept.put(version, content | {"active": False, "extension": [*rest, closing]})
    kept.tell(notices.CLOSED, due.record, about=version.version)
    kept.leave_trace(notices.CLOSED, due.record, "R017")
    return True


def invite(kept: Keeping, due: Waiting) -> bool:
    """R075: two weeks after the deposit of what is hidden from him, the holder is invited to see
    a professional. He is told once a day, whatever the number of documents.
    """
    document = kept.lying(*due.address)
    if document is None or kept.state(due.record) not in ("open", "closed"):
        return False
    found = labels(document[1])
    if not found.veiled or kept.facts_of(document[0]).veiled_until <= kept.moment.now:
        return False
    facts = FOR_FEW_AND_NO_REPRESENTATIVE if found.secret else FOR_FEW
    about = (civil_date(kept.moment.now), found.secret)
    if not kept.tell(notices.HIDDEN_DATUM, due.record, about=about, facts=facts):
        return False
    kept.leave_trace(notices.HIDDEN_DATUM, due.record, "R075")
    return True


def release(kept: Keeping, due: Waiting) -> bool:
    """R032: a month after its deposit what was hidden from the holder is shown to him."""
    document = kept.lying(*due.address)
    if document is None or not labels(document[1]).veiled:
        return False
    version, content = document
    kept.put(version, with_flags(content, frozenset(), frozenset({VEILED})))
    kept.leave_trace(notices.RELEASED, due.record, "R032", due.address)
    return True


def purge(kept: Keeping, due: Waiting) -> bool:
    """R022, R020: an archive of ten years is over, or its holder has asked for its destruction."""
    patient = kept.patient(due.record)
    if patient is None or kept.state(due.record) not in ("closed", "deceased"):
        return False
    version, content = patient
    words = (version.id_, *(ins.partition("|")[2] for ins in holders(content)))
    kept.destroy(due.record, words)
    asked = life.deletion_asked(content)
    rule = "R020" if asked and due.at == deletion_due(asked) else "R022"
    kept.leave_trace(notices.PURGED, 0, rule, ("Patient", version.id_))
    return True


WORKS: dict[str, tuple[str, Work]] = {
    life.OPEN: ("records opened", open_record),
    life.CLOSE: ("suspended records closed", close_record),
    life.NOTICE: ("holders invited to see a professional", invite),
    life.RELEASE: ("documents released", release),
    life.PURGE: ("records destroyed", purge),
}
