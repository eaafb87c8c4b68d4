"""Two installations among robots of every kind, for so many letters of simulated time."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle

from smtpintake.compose.budget import DEFAULT_BUDGET, Budget
from tests.robots import robots
from tests.robots.installation import Installation
from tests.robots.post import Party, Post
from tests.robots.robots import SLOW, Robot

BOTH = ("support@one.example", "support@two.example")
ROBOTS = (
    Robot("vacation.example", robots.vacation),
    Robot("slow-vacation.example", robots.vacation, SLOW),
    Robot("mute-vacation.example", robots.mute_vacation),
    Robot("slow-mute-vacation.example", robots.mute_vacation, SLOW),
    Robot("own-subject.example", robots.vacation_with_a_subject_of_its_own),
    Robot("reply-to.example", robots.to_reply_to),
    Robot("slow-reply-to.example", robots.to_reply_to, SLOW),
    Robot("quoting.example", robots.to_from_with_quote),
    Robot("slow-quoting.example", robots.to_from_with_quote, SLOW),
    Robot("tickets.example", robots.tickets),
    Robot("subject-tickets.example", robots.tickets_with_our_subject),
    Robot("slow-subject-tickets.example", robots.tickets_with_our_subject, SLOW),
    Robot("list.example", robots.mailing_list(*BOTH)),
    Robot("alias.example", robots.alias(*BOTH)),
    Robot("alias-of-robots.example", robots.alias("desk@tickets.example", "desk@mute-vacation.example", *BOTH)),
    Robot("forwarder.example", robots.rewriting_forwarder(BOTH[0])),
    Robot("slow-forwarder.example", robots.rewriting_forwarder(BOTH[1]), SLOW),
    Robot("bouncer.example", robots.bouncer),
    Robot("bouncer-in-words.example", robots.bouncer_in_words),
)
# Agents on vacation, and agents who read what they are sent.
STAFF = (Robot("staff-of-one.example", robots.vacation), Robot("staff-of-two.example", robots.reader))
# How often somebody there writes to somebody.
_PACE = timedelta(hours=2)


@dataclass(slots=True)
class Simulation:
    post: Post
    installations: tuple[Installation, Installation]
    chains: int = 0

    def run(self, letters: int) -> None:
        """Let people write until so many letters were delivered; then wait until nothing is under way any more."""
        post, chance, moment = self.post, self.post.chance, self.post.now
        writing = cycle(chance.sample(ROBOTS, len(ROBOTS)))
        while post.delivered < letters:
            moment += _PACE * chance.expovariate(1) / len(ROBOTS)
            post.run(until=moment)
            self._begin(next(writing), chance.choice(self.installations), moment)
        post.run()

    def _begin(self, robot: Robot, installation: Installation, moment: datetime) -> None:
        self.chains += 1
        letter = robot.letter(installation.address, f"Matter {self.chains}", self.chains, "Please help.")
        self.post.send(robot.domain, letter, moment)

    def meet(self) -> None:
        """The one installation is a customer of the other: somebody writes in the name of its inbox."""
        one, two = self.installations
        self.chains += 1
        person = Robot(one.domain, robots.vacation)
        fields = {"From": one.address}
        self.post.send(one.domain, person.letter(two.address, "Matter", self.chains, **fields), self.post.now)
        self.post.run()

    def longest(self) -> Counter[tuple[str, str]]:
        """The most letters of one chain between each installation and each other, both ways."""
        between: Counter[tuple[int, str, str]] = Counter()
        for (chain, sender, recipient), letters in self.post.letters.items():
            for one, other in ((sender, recipient), (recipient, sender)):
                if one in self.domains:
                    between[chain, one, other] += letters
        longest: Counter[tuple[str, str]] = Counter()
        for (_, one, other), letters in between.items():
            longest[one, other] = max(longest[one, other], letters)
        return longest

    @property
    def domains(self) -> tuple[str, ...]:
        """Those of the installations."""
        return tuple(installation.domain for installation in self.installations)


@contextmanager
def simulated(seed: int, budget: Budget = DEFAULT_BUDGET) -> Iterator[Simulation]:
    post = Post({}, random.Random(seed))
    installations = (
        Installation("one.example", [STAFF[0].address], lambda: post.now, budget),
        Installation("two.example", [STAFF[1].address], lambda: post.now, budget),
    )
    parties: tuple[Party, ...] = (*ROBOTS, *STAFF, *installations)
    post.parties.update((party.domain, party) for party in parties)
    yield Simulation(post, installations)
    for installation in installations:
        installation.close()
