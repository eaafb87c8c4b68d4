"""Two installations among robots of every kind, for so many letters of simulated time."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

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
        while post.delivered < letters:
            moment += _PACE * chance.expovariate(1) / len(ROBOTS)
            post.run(until=moment)
            self._begin(chance.choice(ROBOTS), chance.choice(self.installations), moment)
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

    def longest(self) -> Counter[frozenset[str]]:
        """The most letters of one chain between each two of which one is an installation."""
        ours = {installation.domain for installation in self.installations}
        longest: Counter[frozenset[str]] = Counter()
        for (_, pair), letters in self.post.between.items():
            if pair & ours:
                longest[pair] = max(longest[pair], letters)
        return longest


@contextmanager
def simulated(folder: Path, seed: int, budget: Budget = DEFAULT_BUDGET) -> Iterator[Simulation]:
    post = Post({}, random.Random(seed))
    installations = (
        Installation(folder, "one.example", lambda: post.now, budget),
        Installation(folder, "two.example", lambda: post.now, budget),
    )
    parties: tuple[Party, ...] = (*ROBOTS, *installations)
    post.parties.update((party.domain, party) for party in parties)
    yield Simulation(post, installations)
    for installation in installations:
        installation.close()
