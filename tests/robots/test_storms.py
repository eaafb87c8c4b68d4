"""No storm, whoever answers us: `make simulate` runs as many letters as a busy year has, this one some hundred."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest

from smtpintake.compose.budget import DEFAULT_BUDGET, Budget
from tests.robots import robots
from tests.robots.robots import Robot
from tests.robots.simulation import ROBOTS, STAFF, Simulation, simulated

HUMAN = Robot("people.example", robots.reader)
ENDURING = (timedelta(minutes=1), timedelta(minutes=2))


@pytest.fixture
def simulation() -> Iterator[Simulation]:
    with simulated(seed=6) as simulation:
        yield simulation


def test_each_pair_falls_silent_after_three_mails(simulation: Simulation) -> None:
    simulation.run(300)
    staff = {agent.domain for agent in STAFF}
    longest = {pair: most for pair, most in simulation.longest().items() if pair[1] not in staff}
    assert {pair: most for pair, most in longest.items() if most > 3} == {}
    # Nobody was silent from the beginning: each robot got an answer of ours and wrote again.
    assert {robot.domain for robot in ROBOTS} <= {other for (_, other), most in longest.items() if most == 3}
    # And agents hear at most once of each mail, whatever their own robots write.
    letters = simulation.post.letters
    for chain, sender, recipient in [each for each in letters if each[2] in staff]:
        causes = [letters[chain, robot.domain, sender] for robot in ROBOTS]
        assert letters[chain, sender, recipient] <= sum(causes)


def test_two_installations_exchange_one_answer(simulation: Simulation) -> None:
    simulation.meet()
    between = [simulation.post.letters[1, one, two] for one, two in permutations(simulation.domains)]
    assert between == [1, 1]


def test_people_are_answered_each_time(simulation: Simulation) -> None:
    one, post = simulation.installations[0], simulation.post
    post.parties[HUMAN.domain] = HUMAN
    for chain in range(20):
        post.send(HUMAN.domain, HUMAN.letter(one.address, f"Matter {chain}", chain), post.now + timedelta(hours=chain))
    post.run()
    assert [post.letters[chain, one.domain, HUMAN.domain] for chain in range(20)] == [1] * 20


def test_robots_of_a_customer_and_an_agent_stop_at_the_budget_of_their_issue(simulation: Simulation) -> None:
    """Neither shows that it is one, and each hears what the other says: as if an agent and a customer talked."""
    two, post = simulation.installations[1], simulation.post
    customer = Robot("customer.example", robots.mute_vacation, ENDURING)
    agent = Robot(STAFF[1].domain, robots.mute_vacation, ENDURING)
    post.parties.update({customer.domain: customer, agent.domain: agent})
    post.send(customer.domain, customer.letter(two.address, "Matter", 1), post.now)
    post.run(limit=1000)
    assert post.letters[1, two.domain, agent.domain] == DEFAULT_BUDGET.per_thread
    # What the agent has not heard is told later, which wakes both: after twice the time each time, 3, 9, 21 … hours.
    began, moment = post.now, post.now
    while moment < began + timedelta(days=30):
        post.now = moment = moment + timedelta(hours=3)
        for letter in two.idle(1):
            post.send(two.domain, letter, post.now)
        post.run(limit=1000)
    assert post.letters[1, two.domain, agent.domain] == DEFAULT_BUDGET.per_thread + 7


@pytest.mark.parametrize(
    ("budget", "answers"),
    [
        (replace(DEFAULT_BUDGET, pause=timedelta()), 10),
        (replace(DEFAULT_BUDGET, pause=timedelta(), per_address=0, per_domain=25), 25),
        (replace(DEFAULT_BUDGET, pause=timedelta(), per_address=0, total=40), 40),
    ],
)
def test_what_nothing_gives_away_is_stopped_by_the_budgets_alone(budget: Budget, answers: int) -> None:
    """And that they are what stops it."""
    tickets = Robot("tickets.example", robots.tickets, ENDURING)
    with simulated(seed=6, budget=budget) as simulation:
        one, post = simulation.installations[0], simulation.post
        post.parties[tickets.domain] = tickets
        post.send(tickets.domain, tickets.letter(one.address, "Matter", 1), post.now)
        post.run(limit=1000)
        assert post.letters[1, one.domain, tickets.domain] == answers
