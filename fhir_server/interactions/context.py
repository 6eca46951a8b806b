"""What an interaction is given beside the call and the repository; nothing in it differs between
two equal requests but ids.
"""

from dataclasses import dataclass
from typing import Callable

from fhir_server.audit.note import Note, note_of
from fhir_server.fhir.form import asked
from fhir_server.fhir.http import Call
from fhir_server.policy.subject import Subject
from fhir_server.settings import Settings


@dataclass(frozen=True)
class Context:
    """`new_id` gives ids that nobody can guess or count; `now` is in ms."""

    settings: Settings
    subject: Subject
    now: int
    request_id: str
    new_id: Callable[[], str]
    address: str = ""  # of the network, from where the connection came

    @property
    def base(self) -> str:
        return self.settings.base_url

    @property
    def policed(self) -> bool:
        return self.settings.policy != "off"

    def note(
        self,
        call: Call,
        interaction: str,
        type_: str = "",
        id_: str = "",
        *,
        status: int = 200,
        detail: tuple[tuple[str, str], ...] = (),
    ) -> Note:
        """What goes into the trail; what was asked only where no single resource says it."""
        said = "" if id_ and status < 400 else asked(call)
        return note_of(
            self.subject,
            interaction=interaction,
            type_=type_,
            id_=id_,
            asked=said,
            status=status,
            request_id=self.request_id,
            detail=detail,
            address=self.address,
        )
