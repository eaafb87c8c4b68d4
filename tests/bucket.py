"""A bucket on loopback, and the environment that leads there."""

import os
import urllib.request
from collections.abc import Iterator
from uuid import uuid4

import pytest


@pytest.fixture(scope="module")
def bucket_endpoint() -> Iterator[str]:
    moto = pytest.importorskip("moto.server", reason="moto is not installed: uv sync --group s3")
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket_url(bucket_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket's, as the settings name it."""
    for variable in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket_endpoint)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "intake")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    bucket = f"mail-{uuid4().hex}"
    urllib.request.urlopen(urllib.request.Request(f"{bucket_endpoint}/{bucket}", method="PUT")).close()
    return f"s3://{bucket}/of/support"
