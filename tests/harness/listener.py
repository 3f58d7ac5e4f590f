"""An HTTP server of the tests: a scrape target, or the receiver of a webhook."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Listener:
    """Listens on a free port. Answers a GET with the text that `page` returns; keeps each POST in `kept` as (time of arrival,
    parsed JSON)."""

    def __init__(self, page=lambda: ""):
        self.kept: list[tuple[float, dict]] = []
        kept = self.kept

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = page().encode()
                self.send_response(200)
                self.send_header("content-type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                now = time.time()
                kept.append((now, json.loads(self.rfile.read(int(self.headers["content-length"])))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.address}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def end(self) -> None:
        self.server.shutdown()
        self.server.server_close()
