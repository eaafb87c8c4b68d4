"""No storm, whoever answers us: `make simulate` runs as many letters as a busy year has, this one some hundred."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from smtpintake.compose.budget import DEFAULT_BUDGET, Budget
from tests.robots import robots
from tests.robots.robots import Robot
from tests.robots.simulation import ROBOTS, Simulation, simulated

HUMAN = Robot("people.example", lambda *_: ())
ENDURING = (timedelta(minutes=1), timedelta(minutes=2))


@pytest.fixture
def simulation(tmp_path: Path) -> Iterator[Simulation]:
    with simulated(tmp_path, seed=6) as simulation:
        yield simulation


def test_each_pair_falls_silent_after_three_mails(simulation: Simulation) -> None:
    simulation.run(400)
    longest = simulation.longest()
    assert {pair: most for pair, most in longest.items() if most > 3} == {}
    # Nobody was silent from the beginning: each robot got an answer of ours and answered it.
    wrote_twice = {name for pair, most in longest.items() if most == 3 for name in pair}
    assert {robot.domain for robot in ROBOTS} <= wrote_twice


def test_two_installations_exchange_one_answer(simulation: Simulation) -> None:
    simulation.meet()
    assert list(simulation.post.between.values()) == [2]


def test_people_are_answered_each_time(simulation: Simulation) -> None:
    one, post = simulation.installations[0], simulation.post
    post.parties[HUMAN.domain] = HUMAN
    for chain in range(20):
        post.send(HUMAN.domain, HUMAN.letter(one.address, f"Matter {chain}", chain), post.now + timedelta(hours=chain))
    post.run()
    assert set(post.between.values()) == {2}


@pytest.mark.parametrize(
    ("budget", "answers"),
    [
        (replace(DEFAULT_BUDGET, pause=timedelta()), 10),
        (replace(DEFAULT_BUDGET, pause=timedelta(), per_address=0, per_domain=25), 25),
        (replace(DEFAULT_BUDGET, pause=timedelta(), per_address=0, total=40), 40),
    ],
)
def test_what_nothing_gives_away_is_stopped_by_the_budgets_alone(tmp_path: Path, budget: Budget, answers: int) -> None:
    """And that they are what stops it."""
    tickets = Robot("tickets.example", robots.tickets, ENDURING)
    with simulated(tmp_path, seed=6, budget=budget) as simulation:
        one, post = simulation.installations[0], simulation.post
        post.parties[tickets.domain] = tickets
        post.send(tickets.domain, tickets.letter(one.address, "Matter", 1), post.now)
        post.run(limit=1000)
        assert list(post.between.values()) == [2 * answers + 1]
