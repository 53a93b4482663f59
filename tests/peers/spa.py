"""A single-page app without a window, and the browser that it runs in (the standard library alone)."""

import base64
import hashlib
import html
import http.cookiejar
import re
import secrets
import ssl
import urllib.error
import urllib.request
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from installation import Client


class Fault(Exception):
    """Something that nobody may do on a round trip."""


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Browser:
    """Follows redirects and fills in forms, from wherever to the app. Its cookies are the providers' alone."""

    def __init__(self, api, app, proxy=None, authority=None):
        self.api, self.app = api, app
        self.codes, self.last_form = [], None
        handlers = [NoRedirect, urllib.request.ProxyHandler({"https": proxy} if proxy else {})]
        if authority:
            handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=authority)))
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.of_api = urllib.request.build_opener(*handlers)
        self.of_providers = urllib.request.build_opener(jar, *handlers)

    def go(self, url, who=""):
        """Where it ends in the app, once `who` has signed in wherever a form asks for that."""
        data = None
        for _ in range(20):
            if url.startswith(self.app):
                return url
            self.codes += parse_qs(urlsplit(url).query).get("code", [])
            to, page = self.visited(url, data)
            url, data = (urljoin(url, to), None) if to else self.filled_in((url, page), who)
        raise Fault(f"it goes on and on: {url}")

    def visited(self, url, data):
        """Where a page leads, and what stands on it."""
        is_api = url.startswith(self.api)
        opener = self.of_api if is_api else self.of_providers
        try:
            response = opener.open(url, data, timeout=30)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            if is_api:
                require_silent(response.status, response.headers)
            return response.headers.get("location"), response.read().decode()

    def filled_in(self, at, who):
        """Where the form of a page at an address goes, and with what."""
        url, page = at
        action = re.search(r'<form[^>]* action="([^"]+)"', page)
        if action is None:
            raise Fault(f"neither a form nor a way on: {page[:500]}")
        fields = {}
        for tag in re.findall(r"<input[^>]*>", page):
            of_tag = dict(re.findall(r'(\w+)="([^"]*)"', tag))
            if "name" in of_tag:
                fields[of_tag["name"]] = html.unescape(of_tag.get("value", ""))
        if "password" in fields:
            fields |= {"username" if "username" in fields else "login": who, "password": "of the provider"}
        self.last_form = urljoin(url, html.unescape(action[1])), urlencode(fields).encode()
        return self.last_form


def require_silent(status, headers):
    """Rollcall sends browsers on, and leaves nothing in them."""
    wanted = (303, "no-store", "no-referrer")
    if (status, headers.get("cache-control"), headers.get("referrer-policy")) != wanted:
        raise Fault(f"a browser got {status} with {dict(headers)}")
    require_no_cookie(headers)


def require_no_cookie(headers):
    if headers.get("set-cookie"):
        raise Fault("Rollcall set a cookie")


class Trip:
    """One round trip of the app: a verifier, its start, and what is made of its end."""

    def __init__(self, port, connection):
        self.client = Client(port)
        self.connection = connection
        self.verifier = secrets.token_urlsafe(48)

    def start(self, **more):
        challenge = base64url(hashlib.sha256(self.verifier.encode()).digest())
        body = {"connection_id": self.connection, "challenge": challenge, **more}
        answer = self.client.call("POST", "/v1/sign-in/start", body)
        require_no_cookie(answer.headers)
        if answer.status != 200:
            raise Fault(f"start: {answer.status} {answer.body}")
        return answer.body["authorization_url"]

    def exchange(self, end, verifier=None):
        """The answer to the ticket in the fragment of an address."""
        ticket = parse_qs(urlsplit(end).fragment)["ticket"][0]
        body = {"ticket": ticket, "verifier": verifier or self.verifier}
        answer = self.client.call("POST", "/v1/sign-in/exchange", body)
        require_no_cookie(answer.headers)
        return answer

    def account(self, exchanged):
        return self.client.call("GET", "/v1/me", token=exchanged.body["access_token"]).body
