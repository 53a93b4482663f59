"""The way of a school, by the client that openapi-python-client makes of the document."""

import csv
import sys
import time
from io import BytesIO, StringIO
from typing import TypeVar

from rollcall_client import AuthenticatedClient, Client
from rollcall_client.api.imports import create_import, download_userlist, get_import
from rollcall_client.api.invitations import create_invitations
from rollcall_client.api.invite_codes import get_invite_code
from rollcall_client.api.joining_by_a_code import redeem_invite_code
from rollcall_client.api.members import list_members
from rollcall_client.api.my_account import list_my_memberships
from rollcall_client.api.organizations import create_organization
from rollcall_client.api.signing_in import login, register_account
from rollcall_client.models import (
    AccountType,
    CreateInvitationsRequest,
    CreateOrganizationRequest,
    ImportUpload,
    InviteCodeRequest,
    LoginRequest,
    OrganizationKind,
    Problem,
    ProblemCode,
    RegisterRequest,
)
from rollcall_client.types import File

BASE_URL = sys.argv[1]
PASSWORD = "seven green ducks 7"
T = TypeVar("T")


def taken(answer: T | Problem | None) -> T:
    assert answer is not None and not isinstance(answer, Problem), answer
    return answer


anonymous = Client(base_url=BASE_URL)


def register(email: str, username: str) -> AuthenticatedClient:
    body = RegisterRequest(email=email, password=PASSWORD, username=username)
    registered = taken(register_account.sync(client=anonymous, body=body))
    return signed_in(registered.access_token)


def signed_in(token: str) -> AuthenticatedClient:
    return AuthenticatedClient(base_url=BASE_URL, token=token)


admin = register("ann@python.example", "Ann")
body = CreateOrganizationRequest(name="Hill Road School", kind=OrganizationKind.SCHOOL)
school = taken(create_organization.sync(client=admin, body=body)).id

people = b"email,password,username\nbob@python.example,,Bob\n"
upload = ImportUpload(
    file=File(payload=BytesIO(people), file_name="people.csv"),
    account_type=AccountType.STUDENT,
    generate_missing_passwords=True,
)
latest = taken(create_import.sync(school, client=admin, body=upload))
while latest.finished_at is None:
    time.sleep(0.2)
    latest = taken(get_import.sync(school, latest.id, client=admin))
assert latest.counts.created == 1, latest
userlist = taken(download_userlist.sync(school, latest.id, client=admin))
given = next(csv.DictReader(StringIO(userlist)))["password"]
tokens = taken(login.sync(client=anonymous, body=LoginRequest(email="bob@python.example", password=given)))
memberships = taken(list_my_memberships.sync(client=signed_in(tokens.access_token))).items
assert memberships[0].organization.id == school, memberships

invitation = CreateInvitationsRequest(emails=["eve@python.example"], account_type=AccountType.STUDENT)
invited = taken(create_invitations.sync(school, client=admin, body=invitation))
assert len(invited.results) == 1, invited

code = taken(get_invite_code.sync(school, client=admin)).code
joiner = register("joe@python.example", "Joe")
joined = taken(redeem_invite_code.sync(client=joiner, body=InviteCodeRequest(code=code)))
assert joined.outcome == "joined", joined

members = taken(list_members.sync(school, client=admin)).items
assert {"ann@python.example", "bob@python.example", "joe@python.example"} <= {it.email for it in members}

refused = login.sync(client=anonymous, body=LoginRequest(email="ann@python.example", password="wrong"))
assert isinstance(refused, Problem) and refused.code == ProblemCode.WRONG_CREDENTIALS, refused
