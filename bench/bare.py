"""What everything is compared with: aiosmtpd as it comes, with a handler that only answers 250."""

import asyncio
import sys

from aiosmtpd.smtp import SMTP, Envelope, Session

MAX_SIZE = 64 << 20


class Nothing:
    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        return "250 OK"


async def serve(port: int) -> None:
    def factory() -> SMTP:
        return SMTP(Nothing(), data_size_limit=MAX_SIZE, enable_SMTPUTF8=True, hostname="bench.example")

    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
