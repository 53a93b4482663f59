"""A load balancer that gives each request to the next replica (the standard library alone)."""

import http.client
import http.server
import itertools
import threading


class Balancer:
    """Serves from its making on; `ports` are those of the replicas."""

    def __init__(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hop)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def share(self, ports):
        self.server.ports = itertools.cycle(ports)
        self.server.served = []


class Hop(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def hand_on(self):
        port = next(self.server.ports)
        self.server.served.append((port, self.path.split("?")[0]))
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        replica = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            replica.request(self.command, self.path, body, headers)
            answer = replica.getresponse()
            text = answer.read()
        finally:
            replica.close()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_OPTIONS = hand_on

    def log_message(self, *_):
        pass
