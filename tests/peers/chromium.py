"""A sign-in in Chromium without a window, with third-party cookies blocked, driven by WebDriver (the standard library
alone). App, API and provider are three sites: addresses of this machine, which browsers trust as they do https."""

import base64
import http.server
import json
import re
import threading
import urllib.request
from pathlib import Path

from spa import Fault
from installation import wait_until

# The key under which the protocol names an element.
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
APP_HOST, THIRD_HOST = "127.0.0.2", "127.0.0.4"


class Page(http.server.BaseHTTPRequestHandler):
    """The app at every path; and, at the address of a third party, its cookie and who brought it."""

    def do_GET(self):
        if self.server.server_address[0] == THIRD_HOST:
            self.send("text/plain", self.headers.get("Cookie", "none"), self.of_third_party())
        elif self.path == "/settings.json":
            self.send("application/json", json.dumps(self.server.settings))
        else:
            self.send("text/html", Path(__file__).with_name("spa.html").read_text())

    def of_third_party(self):
        return {"Set-Cookie": "third=party; SameSite=None; Secure", "Access-Control-Allow-Credentials": "true",
                "Access-Control-Allow-Origin": self.headers.get("Origin", "null")}

    def send(self, kind, text, more=None):
        self.send_response(200)
        for name, value in {"Content-Type": kind, **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


def served(host, settings=None):
    """A server of pages, and its origin."""
    server = http.server.ThreadingHTTPServer((host, 0), Page)
    server.settings = settings
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://{host}:{server.server_port}"


class Chromium:
    """A browser with one page."""

    def __init__(self, installation):
        installation.peer("chromedriver", "--port=0")
        log = installation.folder / "chromedriver.log"
        told = re.compile(r"successfully on port (\d+)")
        wait_until(lambda: told.search(log.read_text()), "chromedriver")
        self.url = f"http://127.0.0.1:{told.search(log.read_text())[1]}/session"
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--window-size=900,600", f"--user-data-dir={installation.folder / 'chromium'}"]
        preferences = {"profile.block_third_party_cookies": True, "profile.cookie_controls_mode": 1}
        options = {"args": arguments, "prefs": preferences}
        made = self.call("POST", "", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}})
        self.url += "/" + made["sessionId"]

    def call(self, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)["value"]

    def go(self, url):
        self.call("POST", "/url", {"url": url})

    def run(self, script):
        """What a function with this body gives, or its promise."""
        return self.call("POST", "/execute/sync", {"script": script, "args": []})

    def element(self, selector):
        def is_there():
            return bool(self.call("POST", "/elements", wanted))

        wanted = {"using": "css selector", "value": selector}
        wait_until(is_there, f"{selector} in the browser, at {self.where()}")
        return "/element/" + self.call("POST", "/element", wanted)[ELEMENT]

    def click(self, selector):
        self.call("POST", self.element(selector) + "/click", {})

    def type(self, selector, text):
        self.call("POST", self.element(selector) + "/value", {"text": text})

    def where(self):
        return self.call("GET", "/url")

    def cookies(self):
        """All that it has, of whomever, as DevTools tell."""
        body = {"cmd": "Storage.getCookies", "params": {}}
        return self.call("POST", "/goog/cdp/execute", body)["cookies"]

    def picture(self, path):
        path.write_bytes(base64.b64decode(self.call("GET", "/screenshot")))

    def close(self):
        self.call("DELETE", "")


def require_blocking(chromium, app, third):
    """Makes sure that a third party gets no cookie although it has set one when it was the first."""
    for _ in range(2):
        chromium.go(third)
    as_first = chromium.run("return document.body.textContent")
    if as_first != "third=party":
        raise Fault(f"a first party gets {as_first}")
    chromium.go(app)
    asking = f"return fetch('{third}', {{ credentials: 'include' }}).then((response) => response.text())"
    as_third = chromium.run(asking)
    if as_third != "none":
        raise Fault(f"a third party gets {as_third}")


def sign_in(chromium, app, way, asks_for_consent=True):
    """Signs somebody in from the app's button to what it shows then, and gives that. `way` is who it is, and a
    folder for pictures."""
    who, pictures = way
    chromium.go(app)
    chromium.element("body[data-ready]")
    chromium.picture(pictures / "1-app.png")
    chromium.click("#sign-in")
    chromium.type("input[name=login]", who)
    chromium.type("input[name=password]", "of the provider")
    chromium.picture(pictures / "2-form.png")
    chromium.click("button[type=submit]")
    if asks_for_consent:
        chromium.element("input[name=prompt][value=consent]")
        chromium.picture(pictures / "3-consent.png")
        chromium.click("button[type=submit]")
    chromium.element("#state:not(:empty)")
    chromium.picture(pictures / "4-signed-in.png")
    return chromium.run("return document.querySelector('#state').textContent")
