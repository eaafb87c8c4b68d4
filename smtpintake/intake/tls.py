"""TLS on a connection that is open already: the server's side of the handshake.

Contract: one way for STARTTLS and for implicit TLS. So a connection is counted, and may say who it comes from (the
PROXY header stands before the first octet of TLS), before we spend anything on cryptography. The deadline is the
handshake's; a failure is an OSError and concerns this connection alone.
"""

import asyncio
import ssl
from typing import cast


async def secure(
    transport: asyncio.Transport, protocol: asyncio.Protocol, context: ssl.SSLContext, first: bytes, deadline: float
) -> asyncio.Transport:
    """The transport that `protocol` is to use from now on. `first` are octets of the handshake that were read already,
    `deadline` is in seconds. The caller has paused reading.

    Raises OSError: ssl.SSLError among them, and ConnectionError where the client went or was too slow.
    """
    loop = asyncio.get_running_loop()
    handshake = loop.create_task(
        loop.start_tls(transport, protocol, context, server_side=True, ssl_handshake_timeout=deadline)
    )
    if first:
        # After one turn of the loop TLS is the transport's protocol and its connection_made is next; the turn after
        # that is ours, before anything more can be read.
        await asyncio.sleep(0)
        loop.call_soon(_feed, transport, first)
    try:
        secured = await handshake
    except OSError:
        transport.close()
        raise
    # Where we have aborted the connection meanwhile, no exception says so.
    if secured is None or secured.is_closing():
        transport.close()
        raise ConnectionAbortedError("closed during the handshake")
    return secured


def _feed(transport: asyncio.Transport, octets: bytes) -> None:
    tls = cast("asyncio.BufferedProtocol", transport.get_protocol())
    while octets:
        buffer = memoryview(tls.get_buffer(len(octets)))
        count = min(len(buffer), len(octets))
        buffer[:count] = octets[:count]
        tls.buffer_updated(count)
        octets = octets[count:]


def described(transport: asyncio.Transport) -> str:
    """Version and cipher, for the log: `TLSv1.3 TLS_AES_256_GCM_SHA384`."""
    tls: ssl.SSLObject = transport.get_extra_info("ssl_object")
    cipher = tls.cipher()
    return f"{tls.version()} {cipher[0] if cipher else ''}".strip()
