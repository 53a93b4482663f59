// The way of a school, by the client that hey-api makes of the document.

import assert from "node:assert/strict";
import { createClient, createConfig } from "./hey-api/client/index.js";
import * as rollcall from "./hey-api/index.js";

const baseUrl = process.argv[2];
assert(baseUrl, "the URL of the server is needed");
const password = "seven green ducks 7";

const anonymous = createClient(createConfig({ baseUrl }));

function signedIn(accessToken: string) {
  return createClient(createConfig({ baseUrl: baseUrl ?? "", auth: accessToken }));
}

function taken<T>({ data, error }: { data?: T; error?: unknown }): NonNullable<T> {
  assert(data !== undefined && data !== null, JSON.stringify(error));
  return data;
}

async function register(email: string, username: string) {
  const body = { email, password, username };
  return signedIn(taken(await rollcall.registerAccount({ client: anonymous, body })).access_token);
}

const admin = await register("ann@hey-api.example", "Ann");
const school = taken(
  await rollcall.createOrganization({ client: admin, body: { name: "Hill Road School", kind: "school" } }),
);
const path = { organization_id: school.id };

const file = new File(["email,password,username\nbob@hey-api.example,,Bob\n"], "people.csv");
const body = { file, account_type: "student", generate_missing_passwords: true } as const;
let latest = taken(await rollcall.createImport({ client: admin, path, body }));
while (latest.finished_at === null) {
  await new Promise((again) => setTimeout(again, 200));
  latest = taken(await rollcall.getImport({ client: admin, path: { ...path, import_id: latest.id } }));
}
assert.equal(latest.counts.created, 1);

const list = taken(
  await rollcall.downloadUserlist({ client: admin, path: { ...path, import_id: latest.id }, parseAs: "text" }),
);
const [, , given] = list.split("\r\n")[1]?.split(",") ?? [];
assert(given, list);
const bob = taken(
  await rollcall.login({ client: anonymous, body: { email: "bob@hey-api.example", password: given } }),
);
const memberships = taken(await rollcall.listMyMemberships({ client: signedIn(bob.access_token) }));
assert.equal(memberships.items[0]?.organization.id, school.id);

const invited = taken(
  await rollcall.createInvitations({
    client: admin,
    path,
    body: { emails: ["eve@hey-api.example"], account_type: "student" },
  }),
);
assert.equal(invited.results[0]?.outcome, "account_created");

const { code } = taken(await rollcall.getInviteCode({ client: admin, path }));
const joiner = await register("joe@hey-api.example", "Joe");
const joined = taken(await rollcall.redeemInviteCode({ client: joiner, body: { code } }));
assert.equal(joined.outcome, "joined");

const members = taken(await rollcall.listMembers({ client: admin, path, query: { sort: "name" } }));
const addresses = members.items.map((member) => member.email);
for (const email of ["ann@hey-api.example", "bob@hey-api.example", "joe@hey-api.example"]) {
  assert(addresses.includes(email), email);
}

const { error } = await rollcall.login({
  client: anonymous,
  body: { email: "ann@hey-api.example", password: "wrong" },
});
assert.equal(error?.code, "wrong_credentials");
