"""Who is shown what of a record, through every interaction: read, search that names the patient and
one that names nobody, chain, _has, _filter, _list, includes, histories and operations.

yes: shown; min: the minimum of a Patient; a number: so many of what is there; own, all: traces.
404: not there for him; 403: no access, by contract.md section 7.
"""

import pytest

from fhir_server.policy.subject import ACTORS
from tests.house import House
from tests.law.asked import answers, kept
from tests.law.cast import CAST, filled
from tests.law.states import STATES
from tests.law.tables import lines

NAMED_ONES = """
                      :patient :document :masked :version :bytes :clinical :list :consent :team
holder                     yes       yes     yes      yes    yes       yes   yes      yes   yes
holder of another          404       404     404      404    404       404   404      404   404
represents                 yes       yes     yes      yes    yes       yes   yes      yes   yes
assists                    404       404     404      404    404       404   404      404   404
assists with consent       yes       yes     yes      yes    yes       yes   yes      yes   yes
parent of an adult         404       404     404      404    404       404   404      404   404
author                     min       yes     yes      yes    yes       yes   yes      404   404
author, indirect           min       403     403      403    403       403   403      403   403
attending                  yes       yes     yes      yes    yes       yes   yes      yes   yes
equivalent                 yes       yes     yes      yes    yes       yes   yes      yes   yes
care team                  yes       yes     404      yes    yes       yes   yes      404   yes
care team, indirect        min       403     403      403    403       403   403      403   403
consented                  yes       yes     404      yes    yes       yes   yes      404   yes
social, consented          yes       404     404      404    404       yes   404      404   yes
stranger                   min       404     404      404    404       404   404      404   404
blocked                    min       404     404      404    404       404   404      404   404
break-glass                yes       yes     404      yes    yes       yes   yes      404   yes
centre 15                  yes       yes     404      yes    yes       yes   yes      404   yes
at work                    yes       yes     404      yes    yes       yes   yes      404   yes
at work, unasked           min       404     404      404    404       404   404      404   404
secretary                  min       403     403      403    403       403   403      403   403
automate                   min       403     403      403    403       403   403      403   403
operator                   yes       404     404      404    404       404   404      yes   yes
heir of the living         404       404     404      404    404       404   404      404   404
expert                     yes       yes     404      yes    yes       yes   yes      404   404
expert, uncharged          404       404     404      404    404       404   404      404   404
abroad                     404       404     404      404    404       404   404      404   404
abroad, unasked            404       404     404      404    404       404   404      404   404
host                       403       403     403      403    403       403   403      403   403
insurer                    403       403     403      403    403       403   403      403   403
employer                   403       403     403      403    403       403   403      403   403
trusted person             403       403     403      403    403       403   403      403   403
minor, 17 y 364 d          403       403     403      403    403       403   403      403   403
of age, 18 y               yes       yes     yes      yes    yes       yes   yes      yes   yes
parent, 17 y 364 d         yes       yes     yes      yes    yes       yes   yes      yes   yes
parent, 18 y               404       404     404      404    404       404   404      404   404
represents a minor         404       404     404      404    404       404   404      404   404
closed: holder             yes       yes     yes      yes    yes       yes   yes      yes   yes
closed: represents         yes       yes     yes      yes    yes       yes   yes      yes   yes
closed: attending          min       404     404      404    404       404   404      404   404
closed: author             min       404     404      404    404       404   404      404   404
closed: break-glass        min       404     404      404    404       404   404      404   404
closed: expert             yes       yes     404      yes    yes       yes   yes      404   404
dead: holder               404       404     404      404    404       404   404      404   404
dead: represents           404       404     404      404    404       404   404      404   404
dead: attending            min       404     404      404    404       404   404      404   404
dead: care team            min       404     404      404    404       404   404      404   404
dead: heir                 yes       yes     404      yes    yes       yes   yes      404   404
dead: heir, no reason      404       404     404      404    404       404   404      404   404
dead: expert               yes       yes     404      yes    yes       yes   yes      404   404
dead: operator             yes       404     404      404    404       404   404      yes   yes
"""

THE_RECORD = """
                      r:documents r:clinical r:consents r:teams r:log r:whole r:everything r:docref
holder                          2          1          1       1   all       4            4        2
holder of another             403        403        403     403   403     403          403      403
represents                      2          1          1       1   all       4            4        2
assists                       403        403        403     403   403     403          403      403
assists with consent            2          1          1       1     0       4            4        2
parent of an adult            403        403        403     403   403     403          403      403
author                          2          1          0       0   own       4            4        2
author, indirect              403        403        403     403   403     403          403      403
attending                       2          1          1       1   all       4            4        2
equivalent                      2          1          1       1   own       4            4        2
care team                       1          1          0       1   own       3            3        1
care team, indirect           403        403        403     403   403     403          403      403
consented                       1          1          0       1   own       3            3        1
social, consented               0          1          0       1   own       1            1        0
stranger                      403        403        403     403   own     403          403      403
blocked                       403        403        403     403   403     403          403      403
break-glass                     1          1          0       1   own       3            3        1
centre 15                       1          1          0       1   own       3            3        1
at work                         1          1          0       1   own       3            3        1
at work, unasked              403        403        403     403   own     403          403      403
secretary                     403        403        403     403   403     403          403      403
automate                      403        403        403     403   403     403          403      403
operator                      403        403          1       1   all       0            0      403
heir of the living            403        403        403     403   403     403          403      403
expert                          1          1          0       0     0       3            3        1
expert, uncharged             403        403        403     403   403     403          403      403
abroad                          0          0          0       0     0       0            0        0
abroad, unasked               403        403        403     403   403     403          403      403
host                          403        403        403     403   403     403          403      403
insurer                       403        403        403     403   403     403          403      403
employer                      403        403        403     403   403     403          403      403
trusted person                403        403        403     403   403     403          403      403
minor, 17 y 364 d             403        403        403     403   403     403          403      403
of age, 18 y                    2          1          1       1   all       4            4        2
parent, 17 y 364 d              2          1          1       1   all       4            4        2
parent, 18 y                  403        403        403     403   403     403          403      403
represents a minor            403        403        403     403   403     403          403      403
closed: holder                  2          1          1       1   all       4            4        2
closed: represents              2          1          1       1   all       4            4        2
closed: attending             403        403        403     403   own     403          403      403
closed: author                403        403        403     403   own     403          403      403
closed: break-glass           403        403        403     403   own     403          403      403
closed: expert                  1          1          0       0     0       3            3        1
dead: holder                  403        403        403     403   403     403          403      403
dead: represents              403        403        403     403   403     403          403      403
dead: attending               403        403        403     403   own     403          403      403
dead: care team               403        403        403     403   own     403          403      403
dead: heir                      1          1          0       0     0       3            3        1
dead: heir, no reason         403        403        403     403   403     403          403      403
dead: expert                    1          1          0       0     0       3            3        1
dead: operator                403        403          1       1   all       0            0      403
"""

NO_PATIENT = """
                      n:id n:chain n:has n:filter n:listed n:include n:reverse n:history n:all
holder                   2       2     1        1        2         2         3         2     8
holder of another        0       0     0        0        0         0         0         0     0
represents               2       2     1        1        2         2         3         2     8
assists                  0       0     0        0        0         0         0         0     0
assists with consent     2       2     1        1        2         2         3         2     8
parent of an adult       0       0     0        0        0         0         0         0     0
author                   2       0     0        1        2         1         3         2     5
author, indirect       403     403     0      403      403       403       403       403   403
attending                2       2     1        1        2         2         3         2     8
equivalent               2       2     1        1        2         2         3         2     8
care team                1       1     1        1        1         2         2         1     6
care team, indirect    403     403     0      403      403       403       403       403   403
consented                1       1     1        1        1         2         2         1     6
social, consented        0       0     1        1        0         2         0         0     4
stranger                 0       0     0        0        0         0         0         0     0
blocked                  0       0     0        0        0         0         0         0     0
break-glass              1       1     1        1        1         2         2         1     6
centre 15                1       1     1        1        1         2         2         1     6
at work                  1       1     1        1        1         2         2         1     6
at work, unasked         0       0     0        0        0         0         0         0     0
secretary              403     403     0      403      403       403       403       403   403
automate               403     403     0      403      403       403       403       403   403
operator                 0       0     0        0        0         0         0         0     3
heir of the living       0       0     0        0        0         0         0         0     0
expert                   1       1     1        1        1         2         2         1     5
expert, uncharged        0       0     0        0        0         0         0         0     0
abroad                   0       0     0        0        0         0         0         0     0
abroad, unasked          0       0     0        0        0         0         0         0     0
host                   403     403   403      403      403       403       403       403   403
insurer                403     403   403      403      403       403       403       403   403
employer               403     403   403      403      403       403       403       403   403
trusted person         403     403   403      403      403       403       403       403   403
minor, 17 y 364 d      403     403   403      403      403       403       403       403   403
of age, 18 y             2       2     1        1        2         2         3         2     8
parent, 17 y 364 d       2       2     1        1        2         2         3         2     8
parent, 18 y             0       0     0        0        0         0         0         0     0
represents a minor       0       0     0        0        0         0         0         0     0
closed: holder           2       2     1        1        2         2         3         2     8
closed: represents       2       2     1        1        2         2         3         2     8
closed: attending        0       0     0        0        0         0         0         0     0
closed: author           0       0     0        0        0         0         0         0     0
closed: break-glass      0       0     0        0        0         0         0         0     0
closed: expert           1       1     1        1        1         2         2         1     5
dead: holder             0       0     0        0        0         0         0         0     0
dead: represents         0       0     0        0        0         0         0         0     0
dead: attending          0       0     0        0        0         0         0         0     0
dead: care team          0       0     0        0        0         0         0         0     0
dead: heir               1       1     1        1        1         2         2         1     5
dead: heir, no reason    0       0     0        0        0         0         0         0     0
dead: expert             1       1     1        1        1         2         2         1     5
dead: operator           0       0     0        0        0         0         0         0     3
"""

OPERATED = """
                      o:meta o:document o:explain o:explain-masked o:reindex o:shared
holder                   yes          2       yes              yes       403      yes
holder of another        404        404       404              404       403      yes
represents               yes          2       yes              yes       403      yes
assists                  404        404       404              404       403      yes
assists with consent     yes          2       403              403       403      yes
parent of an adult       404        404       404              404       403      yes
author                   yes          2       403              403       403      yes
author, indirect         403        403       404              404       403      yes
attending                yes          2       403              403       403      yes
equivalent               yes          2       403              403       403      yes
care team                yes          2       403              404       403      yes
care team, indirect      403        403       404              404       403      yes
consented                yes          2       403              404       403      yes
social, consented        404          2       404              404       403      yes
stranger                 404        404       404              404       403      yes
blocked                  404        404       404              404       403      yes
break-glass              yes          2       403              404       403      yes
centre 15                yes          2       403              404       403      yes
at work                  yes          2       403              404       403      yes
at work, unasked         404        404       404              404       403      yes
secretary                403        403       404              404       403      yes
automate                 403        403       404              404       403      yes
operator                 404        404       yes              yes       yes      yes
heir of the living       404        404       404              404       403      yes
expert                   yes          2       403              404       403      yes
expert, uncharged        404        404       404              404       403      yes
abroad                   404        404       404              404       403      yes
abroad, unasked          404        404       404              404       403      yes
host                     403        403       403              403       403      403
insurer                  403        403       403              403       403      403
employer                 403        403       403              403       403      403
trusted person           403        403       403              403       403      403
minor, 17 y 364 d        403        403       403              403       403      403
of age, 18 y             yes          2       yes              yes       403      yes
parent, 17 y 364 d       yes          2       yes              yes       403      yes
parent, 18 y             404        404       404              404       403      yes
represents a minor       404        404       404              404       403      yes
closed: holder           yes          2       yes              yes       403      yes
closed: represents       yes          2       yes              yes       403      yes
closed: attending        404        404       404              404       403      yes
closed: author           404        404       404              404       403      yes
closed: break-glass      404        404       404              404       403      yes
closed: expert           yes          2       403              404       403      yes
dead: holder             404        404       404              404       403      yes
dead: represents         404        404       404              404       403      yes
dead: attending          404        404       404              404       403      yes
dead: care team          404        404       404              404       403      yes
dead: heir               yes          2       403              404       403      yes
dead: heir, no reason    404        404       404              404       403      yes
dead: expert             yes          2       403              404       403      yes
dead: operator           404        404       yes              yes       yes      yes
"""

TABLES = [lines(table) for table in (NAMED_ONES, THE_RECORD, NO_PATIENT, OPERATED)]


@pytest.mark.parametrize("name", [who for who, _ in TABLES[0]])
def test_who_is_shown_what(house: House, name: str) -> None:
    record = filled(house)
    ids = kept(record)  # before who asks is made: by a death, for instance
    who = (CAST | STATES)[name](record)
    wanted = [cells for table in TABLES for asking, cells in table if asking == name]
    assert len(wanted) == len(TABLES)
    assert answers(record, who, ids) == wanted[0] | wanted[1] | wanted[2] | wanted[3]


def test_every_actor_of_a_token_is_in_the_tables(house: House) -> None:
    record, asked = filled(house), {name for name, _ in TABLES[0]}
    assert {make(record).actor for name, make in CAST.items() if name in asked} == set(ACTORS)
