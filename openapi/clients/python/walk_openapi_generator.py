"""The way of a school, by the client that openapi-generator makes of the document."""

import csv
import sys
import time
from io import StringIO

from rollcall_openapi_generator import (
    AccountType,
    ApiClient,
    ApiException,
    Configuration,
    CreateInvitationsRequest,
    CreateOrganizationRequest,
    ImportsApi,
    InvitationsApi,
    InviteCodeRequest,
    InviteCodesApi,
    JoiningByACodeApi,
    LoginRequest,
    MembersApi,
    MyAccountApi,
    OrganizationKind,
    OrganizationsApi,
    Problem,
    ProblemCode,
    RegisterRequest,
    SigningInApi,
)

BASE_URL = sys.argv[1]
PASSWORD = "seven green ducks 7"
anonymous = ApiClient(Configuration(host=BASE_URL))


def signed_in(token: str) -> ApiClient:
    return ApiClient(Configuration(host=BASE_URL, access_token=token))


def register(email: str, username: str) -> ApiClient:
    body = RegisterRequest(email=email, password=PASSWORD, username=username)
    registered = SigningInApi(anonymous).register_account(body)
    assert registered.access_token is not None
    return signed_in(registered.access_token)


admin = register("ann@generator.example", "Ann")
body = CreateOrganizationRequest(name="Hill Road School", kind=OrganizationKind.SCHOOL)
school = OrganizationsApi(admin).create_organization(body).id

imports = ImportsApi(admin)
people = ("people.csv", b"email,password,username\nbob@generator.example,,Bob\n")
latest = imports.create_import(school, AccountType.STUDENT, people, generate_missing_passwords=True)
while latest.finished_at is None:
    time.sleep(0.2)
    latest = imports.get_import(school, latest.id)
assert latest.counts.created == 1, latest
userlist = imports.download_userlist(school, latest.id)
given = next(csv.DictReader(StringIO(userlist)))["password"]
tokens = SigningInApi(anonymous).login(LoginRequest(email="bob@generator.example", password=given))
memberships = MyAccountApi(signed_in(tokens.access_token)).list_my_memberships().items
assert memberships[0].organization.id == school, memberships

invitation = CreateInvitationsRequest(emails=["eve@generator.example"], account_type=AccountType.STUDENT)
invited = InvitationsApi(admin).create_invitations(school, invitation)
assert len(invited.results) == 1, invited

code = InviteCodesApi(admin).get_invite_code(school).code
joiner = register("joe@generator.example", "Joe")
joined = JoiningByACodeApi(joiner).redeem_invite_code(InviteCodeRequest(code=code))
assert joined.outcome == "joined", joined

members = MembersApi(admin).list_members(school).items
expected = {"ann@generator.example", "bob@generator.example", "joe@generator.example"}
assert expected <= {member.email for member in members}, members

try:
    SigningInApi(anonymous).login(LoginRequest(email="ann@generator.example", password="wrong"))
except ApiException as refused:
    assert isinstance(refused.data, Problem) and refused.data.code == ProblemCode.WRONG_CREDENTIALS, refused
else:
    raise AssertionError("a wrong password was taken")
