"""A stand-in for an inference server: it loads for a while, then answers a few requests at a time.

``GET /health`` is answered with 503 while it loads and 200 afterwards, ``GET /generate?tokens=N`` takes a time
that grows with N. To see what happens to experiments, ``GET /fault/exit`` ends it, and after ``GET /fault/hang``
it answers nothing any more.
"""

import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

LOAD_S = float(os.environ.get("LOAD_S", "0.5"))
MAX_NUM_SEQS = int(os.environ.get("MAX_NUM_SEQS", "2"))
S_PER_TOKEN = 0.002

loaded = threading.Event()
hung = threading.Event()
places = threading.Semaphore(MAX_NUM_SEQS)


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    def do_GET(self) -> None:
        """Answer, unless it hangs."""
        if hung.is_set():
            threading.Event().wait()
        url = urlsplit(self.path)
        if url.path == "/fault/exit":
            print("out of memory, says the server", flush=True)
            os._exit(3)
        if url.path == "/fault/hang":
            hung.set()
        if not loaded.is_set():
            self.answer(503, {"status": "loading the model"})
        elif url.path == "/generate":
            tokens = int(parse_qs(url.query)["tokens"][0])
            with places:
                time.sleep(tokens * S_PER_TOKEN)
            self.answer(200, {"tokens": tokens})
        else:
            self.answer(200, {"status": "ok"})

    def answer(self, status: int, what: dict[str, object]) -> None:
        """Send a status and a JSON object."""
        body = json.dumps(what).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def load() -> None:
    """Pretend to load a model."""
    time.sleep(LOAD_S)
    loaded.set()


threading.Thread(target=load, daemon=True).start()
print(f"serving {MAX_NUM_SEQS} at a time", flush=True)
ThreadingHTTPServer(("", 8765), Handler).serve_forever()
