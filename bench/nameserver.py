"""The bench's name server, a process of its own: TXT records from a file, each answer after a delay.

    python -m bench.nameserver ZONE DELAY_MS

ZONE is JSON, a text for each name; a name that only others end with is there and has none. dnslib writes the answers,
all of them before the first question: what is left is to look one up, so that the servers under test have the
processor. Prints its port when it is ready; ends with its standard input.
"""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
import uvloop
from dnslib import QTYPE, RCODE, RR, SOA, TXT, DNSRecord

from bench.load import BUILD, HERE

_TTL: Final = 86_400
_QUESTION: Final = 12  # where it begins, behind the header


@dataclass(frozen=True, slots=True)
class Nameserver:
    """A running one."""

    address: str
    process: psutil.Process

    def cpu_seconds(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)


@contextmanager
def running(zone: Mapping[str, str], delay_ms: float) -> Iterator[Nameserver]:
    """A name server of `zone`, which answers everything `delay_ms` after it was asked."""
    path = BUILD / "zone.json"
    path.write_text(json.dumps(zone))
    child = subprocess.Popen(
        [sys.executable, "-m", __name__, path, str(delay_ms)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=HERE.parent,
    )  # fmt: skip
    with child:
        assert child.stdout is not None
        yield Nameserver(f"127.0.0.1:{int(child.stdout.readline())}", psutil.Process(child.pid))


def _answers(zone: Mapping[str, str]) -> dict[bytes, bytes]:
    """Replies by question, as octets."""
    names = {".".join(labels[at:]) for labels in (name.split(".") for name in zone) for at in range(len(labels))}
    return dict(_answer(name, zone.get(name)) for name in names)


def _answer(name: str, text: str | None) -> tuple[bytes, bytes]:
    reply = DNSRecord.question(name, "TXT").reply()
    reply.header.ra = 1
    if text is None:
        reply.add_auth(_soa())
    else:
        strings = [text[at : at + 255].encode() for at in range(0, len(text), 255)]
        reply.add_answer(RR(name, QTYPE.TXT, ttl=_TTL, rdata=TXT(strings)))
    octets = bytes(reply.pack())
    return octets[_QUESTION : octets.index(b"\0", _QUESTION) + 5], octets


def _nothing() -> bytes:
    """A reply that the name does not exist, without the question, whose place is behind the header."""
    reply = DNSRecord.question("x", "TXT").reply()
    reply.header.rcode = RCODE.NXDOMAIN
    reply.add_auth(_soa())
    octets = bytes(reply.pack())
    return octets[:_QUESTION] + octets[octets.index(b"\0", _QUESTION) + 5 :]


def _soa() -> RR:
    return RR(".", QTYPE.SOA, ttl=_TTL, rdata=SOA("ns.invalid.", "root.invalid.", (1, 3600, 600, 86_400, _TTL)))


async def _serve(zone: Mapping[str, str], delay: float) -> None:
    loop, answers, nothing = asyncio.get_running_loop(), _answers(zone), _nothing()

    def asked(server: socket.socket) -> None:
        query, client = server.recvfrom(512)
        question = query[_QUESTION : query.index(b"\0", _QUESTION) + 5]
        answer = answers.get(question) or nothing[:_QUESTION] + question + nothing[_QUESTION:]
        loop.call_later(delay, server.sendto, query[:2] + answer[2:], client)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.setblocking(False)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        loop.add_reader(server, asked, server)
        print(server.getsockname()[1], flush=True)
        await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(_serve(json.loads(Path(sys.argv[1]).read_text()), float(sys.argv[2]) / 1000))
