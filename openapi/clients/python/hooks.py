"""What schemathesis is told of Rollcall: ids that exist, whom it asks as, and what nobody else may see.

CALLER is who asks: `admin` of the organization whose ids are given, `other`, the admin of a second one, or `stranger`,
who has no credential.
"""

import json
import os
import time
from itertools import count
from typing import Any
from urllib.request import Request, urlopen
from uuid import UUID

import schemathesis

BASE_URL = os.environ["BASE_URL"]
CALLER = os.environ["CALLER"]
PASSWORD = "seven green ducks 7"
# Stands in every name that the first organization gives, and so in nothing that others are told.
MARK = "Quetzalcoatl"
# These end the session or the organization that the rest is asked with: each request has a caller of its own.
ENDS_CALLER = {"change_password", "delete_me", "delete_organization", "end_all_my_sessions", "end_my_session"}
numbers = count()


def call(path: str, body: Any = None, token: str | None = None, kind: str = "application/json") -> Any:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode() if body is not None else None
    headers = {"Content-Type": kind} | ({"Authorization": f"Bearer {token}"} if token else {})
    with urlopen(Request(BASE_URL + path, data, headers)) as response:
        return json.load(response)


def register(name: str) -> str:
    email = f"{name}-{next(numbers)}@schemathesis.example"
    registered = call("/v1/auth/register", {"email": email, "password": PASSWORD, "username": name})
    return str(registered["access_token"])


def found(token: str, name: str) -> dict[str, list[str]]:
    """Founds an organization with something of everything; returns the ids by the names of their parameters."""
    school = call("/v1/organizations", {"name": f"{name} School", "kind": "school"}, token)["id"]
    below = f"/v1/organizations/{school}"
    group = call(f"{below}/groups", {"name": f"{name} 7A"}, token)["id"]
    people = {"usernames": [f"{name} {number}" for number in range(5)], "account_type": "student"}
    imported = call(f"{below}/imports/usernames", people, token)["id"]
    while call(f"{below}/imports/{imported}", token=token)["finished_at"] is None:
        time.sleep(0.2)
    members = call(f"{below}/members", token=token)["items"]
    invitation = {"emails": [f"{name}@invited.example"], "account_type": "student", "note": name}
    invited = call(f"{below}/invitations", invitation, token)["results"][0]["invitation_id"]
    key = call(f"{below}/api-keys", {"name": name, "scopes": ["members:read"]}, token)["id"]
    return {
        "organization_id": [school],
        "group_id": [group],
        "import_id": [imported],
        "account_id": [member["account_id"] for member in members],
        "invitation_id": [invited],
        "api_key_id": [key],
    }


owner = register(MARK)
theirs = found(owner, MARK)
other = register("Ben")
own = found(other, "Ben")
token = {"admin": owner, "other": other, "stranger": None}[CALLER]


def known(name: str, value: Any) -> Any:
    """An id that exists, in place of most of those that were made up: which one, the made-up id decides."""
    name = {"account_ids": "account_id", "group_ids": "group_id"}.get(name, name)
    if isinstance(value, list):
        return [known(name, item) for item in value]
    try:
        number = UUID(value).int
    except (AttributeError, TypeError, ValueError):
        return value
    # Who is of another organization also asks for what is below its own.
    ids = own if CALLER == "other" and name == "organization_id" and number % 3 == 0 else theirs
    if name not in ids or number % 10 == 9:
        return value
    return ids[name][number % len(ids[name])]


@schemathesis.hook
def map_path_parameters(ctx: Any, path_parameters: Any) -> Any:
    return {name: known(name, value) for name, value in (path_parameters or {}).items()}


@schemathesis.hook
def map_body(ctx: Any, body: Any) -> Any:
    return {name: known(name, value) for name, value in body.items()} if isinstance(body, dict) else body


@schemathesis.hook
def map_query(ctx: Any, query: Any) -> Any:
    return {name: known(name, value) for name, value in query.items()} if isinstance(query, dict) else query


@schemathesis.hook
def before_call(ctx: Any, case: Any, kwargs: Any) -> None:
    # A blank parameter is an absent one, whatever its type: what is wrong for the type stands in its place.
    for name, value in (case.query or {}).items():
        if value == "":
            case.query[name] = "blank"
    operation = case.operation.definition.raw["operationId"]
    if operation in ENDS_CALLER and token and case.headers.get("Authorization") == f"Bearer {token}":
        case.headers["Authorization"] = f"Bearer {register('Guest')}"


@schemathesis.check
def tells_nobody_else(ctx: Any, response: Any, case: Any) -> None:
    """What is of an organization is for its people: nobody else changes it, or is told of it."""
    if CALLER == "admin":
        return
    sent = set((case.path_parameters or {}).values())
    foreign = sent & {item for ids in theirs.values() for item in ids}
    assert not (foreign and response.status_code < 400), f"{response.status_code} for ids of another organization"
    shown = response.content.decode(errors="replace")
    assert MARK not in shown or MARK in str(case.as_curl_command()), "a name of another organization is shown"


@schemathesis.auth(refresh_interval=None)
class Caller:
    def get(self, case: Any, ctx: Any) -> str | None:
        return token

    def set(self, case: Any, data: str | None, ctx: Any) -> None:
        if data is not None:
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}
