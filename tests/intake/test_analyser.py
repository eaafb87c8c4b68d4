"""The analysers: a process that dies or gets stuck costs at most the mail that it was reading."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from smtpintake.intake.analyser import Analysers
from smtpintake.intake.analysis import Task
from tests.mail.letters import mail

LETTER = mail(body="Help!\n")
DEADLINE = 5.0


@asynccontextmanager
async def working(count: int, deadline: float = DEADLINE, slack: float = 60.0) -> AsyncIterator[Analysers]:
    analysers = Analysers(count, deadline, slack)
    await analysers.warm_up()
    yield analysers
    await asyncio.to_thread(analysers.stop)


async def reads(analysers: Analysers) -> bool:
    analysis = await analysers.analyse(Task(LETTER, None, "0" * 64, ()))
    return analysis is not None and analysis.message.author is not None


def processes() -> list[psutil.Process]:
    """The analysers: what the fork server, a child of ours, has started."""
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if (parent := process.parent()) is not None and parent.pid != os.getpid()
    ]


def end(signal_number: signal.Signals, targets: list[psutil.Process]) -> None:
    for process in targets:
        process.send_signal(signal_number)


async def test_analysers_that_die_while_they_read_nothing_are_replaced() -> None:
    async with working(2) as analysers:
        victims = processes()
        assert len(victims) == 2
        end(signal.SIGKILL, victims)
        assert await asyncio.gather(*(reads(analysers) for _ in range(5))) == [True] * 5
        psutil.wait_procs(victims, DEADLINE)
        assert await reads(analysers)


@pytest.mark.filterwarnings("ignore:resource_tracker. process died unexpectedly:UserWarning")
async def test_so_is_everything_when_the_system_kills_it_all() -> None:
    async with working(2, slack=0.0) as analysers:
        end(signal.SIGKILL, psutil.Process().children(recursive=True))
        assert await reads(analysers)


async def test_analysers_that_are_all_stuck_before_they_took_a_mail_are_replaced() -> None:
    async with working(1, deadline=1.0, slack=0.0) as analysers:
        stuck = processes()
        end(signal.SIGSTOP, stuck)
        assert await asyncio.gather(*(reads(analysers) for _ in range(3))) == [True] * 3
        _, alive = psutil.wait_procs(stuck, 60)
        assert not alive, "those that were stuck are ended"


async def test_one_that_is_stuck_leaves_the_work_to_the_others() -> None:
    async with working(2) as analysers:
        stuck = processes()[0]
        end(signal.SIGSTOP, [stuck])
        assert await asyncio.gather(*(reads(analysers) for _ in range(5))) == [True] * 5
        stuck.kill()


async def test_a_spool_file_that_is_gone_is_a_fault_and_no_verdict(tmp_path: Path) -> None:
    async with working(1) as analysers:
        with pytest.raises(FileNotFoundError):
            await analysers.analyse(Task(None, tmp_path / "gone", "0" * 64, ()))
        assert await reads(analysers)


async def test_mails_that_wait_together_each_get_their_own_answer() -> None:
    async with working(1) as analysers:
        tasks = [Task(mail(f"Subject: Mail {number}", body="Help!\n"), None, "0" * 64, ()) for number in range(40)]
        answers = await asyncio.gather(*map(analysers.analyse, tasks))
    assert [answer and answer.message.subject for answer in answers] == [f"Mail {number}" for number in range(40)]


async def test_one_that_fails_in_company_costs_its_neighbours_nothing() -> None:
    # No mail is meant to raise: what does is a fault of ours, here separators that are no text.
    fault = Task(mail(body="Help!\n"), None, "0" * 64, (7,))  # type: ignore[arg-type]
    async with working(1) as analysers:
        neighbours = [reads(analysers) for _ in range(12)]
        answers = await asyncio.gather(
            *neighbours[:6], analysers.analyse(fault), *neighbours[6:], return_exceptions=True
        )
    assert isinstance(answers.pop(6), AttributeError)
    assert answers == [True] * 12


async def test_one_that_kills_its_analyser_in_company_costs_its_neighbours_nothing() -> None:
    async with working(1) as analysers:
        answers = asyncio.gather(*(reads(analysers) for _ in range(12)))
        await asyncio.sleep(0)
        end(signal.SIGKILL, processes())
        assert await answers == [True] * 12
