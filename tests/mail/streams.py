"""TNEF streams for tests, as Outlook writes winmail.dat."""

import struct
from dataclasses import dataclass

GUID = bytes(16)
STRING, UNICODE, BINARY, OBJECT, LONG = 0x1E, 0x1F, 0x102, 0x0D, 0x03


@dataclass(frozen=True, slots=True)
class Property:
    identifier: int
    kind: int
    value: bytes | int

    def octets(self) -> bytes:
        head = struct.pack("<HH", self.kind, self.identifier)
        if self.identifier >= 0x8000:
            head += GUID + struct.pack("<II", 1, 6) + b"a\0b\0\0\0" + b"\0\0"
        if isinstance(self.value, int):
            return head + struct.pack("<i", self.value)
        return head + struct.pack("<II", 1, len(self.value)) + self.value + bytes(-len(self.value) % 4)


def text(identifier: int, value: str) -> Property:
    return Property(identifier, UNICODE, (value + "\0").encode("utf-16-le"))


def attribute(level: int, identifier: int, data: bytes) -> bytes:
    checksum = struct.pack("<H", sum(data) & 0xFFFF)
    return bytes((level,)) + struct.pack("<II", identifier, len(data)) + data + checksum


def properties(*given: Property) -> bytes:
    return struct.pack("<I", len(given)) + b"".join(one.octets() for one in given)


def stream(*attributes: bytes, code_page: int = 1252) -> bytes:
    begin = b"\x78\x9f\x3e\x22" + b"\1\0" + attribute(1, 0x00089006, b"\0\0\1\0")
    return begin + attribute(1, 0x00069007, struct.pack("<II", code_page, 0)) + b"".join(attributes)


def message(*given: Property) -> bytes:
    return attribute(1, 0x00069003, properties(*given))


def file(title: bytes, data: bytes, *given: Property) -> bytes:
    begins = attribute(2, 0x00069002, bytes(14))
    described = attribute(2, 0x00069005, properties(*given)) if given else b""
    return begins + attribute(2, 0x00018010, title + b"\0") + attribute(2, 0x0006800F, data) + described
