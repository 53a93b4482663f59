// The way of a school, by a client that openapi-typescript and openapi-fetch make of the document.

import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { paths } from "./schema.js";

const baseUrl = process.argv[2];
assert(baseUrl, "the URL of the server is needed");
const password = "seven green ducks 7";

const anonymous = createClient<paths>({ baseUrl });

function signedIn(accessToken: string) {
  return createClient<paths>({ baseUrl: baseUrl ?? "", headers: { Authorization: `Bearer ${accessToken}` } });
}

async function register(email: string, username: string) {
  const { data, error } = await anonymous.POST("/v1/auth/register", { body: { email, password, username } });
  assert(data, JSON.stringify(error));
  return signedIn(data.access_token);
}

function taken<T>({ data, error }: { data?: T; error?: unknown }): T {
  assert(data !== undefined, JSON.stringify(error));
  return data;
}

const admin = await register("ann@typescript.example", "Ann");
const school = taken(await admin.POST("/v1/organizations", { body: { name: "Hill Road School", kind: "school" } }));
const path = { organization_id: school.id };

const file = new File(["email,password,username\nbob@typescript.example,,Bob\n"], "people.csv");
let latest = taken(
  await admin.POST("/v1/organizations/{organization_id}/imports", {
    params: { path },
    body: { file: "", account_type: "student" },
    bodySerializer: () => {
      const form = new FormData();
      form.append("file", file);
      form.append("account_type", "student");
      form.append("generate_missing_passwords", "true");
      return form;
    },
  }),
);
while (latest.finished_at === null) {
  await new Promise((again) => setTimeout(again, 200));
  latest = taken(
    await admin.GET("/v1/organizations/{organization_id}/imports/{import_id}", {
      params: { path: { ...path, import_id: latest.id } },
    }),
  );
}
assert.equal(latest.counts.created, 1);
const list = taken(
  await admin.GET("/v1/organizations/{organization_id}/imports/{import_id}/userlist.csv", {
    params: { path: { ...path, import_id: latest.id } },
    parseAs: "text",
  }),
);
const [, , given] = list.split("\r\n")[1]?.split(",") ?? [];
assert(given, list);
const bob = taken(
  await anonymous.POST("/v1/auth/login", { body: { email: "bob@typescript.example", password: given } }),
);
const memberships = taken(await signedIn(bob.access_token).GET("/v1/me/memberships"));
assert.equal(memberships.items[0]?.organization.id, school.id);

const invited = taken(
  await admin.POST("/v1/organizations/{organization_id}/invitations", {
    params: { path },
    body: { emails: ["eve@typescript.example"], account_type: "student" },
  }),
);
assert.equal(invited.results[0]?.outcome, "account_created");

const { code } = taken(await admin.GET("/v1/organizations/{organization_id}/invite-code", { params: { path } }));
const joiner = await register("joe@typescript.example", "Joe");
const joined = taken(await joiner.POST("/v1/invite-codes/redeem", { body: { code } }));
assert.equal(joined.outcome, "joined");

const members = taken(
  await admin.GET("/v1/organizations/{organization_id}/members", { params: { path, query: { sort: "name" } } }),
);
assert.deepEqual(
  members.items.map((member) => member.email).filter((email) => !email.startsWith("eve")),
  ["ann@typescript.example", "bob@typescript.example", "joe@typescript.example"],
);

const { error, response } = await anonymous.POST("/v1/auth/login", {
  body: { email: "ann@typescript.example", password: "wrong" },
});
assert.equal(response.status, 401);
assert.equal(error?.code, "wrong_credentials");
