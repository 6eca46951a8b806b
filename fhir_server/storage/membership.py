"""How long a member of a care team may make somebody a member: no longer than they are one.

`contract.md` section 7, More points: a member who adds another to a CareTeam cannot give longer
than their own membership. Who adds by another right (attending doctor, holder, operator) is not
bound.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from fhir_server.fhir.outcome import Forbidden
from fhir_server.policy.facts import Standing
from fhir_server.policy.relation import Relation
from fhir_server.policy.relations import relations_of
from fhir_server.storage.opened import Opened
from fhir_server.storage.place import who

MEMBERS_OWN = "K08"  # the rule by which a member adds another, and alone has settled a write
TOO_LONG = "a member of a care team makes nobody a member for longer than their own membership"

Resource = Mapping[str, Any]


class Membership(Opened):
    """A repository that knows until when its caller is a member of a care team."""

    def _check_membership(self, old: Resource, new: Resource, standing: Standing) -> None:
        """Forbidden when somebody would be a member of `new` for longer than the caller is one in
        this record, and than they were in `old`.
        """
        mine, before = self._member_until(standing.record), self._terms(old)
        for actor, until in self._terms(new).items():
            if until > max(mine, before.get(actor, 0)):
                raise Forbidden(TOO_LONG, rule=MEMBERS_OWN, record=standing.record)

    def _terms(self, team: Resource) -> dict[str, int]:
        """Until when (ms) each actor is a member of this team."""
        return _latest(relations_of(team, who(self.session, team, base=self.house.base)))

    def _member_until(self, record: int) -> int:
        rows = self.session.rows(
            "SELECT actor, until FROM relation WHERE record = :record AND kind = 'care_team'"
            " AND since <= :now AND until > :now",
            {"record": record, "now": self.moment.now},
        )
        return max((until for actor, until in rows if actor in self.subject.me), default=0)


def _latest(relations: Iterable[Relation]) -> dict[str, int]:
    found: dict[str, int] = {}
    for relation in relations:
        found[relation.actor] = max(found.get(relation.actor, 0), relation.until)
    return found
