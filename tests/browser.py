"""A real browser, and a server that notices what it is asked for."""

import re
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import pytest

PATIENCE: Final = 30.0  # seconds

_LEAK: Final = re.compile(r"/leak/([0-9]+)")
# What a reader may do to a page, all of it, but for following links that lead elsewhere.
_TOUCH: Final = """async () => {
    for (const frame of document.querySelectorAll('iframe')) {
        let page;
        try { page = frame.contentDocument; } catch { continue; }
        for (const element of page ? page.querySelectorAll('*') : []) {
            for (const kind of ['mouseover', 'mousemove', 'pointerover', 'focus', 'mousedown'])
                element.dispatchEvent(new MouseEvent(kind, {bubbles: true}));
            const link = (element.href && element.href.baseVal) || element.href || '';
            if (!/^https?:/.test(link))
                element.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}));
        }
    }
    await new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    await fetch('/settled');
}"""
_RAN: Final = "() => Object.keys(window).filter(name => /^ran[0-9]+$/.test(name)).map(name => Number(name.slice(3)))"


class Site:
    """Serves numbered pages, and `/`, which has them all in frames. `leaked` are the numbers of the pages that asked
    for their `/leak/NUMBER`.
    """

    def __init__(self) -> None:
        self.pages: list[str] = []
        self.leaked: set[int] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.host = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def page(self, path: str) -> str:
        """What is at `path`. Raises IndexError and ValueError where nothing is."""
        if path == "/":
            return "<!doctype html>" + "".join(f'<iframe src="/{n}"></iframe>' for n in range(len(self.pages)))
        return f"<!doctype html><meta charset=utf-8><body>{self.pages[int(path[1:])]}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if found := _LEAK.match(self.path):
                    site.leaked.add(int(found[1]))
                try:
                    body = site.page(self.path).encode()
                except (IndexError, ValueError):
                    body = b""
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


class Reader:
    """Somebody who opens pages, and touches all that is on them."""

    def __init__(self, browser: Any, site: Site) -> None:
        self._browser, self.site = browser, site

    def betrayed_by(self, pages: Mapping[str, str], *, expected: int = 0) -> set[str]:
        """The names of the pages that ran something (`top.ranNUMBER=1`, NUMBER being their place among the pages) or
        asked for `/leak/NUMBER`. Waits for as many as are `expected`.
        """
        self.site.pages, self.site.leaked = list(pages.values()), set()
        names = list(pages)
        page = self._browser.new_page()
        try:
            page.goto(f"http://{self.site.host}/", wait_until="load")
            page.evaluate(_TOUCH)
            deadline = time.monotonic() + PATIENCE
            while True:
                betrayed = {names[number] for number in self.site.leaked.union(page.evaluate(_RAN))}
                if len(betrayed) >= expected or time.monotonic() > deadline:
                    return betrayed
                page.wait_for_timeout(20)
        finally:
            page.close()


@contextmanager
def chromium() -> Iterator[Reader]:
    """Skips where there is no Chromium, or no Playwright to drive it."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: uv sync --group browser")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("chromium is not installed")
    site = Site()
    try:
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            try:
                yield Reader(browser, site)
            finally:
                browser.close()
    finally:
        site.close()
