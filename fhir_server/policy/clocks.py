"""The clocks of the law, as functions of the time at which they start.

Design, `domain.md` 1.6. Instants are milliseconds since 1970 UTC, as everywhere here. Days, weeks,
months and years are counted on the clocks of Paris: a delay of the law runs from a civil day to the
civil day of the same number, in legal time (decree 78-855), and ends when these clocks show the
hour at which it began. A month that has no such day ends on its last one: 31 January + 1 month is
28 or 29 February. An hour that a change of the clocks skips is over when they have moved on; of one
that comes twice the first counts.
"""

from calendar import monthrange
from datetime import date

from fhir_server.fhir.dates import LATEST, Interval, interval

HOUR, DAY = 3_600_000, 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()


def objection_ends(informed: int) -> int:
    """When a record is opened, or a suspended one closed, that nobody objected to: six weeks after
    the information was sent (R.1111-28, R.1111-36 last al.).
    """
    return after(informed, days=42)


def notice_due(deposited: int) -> int:
    """When the holder is invited to see a professional about what is hidden from him: two weeks
    after the deposit, not before (R.1111-53 al.2).
    """
    return after(deposited, days=14)


def release(deposited: int) -> int:
    """When a document hidden from its holder is released: one calendar month after its deposit
    (R.1111-53 al.2).
    """
    return after(deposited, months=1)


def archive_ends(closed: int) -> int:
    """When a closed record is destroyed: after ten years (L.1111-18 al.5, R.1111-36 al.2)."""
    return after(closed, months=120)


def deletion_due(asked: int) -> int:
    """When a closed record is destroyed at its holder's request: after two months, so that a job
    that stands still for a while is not late by `deletion_limit`.
    """
    return after(asked, months=2)


def deletion_limit(asked: int) -> int:
    """By when it must be: three months (R.1111-36 al.3)."""
    return after(asked, months=3)


def begins(text: str) -> int:
    """When a delay begins that counts from this date, dateTime or instant: a day or a month counts
    from its end, so that nobody's delay is shortened. ValueError names `text`.
    """
    low, high = civil_interval(text)
    return low if "T" in text else high


def civil_interval(text: str) -> Interval:
    """The interval of a date, dateTime or instant in words of the law: what has no hour is days,
    months or years of Paris. ValueError names `text`.
    """
    low, high = interval(text)
    return (low, high) if "T" in text else (_instant(low), _instant(high))


def civil_day(at: int) -> int:
    """The day in Paris, counted from the first of January 1970."""
    return _wall(at) // DAY


def civil_date(at: int) -> str:
    """The day in Paris, `2026-11-24`."""
    return _date(civil_day(at)).isoformat()


def civil_time(at: int) -> str:
    """Day and hour in Paris in French, `24/11/2026 à 13:00`."""
    day, rest = divmod(_wall(at), DAY)
    year, month, number = _date(day).isoformat().split("-")
    return f"{number}/{month}/{year} à {rest // HOUR:02}:{rest % HOUR // 60_000:02}"


def after(at: int, *, days: int = 0, months: int = 0) -> int:
    """The instant that many civil days or months later, at the same hour in Paris; LATEST beyond
    the year 9998.
    """
    day, rest = divmod(_wall(at), DAY)
    began = _date(day)
    year, month = divmod(began.year * 12 + began.month - 1 + months, 12)
    if year > 9998:
        return LATEST
    last = monthrange(year, month + 1)[1]
    ends = date(year, month + 1, min(began.day, last)).toordinal() + days - _EPOCH
    return _instant(ends * DAY + rest)


def _date(day: int) -> date:
    """The date so many days after the first of January 1970, at the ends of the calendar its ends.
    """
    return date.fromordinal(min(max(_EPOCH + day, date.min.toordinal()), date.max.toordinal()))


def _wall(at: int) -> int:
    """What the clocks of Paris show, in the milliseconds of a clock that shows UTC."""
    return at + _offset(at)


def _instant(wall: int) -> int:
    """The first instant at which they show this, or have moved on over it."""
    in_summer = wall - 2 * HOUR
    return in_summer if _offset(in_summer) == 2 * HOUR else wall - HOUR


def _offset(at: int) -> int:
    """Of Paris from UTC: summer lasts from the last Sunday of March to that of October, 1:00 UTC.

    Directive 2000/84/EC, so since 1996; records are younger. No table of the system is needed.
    """
    year = _date(at // DAY).year
    return 2 * HOUR if _last_sunday(year, 3) <= at < _last_sunday(year, 10) else HOUR


def _last_sunday(year: int, month: int) -> int:
    last = date(year, month, 31)
    return (last.toordinal() - last.isoweekday() % 7 - _EPOCH) * DAY + HOUR
