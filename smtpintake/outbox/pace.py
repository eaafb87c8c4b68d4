"""`Pace`: how many mails at once, how often each is tried, and for how long."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final


@dataclass(frozen=True, slots=True)
class Pace:
    """RFC 5321 s4.5.4.1: give up after four or five days, not before."""

    connections: int = 8
    per_domain: int = 4  # mails to one domain at a time
    claims: int = 100
    poll: timedelta = timedelta(seconds=1)
    lease: timedelta = timedelta(minutes=2)
    idle: timedelta = timedelta(seconds=5)  # a connection with nothing to send is closed then
    rest: timedelta = timedelta(seconds=30)  # after an attempt to reach a smarthost in vain
    first_retry: timedelta = timedelta(seconds=30)
    longest_retry: timedelta = timedelta(hours=2)
    longest_outage: timedelta = timedelta(minutes=5)  # between two attempts while no smarthost can be reached
    give_up: timedelta = timedelta(days=5)

    def retry_after(self, attempts: int, chance: float) -> timedelta:
        """How long to wait after so many attempts: doubled each time, and a quarter more or less by `chance` (0 to 1),
        so that mails which failed together don't come back together.
        """
        doubled = self.first_retry * (1 << min(attempts - 1, 20))
        return min(doubled, self.longest_retry) * (0.75 + chance / 2)


DEFAULT_PACE: Final = Pace()
