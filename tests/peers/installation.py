"""What the runs against other programs stand on: a throw-away database, replicas of Rollcall, and requests.

Everything is made in a temporary folder and ends with `Installation.close`.
"""

import glob
import http.client
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "two silver foxes 22"


def program(name):
    """A program on the path, or where Debian and PostgreSQL put what users do not call."""
    places = ["/usr/sbin", *sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)]
    found = shutil.which(name) or next((f"{place}/{name}" for place in places if os.path.isfile(f"{place}/{name}")), None)
    if found is None:
        raise SystemExit(f"{name} is not installed")
    return found


def free_ports(count):
    """Ports below those that systems give to clients, so that nobody takes one while its server is away."""
    ports = []
    for port in range(20_000 + os.getpid() % 10_000, 32_000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                ports.append(port)
            except OSError:
                continue
        if len(ports) == count:
            return ports
    raise SystemExit("no port is free")


def wait_until(is_so, what, seconds=60):
    """Waits until it is so."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {seconds} seconds for {what}")
        time.sleep(0.05)


class Postgres:
    """A cluster of its own. Its data has to outlive no crash of the machine, only those of Rollcall."""

    def __init__(self, folder):
        self.port = free_ports(1)[0]
        self.folder = folder
        self.as_user = {}
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            self.as_user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            folder.parent.chmod(0o711)
        folder.mkdir()
        if self.as_user:
            os.chown(folder, account.pw_uid, account.pw_gid)
        self.run("initdb", "-D", "data", "-U", "rollcall", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self.run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, "start")
        self.url = f"postgres://rollcall@127.0.0.1:{self.port}/rollcall"
        self.sql("CREATE DATABASE rollcall", "postgres")

    def run(self, name, *arguments):
        quiet = {"stdout": subprocess.DEVNULL, "cwd": self.folder, "env": {"LC_ALL": "C", "TZ": "UTC"}}
        subprocess.run([program(name), *arguments], check=True, **quiet, **self.as_user)

    def sql(self, statement, database="rollcall"):
        """The rows of a statement, each a list of texts."""
        url = f"postgres://rollcall@127.0.0.1:{self.port}/{database}"
        command = [program("psql"), "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", statement]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return [line.split("\t") for line in out.splitlines()]

    def number(self, statement):
        return int(self.sql(statement)[0][0])

    def close(self):
        self.run("pg_ctl", "-D", "data", "-w", "-m", "immediate", "stop")


class Replica:
    """A server that comes and goes on one port."""

    def __init__(self, installation, name):
        self.installation = installation
        self.name = name
        self.port = free_ports(installation.replicas_made + 1)[-1]
        installation.replicas_made += 1
        self.log = installation.folder / f"{name}.log"
        self.process = None

    def start(self):
        settings = {"ROLLCALL_LISTEN": f"127.0.0.1:{self.port}", "ROLLCALL_DATA_DIR": self.installation.data_of(self.name)}
        with self.log.open("a") as log:
            environment = {**self.installation.settings, **settings}
            self.process = subprocess.Popen([self.installation.binary, "serve"], env=environment, stderr=log,
                                            stdout=subprocess.DEVNULL, cwd=self.installation.folder)

    def is_ready(self):
        try:
            return Client(self.port, timeout=2).call("GET", "/health/ready").status == 200
        except OSError:
            return False

    def signal(self, number):
        self.process.send_signal(number)

    def end(self, number):
        """Ends it by a signal, and gives the status that it ended with."""
        self.process.send_signal(number)
        return self.process.wait(60)

    def lines(self):
        """What it has logged."""
        for line in self.log.read_text().splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                yield {"level": "ERROR", "message": line}


class Installation:
    """A folder with keys, PostgreSQL unless the database is to be SQLite, and the settings of every replica."""

    def __init__(self, binary, database="PostgreSQL"):
        self.binary = str(Path(binary).resolve())
        self.folder = Path(tempfile.mkdtemp(prefix="rollcall-peers-"))
        self.replicas_made = 0
        self.is_kept = False
        self.processes = []
        self.postgres = Postgres(self.folder / "postgres") if database == "PostgreSQL" else None
        signing, sealing = self.folder / "signing.pem", self.folder / "sealing.key"
        run = [program("openssl"), "genpkey", "-algorithm", "ed25519", "-out", signing]
        subprocess.run(run, check=True, capture_output=True)
        subprocess.run([program("openssl"), "rand", "-base64", "-out", sealing, "32"], check=True)
        sealing.chmod(0o600)
        self.settings = {
            "ROLLCALL_SIGNING_KEY_FILE": str(signing),
            "ROLLCALL_SEALING_KEY_FILE": str(sealing),
            "ROLLCALL_LOG_FORMAT": "json",
            "PATH": os.environ["PATH"],
        }
        if self.postgres:
            self.settings["ROLLCALL_DATABASE_URL"] = self.postgres.url

    def data_of(self, name):
        """The folder for the data of one process; on SQLite, that of all."""
        return str(self.folder / (name if self.postgres else "data"))

    def command(self, *arguments, text=None):
        """Runs a command of Rollcall."""
        settings = {**self.settings, "ROLLCALL_DATA_DIR": self.data_of("command")}
        subprocess.run([self.binary, *arguments], env=settings, input=text, text=True, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder)

    def replica(self, name):
        """A server that is started and ready."""
        replica = Replica(self, name)
        replica.start()
        self.processes.append(replica)
        wait_until(replica.is_ready, f"{name} to be ready")
        return replica

    def peer(self, *command):
        """Another program, for as long as this installation."""
        log = (self.folder / f"{Path(command[0]).name}.log").open("a")
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder)
        self.processes.append(process)
        return process

    def operator(self, port):
        """A signed-in operator's token."""
        self.command("operator", "create", "--email", "operator@rollcall.example", "--username", "Olive Operator",
                     text=PASSWORD + "\n")
        body = {"email": "operator@rollcall.example", "password": PASSWORD}
        return Client(port).call("POST", "/v1/auth/login", body).body["access_token"]

    def close(self):
        for process in self.processes:
            process = getattr(process, "process", process)
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()
        if self.postgres:
            self.postgres.close()
        if self.is_kept:
            print(f"kept: {self.folder}")
            return
        shutil.rmtree(self.folder, ignore_errors=True)


class Answer:
    """A response; whose it is tells the header that Rollcall gives to each of its own."""

    def __init__(self, response):
        text = response.read()
        self.status = response.status
        self.headers = response.headers
        self.is_ours = "X-Request-Id" in response.headers
        is_json = "json" in response.headers.get("Content-Type", "")
        self.body = json.loads(text) if is_json else text.decode()

    def field(self, name):
        return self.body.get(name) if isinstance(self.body, dict) else None


class Client:
    """A caller with one connection, which comes from an address of its own where one is named."""

    def __init__(self, port, source="127.0.0.1", timeout=30, host="127.0.0.1"):
        self.host, self.port, self.source, self.timeout = host, port, source, timeout
        self.connection = None

    def call(self, method, path, body=None, token=None, key=None, form=None):
        """Sends a request once. What comes instead of an answer is an `OSError`."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if key:
            headers["Idempotency-Key"] = key
        data = None
        if form is not None:
            data, headers["Content-Type"] = form
        elif body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.host, self.port, self.timeout,
                                                         source_address=(self.source, 0))
        try:
            self.connection.request(method, path, data, headers)
            return Answer(self.connection.getresponse())
        except (http.client.HTTPException, OSError) as error:
            self.connection.close()
            self.connection = None
            raise OSError(f"{type(error).__name__}: {error}") from error


def form(fields, file):
    """A form with a file, as `Client.call` takes it."""
    boundary = "rollcall-form-boundary"
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
             for name, value in fields.items()]
    parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="people.csv"\r\n'
                 f"Content-Type: text/csv\r\n\r\n{file}\r\n--{boundary}--\r\n")
    return "".join(parts).encode(), f"multipart/form-data; boundary={boundary}"
