// A SAML provider on samlp with a form to sign in by: node samlp_form.mjs DIRECTORY, where DIRECTORY holds own.key and
// own.pem. Prints where its metadata is as a line of JSON.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import express from 'express';
import samlp from 'samlp';

const HOST = '127.0.0.3';
const directory = process.argv[2];
const cert = readFileSync(`${directory}/own.pem`);
const key = readFileSync(`${directory}/own.key`);
const issuer = 'urn:idp:samlp';

// Where the response goes stands in the request, as for any client that may sign in here.
const acsOf = (document) => document.documentElement.getAttribute('AssertionConsumerServiceURL');

function answer(request, response, next) {
  samlp.parseRequest(request, { issuer }, (problem, parsed) => {
    if (problem) return next(problem);
    const acs = parsed.assertionConsumerServiceURL;
    request.user = { id: request.query.login, emails: [{ value: request.query.login }], displayName: 'Sam Provider', name: {} };
    return samlp.auth({
      issuer, cert, key, destination: acs, recipient: acs, signatureAlgorithm: 'rsa-sha256', digestAlgorithm: 'sha256',
      getPostURL: (audience, document, asked, done) => done(null, acsOf(document)),
    })(request, response, next);
  });
}

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');

function form(request, response) {
  const kept = Object.entries(request.query).map(([name, value]) =>
    `<input type="hidden" name="${escaped(name)}" value="${escaped(value)}">`);
  response.send(`<!doctype html><title>samlp</title><h1>School accounts</h1><form method="post" action="/signed-in">
${kept.join('\n')}<input name="login"><input type="password" name="password"><button type="submit">Sign in</button></form>`);
}

const app = express();
app.get('/sso', form);
// A redirect leaves the request in the address, where samlp reads it.
app.post('/signed-in', express.urlencoded({ extended: false }), ({ body }, response) =>
  response.redirect(`/answer?${new URLSearchParams(body)}`));
app.get('/answer', answer);
app.get('/metadata', samlp.metadata({ issuer, cert, redirectEndpointPath: '/sso', postEndpointPath: '/sso' }));
const server = app.listen(0, HOST);
await once(server, 'listening');
console.log(JSON.stringify({ metadata: `http://${HOST}:${server.address().port}/metadata` }));
