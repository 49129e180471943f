"""A server that stands in for one of a model: it takes any arguments, and answers every path after a moment.

It runs in the containers of the tests under many names. Of its arguments it reads ``--port N``, ``--port=N`` and
``--http-port N``; else its port is that of the environment.
"""

import http.server
import json
import os
import re
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with who it is, and how it was called."""

    def do_GET(self):
        body = json.dumps({"path": self.path, "arguments": sys.argv, "user": os.getuid()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *words):
        pass


def main():
    line = " ".join(sys.argv[1:])
    found = re.search(r"--(?:http-)?port[ =](\d+)", line)
    port = int(found[1] if found else os.environ["STANDIN_PORT"])
    server = http.server.ThreadingHTTPServer(("", port), Handler)
    print(f"{sys.argv[0]}: listening on port {port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
