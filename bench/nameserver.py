"""The bench's name server, a process of its own: TXT records from a file, each answer after a delay.

    python -m bench.nameserver ZONE DELAY_MS

ZONE is JSON, a text for each name; a name that only others end with is there and has none. dnslib writes the answers,
all of them before the first question, so that little is left to do. It looks for questions every millisecond: waking
it for each would cost who asks 50 µs in a virtual machine, and a name server is elsewhere. Prints its port when it is
ready.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
from dnslib import QTYPE, RCODE, RR, SOA, TXT, DNSRecord

from bench.load import BUILD, HERE

_TTL: Final = 86_400
_TICK: Final = 0.001  # seconds
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
    """A name server of `zone`, which answers everything `delay_ms` after it was asked, or a little later."""
    path = BUILD / "zone.json"
    path.write_text(json.dumps(zone))
    child = subprocess.Popen(
        [sys.executable, "-m", __name__, path, str(delay_ms)],
        stdout=subprocess.PIPE, cwd=HERE.parent,
    )  # fmt: skip
    with child:
        try:
            assert child.stdout is not None
            yield Nameserver(f"127.0.0.1:{int(child.stdout.readline())}", psutil.Process(child.pid))
        finally:
            child.terminate()


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


def _serve(zone: Mapping[str, str], delay: float) -> None:
    answers, nothing = _answers(zone), _nothing()
    due: deque[tuple[float, bytes, tuple[str, int]]] = deque()
    parent = os.getppid()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        server.setblocking(False)
        server.bind(("127.0.0.1", 0))
        print(server.getsockname()[1], flush=True)
        while os.getppid() == parent:
            time.sleep(_TICK)
            now = time.monotonic()
            for query, client in _waiting(server):
                question = query[_QUESTION : query.index(b"\0", _QUESTION) + 5]
                answer = answers.get(question) or nothing[:_QUESTION] + question + nothing[_QUESTION:]
                due.append((now + delay, query[:2] + answer[2:], client))
            while due and due[0][0] <= now:
                server.sendto(*due.popleft()[1:])


def _waiting(server: socket.socket) -> Iterator[tuple[bytes, tuple[str, int]]]:
    with suppress(BlockingIOError):
        while True:
            yield server.recvfrom(512)


if __name__ == "__main__":
    _serve(json.loads(Path(sys.argv[1]).read_text()), float(sys.argv[2]) / 1000)
