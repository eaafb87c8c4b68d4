"""`Spool`: takes a message's octets as they arrive, in memory while it is small, then in a file.

Contract: what is in memory for one message never passes `IN_MEMORY` by more than one block, and all spools of a
`SpoolSpace` together hold `max_memory` and a little. Files are written and hashed in a thread: the event loop does not
wait for the disk. Nothing is fsynced here: after a crash a spool file is worth nothing, since its sender was told
nothing. A full disk raises OSError from `write` or `finish`.
"""

import asyncio
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkstemp
from typing import Final

IN_MEMORY: Final = 256 << 10  # octets; larger messages go to a file


@dataclass(slots=True)
class SpoolSpace:
    """The folder for spool files, and how many octets all messages under way hold in memory."""

    folder: Path
    max_memory: int
    in_memory: int = 0


@dataclass(slots=True)
class _Share:
    """One message's part of the memory; given back once."""

    space: SpoolSpace
    octets: int = 0

    def take(self, octets: int) -> None:
        self.octets += octets
        self.space.in_memory += octets

    def give_back(self) -> None:
        self.space.in_memory -= self.octets
        self.octets = 0


@dataclass(frozen=True, slots=True)
class Received:
    """A whole message: `octets` or the file at `path`, never both. `sha256` is hex, over all of it."""

    octets: bytes | None
    path: Path | None
    size: int
    sha256: str
    share: _Share | None = field(default=None, repr=False, compare=False)

    def discard(self) -> None:
        """The message is somebody else's now, or nobody's: its spool file goes. Doing it again is fine."""
        if self.share is not None:
            self.share.give_back()
        if self.path is not None:
            self.path.unlink(missing_ok=True)


class Spool:
    """One message on its way in: `write` blocks of it, then `finish` or `discard`."""

    def __init__(self, space: SpoolSpace) -> None:
        self._space: Final = space
        self._share: Final = _Share(space)
        self._blocks: list[bytes] = []
        self._hash = hashlib.sha256()
        self._descriptor = -1
        self._path: Path | None = None
        self.size = 0

    async def write(self, block: bytes) -> None:
        """Add octets to the end. Raises OSError where the disk takes no more."""
        self.size += len(block)
        self._blocks.append(block)
        self._share.take(len(block))
        if self._share.octets > IN_MEMORY or self._space.in_memory > self._space.max_memory:
            await self._flush()

    async def finish(self) -> Received:
        """The message; the spool is not to be used any more."""
        if self._descriptor == -1:
            octets = self._blocks[0] if len(self._blocks) == 1 else b"".join(self._blocks)
            self._blocks.clear()
            return Received(octets, None, self.size, hashlib.sha256(octets).hexdigest(), self._share)
        await self._flush()
        self._close()
        return Received(None, self._path, self.size, self._hash.hexdigest())

    def discard(self) -> None:
        """Forget the message. Doing it again is fine."""
        self._blocks.clear()
        self._share.give_back()
        self._close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    async def _flush(self) -> None:
        await asyncio.to_thread(self._write_blocks, self._blocks)
        self._blocks = []
        self._share.give_back()

    def _write_blocks(self, blocks: list[bytes]) -> None:
        if self._descriptor == -1:
            self._descriptor, name = mkstemp(dir=self._space.folder, prefix="mail-")
            self._path = Path(name)
        for block in blocks:
            self._hash.update(block)
            view = memoryview(block)
            while view:
                view = view[os.write(self._descriptor, view) :]

    def _close(self) -> None:
        if self._descriptor != -1:
            os.close(self._descriptor)
            self._descriptor = -1
