"""What the runs of single sign-on share: an installation with a school that people sign in to by an identity provider,
and a line for each thing that was tried."""

import json
import signal
import sqlite3
import threading
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import chromium
from balancer import Balancer
from installation import Client, Replica, wait_until
from spa import Browser, Fault, Trip

DOMAIN = "hill-road.example"
SIGNED_IN, WITHOUT_ADDRESS = "signed in", "signed in without an address"
ASKED_ANEW = "asked to start anew"


class Trips:
    """An installation, and a school in it. `kind` is that of its connections. With `replicas`, each request goes to
    the next of them."""

    kind = "oidc"

    def __init__(self, database, installation, replicas=1):
        self.database, self.installation = database, installation
        self.lock, self.wrong = threading.Lock(), 0
        self.servers = [Replica(installation, f"server-{number}") for number in range(replicas)]
        self.balancer = Balancer() if replicas > 1 else None
        self.port = self.balancer.port if self.balancer else self.servers[0].port
        self.api = f"http://127.0.0.1:{self.port}"
        self.pages, self.app = chromium.served(chromium.APP_HOST, {"api": self.api})
        installation.settings |= {
            "ROLLCALL_SPA_URL": self.app,
            "ROLLCALL_OUTBOUND_ALLOW": "127.0.0.0/8",
            # One address makes all trips of this run.
            "ROLLCALL_LIMIT_SIGN_IN_FLOW": "off",
            **self.more_settings(),
        }
        if self.balancer:
            installation.settings["ROLLCALL_PUBLIC_URL"] = self.api
            self.balancer.share([server.port for server in self.servers])
        installation.processes += self.servers
        self.serve()
        self.token = installation.operator(self.port)
        self.school = self.made("/v1/organizations", {"name": "Hill Road School", "kind": "school"})["id"]
        domain = self.made(self.path("/domains"), {"domain": DOMAIN})["id"]
        self.made(self.path(f"/domains/{domain}"), {"vouched": True}, method="PATCH")

    def more_settings(self):
        return {}

    def serve(self):
        for server in self.servers:
            server.start()
            wait_until(server.is_ready, f"{server.name} to be ready")

    def end(self):
        for server in self.servers:
            server.end(signal.SIGTERM)

    def path(self, more):
        return f"/v1/organizations/{self.school}{more}"

    def made(self, path, body=None, method="POST"):
        answer = Client(self.port).call(method, path, body, token=self.token)
        if answer.status >= 300:
            raise Fault(f"{path}: {answer.status} {answer.body}")
        return answer.body

    def tell(self, name, expected, came):
        holds = came.endswith(expected)
        with self.lock:
            self.wrong += not holds
            columns = f"{self.database:<10}  {name:<40}  {expected:<42}  {came:<42}"
            print(f"{columns}  {'ok' if holds else 'FAILED'}", flush=True)

    def attempt(self, name, expected, deed, *arguments):
        """Tells what comes of a deed; a fault on the way is what came."""
        try:
            came = deed(*arguments)
        except (Fault, OSError, KeyError) as fault:
            came = f"{type(fault).__name__}: {fault}"
        self.tell(name, expected, came)

    def browser(self):
        return Browser(self.api, self.app)

    def connection(self, name, **more):
        return self.made(self.path("/connections"), {"name": name, "kind": self.kind, **more})

    def tested(self, connection, browser=None, who=""):
        """Has a test made of a connection, and gives how it went."""
        path = self.path(f"/connections/{connection['id']}/tests")
        begun = self.made(path)
        end = (browser or self.browser()).go(begun["start_url"], who)
        if end.partition("?")[0] != f"{self.app}/sign-in/tested":
            raise Fault(f"a test ends at {end}")
        test = self.made(f"{path}/{begun['id']}", method="GET")
        if test["status"] == "failed":
            return f"test failed at {test['steps'][-1]['name']}"
        return f"test {test['status']}"

    def activated(self, connection, browser=None, who=""):
        """The connection, tested and active."""
        result = self.tested(connection, browser, who)
        if result != "test passed":
            raise Fault(result)
        return self.made(self.path(f"/connections/{connection['id']}/activate"))

    def outcome(self, trip, came, address):
        """What comes of a trip that ended somewhere, having carried these secrets."""
        end, secrets = came
        place, query = urlsplit(end), parse_qs(urlsplit(end).query)
        if place.path == "/sign-in" and query == {"connection": [trip.connection]}:
            return ASKED_ANEW
        if place.path == "/sign-in":
            return self.refusal(query["problem"][0], query["reference"][0], secrets)
        exchanged = trip.exchange(end)
        if exchanged.status != 200:
            return f"{exchanged.field('code')} at the exchange"
        account = trip.account(exchanged)
        if (account["email"], account["email_verified"]) == (address, True):
            return SIGNED_IN
        return WITHOUT_ADDRESS if account["email"].endswith(".invalid") else f"signed in as {account['email']}"

    def refusal(self, problem, reference, secrets):
        """The code of a refusal and the step that it is for; its diagnosis tells admins, and no secret."""
        diagnosis = self.made(self.path(f"/diagnoses/{reference}"), method="GET")
        text = json.dumps(diagnosis)
        if any(secret in text for secret in [*secrets, "of-the-provider", "eyJ"]):
            raise Fault(f"a secret stands in {text}")
        last = diagnosis["steps"][-1]
        if (diagnosis["code"], last["result"]) != (problem, "failed") or not last["advice"]:
            raise Fault(f"another refusal is told than {problem}: {text}")
        return f"{problem} at {last['name']}"

    def round_trip(self, connection, who):
        """Signs somebody in twice, and tries what is good once a second time."""
        browser = self.browser()
        for outcome in ("account_created", "signed_in"):
            trip = Trip(self.port, connection["id"])
            end = browser.go(trip.start(return_to="/groups?tab=1"), who)
            exchanged = trip.exchange(end) if "ticket=" in end else None
            if exchanged is None:
                return self.outcome(trip, (end, []), who)
            told = exchanged.field("outcome"), exchanged.field("return_to"), exchanged.field("confined_to")
            if told != (outcome, "/groups?tab=1", None):
                raise Fault(f"exchange: {exchanged.status} {exchanged.body}")
            if trip.exchange(end).field("code") != "ticket_invalid":
                raise Fault("a ticket is good twice")
        trip = Trip(self.port, connection["id"])
        end = browser.go(trip.start(), who)
        foreign = trip.exchange(end, verifier="of-another-browser-" * 3)
        if foreign.field("code") != "verifier_wrong":
            raise Fault(f"another browser's verifier: {foreign.status} {foreign.body}")
        trip = Trip(self.port, connection["id"])
        return self.outcome(trip, (browser.go(trip.start(), who), []), who)

    def initiated(self, connection, address):
        """What comes of a tile of a portal: it has the app start."""
        browser = self.browser()
        end = browser.go(f"{self.api}/v1/sso/initiate/{connection['id']}")
        if end != f"{self.app}/sign-in?connection={connection['id']}":
            raise Fault(f"a tile leads to {end}")
        trip = Trip(self.port, connection["id"])
        return self.outcome(trip, (browser.go(trip.start()), []), address)

    def hops(self, of_a_trip):
        """Whether each hop of a trip was served by another replica than the one before."""
        served = [(hop, port) for port, path in self.balancer.server.served for hop in of_a_trip if hop in path.split("/")]
        handed_over = {(hop, after) for (hop, port), (after, other) in pairwise(served) if port != other}
        alone = set(pairwise(of_a_trip)) - handed_over
        return f"one replica alone served {alone}" if alone else "hops by one after the other"

    def people(self):
        """How many accounts, identities and sessions there are."""
        counts = [f"(SELECT count(*) FROM {table})" for table in ("accounts", "identities", "sessions")]
        statement = "SELECT " + ", ".join(counts)
        if self.installation.postgres:
            return tuple(int(number) for number in self.installation.postgres.sql(statement)[0])
        file = next((self.installation.folder / "data").glob("*.sqlite"))
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
            return database.execute(statement).fetchone()

    def logged(self):
        """What the logs hold of errors, and of what is secret: states, tickets, tokens, codes, the client's secret."""
        unwanted = '"level":"ERROR"', "rcf_", "rcx_", "eyJ", "code=", "of-the-provider", "SAMLResponse="
        for server in self.servers:
            found = [word for word in unwanted if word in server.log.read_text()]
            if found:
                return f"{found} in {server.log}"
        return "no error and no secret"
