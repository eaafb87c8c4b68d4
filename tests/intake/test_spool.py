import asyncio
import hashlib
from pathlib import Path

import pytest

from smtpintake.intake.spool import IN_MEMORY, Received, Spool, SpoolSpace

BLOCK = bytes(range(256)) * 256


async def spooled(space: SpoolSpace, *blocks: bytes) -> Received:
    spool = Spool(space)
    for block in blocks:
        await spool.write(block)
    return await spool.finish()


@pytest.mark.parametrize("blocks", [(), (b"one",), (b"one", b"two"), (BLOCK,) * 4])
async def test_a_small_message_stays_in_memory(tmp_path: Path, blocks: tuple[bytes, ...]) -> None:
    space = SpoolSpace(tmp_path, 1 << 30)
    mail = await spooled(space, *blocks)
    octets = b"".join(blocks)
    assert (mail.octets, mail.path, mail.size) == (octets, None, len(octets))
    assert mail.sha256 == hashlib.sha256(octets).hexdigest()
    assert space.in_memory == len(octets)
    mail.discard()
    mail.discard()
    assert space.in_memory == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("last", [b"x", BLOCK * 5])
async def test_a_large_message_is_a_file(tmp_path: Path, last: bytes) -> None:
    space = SpoolSpace(tmp_path, 1 << 30)
    blocks = [BLOCK] * (IN_MEMORY // len(BLOCK)) * 3 + [last]
    mail = await spooled(space, *blocks)
    octets = b"".join(blocks)
    assert mail.octets is None
    assert mail.path is not None
    assert mail.path.read_bytes() == octets
    assert (mail.size, mail.sha256) == (len(octets), hashlib.sha256(octets).hexdigest())
    assert mail.path.stat().st_mode & 0o077 == 0
    assert space.in_memory == 0
    mail.discard()
    mail.discard()
    assert not list(tmp_path.iterdir())


async def test_when_memory_is_short_even_small_messages_go_to_disk(tmp_path: Path) -> None:
    space = SpoolSpace(tmp_path, max_memory=10)
    first = await spooled(space, b"12345678")
    second = await spooled(space, b"12345678")
    assert first.octets == b"12345678"
    assert second.path is not None
    assert second.path.read_bytes() == b"12345678"
    first.discard()
    third = await spooled(space, b"12345678")
    assert third.octets == b"12345678"


@pytest.mark.parametrize("size", [1, 3 * IN_MEMORY])
async def test_a_discarded_spool_leaves_nothing(tmp_path: Path, size: int) -> None:
    space = SpoolSpace(tmp_path, 1 << 30)
    spool = Spool(space)
    await spool.write(b"x" * size)
    spool.discard()
    spool.discard()
    assert space.in_memory == 0
    assert not list(tmp_path.iterdir())


async def test_many_at_once_hold_little_memory(tmp_path: Path) -> None:
    space = SpoolSpace(tmp_path, max_memory=1 << 20)
    greatest = 0

    async def send() -> Received:
        nonlocal greatest
        spool = Spool(space)
        for _ in range(40):
            await spool.write(BLOCK)
            greatest = max(greatest, space.in_memory)
        return await spool.finish()

    mails = await asyncio.gather(*(send() for _ in range(20)))
    assert {mail.size for mail in mails} == {40 * len(BLOCK)}
    # Each may hold what it took before the limit was passed, and the block that passed it.
    assert greatest <= (1 << 20) + 20 * len(BLOCK)


async def test_a_folder_that_is_gone_is_an_os_error(tmp_path: Path) -> None:
    spool = Spool(SpoolSpace(tmp_path / "gone", 0))
    with pytest.raises(OSError, match="gone"):
        await spool.write(b"x")
    spool.discard()
