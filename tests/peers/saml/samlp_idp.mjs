// A SAML provider on samlp and xml-crypto: node samlp_idp.mjs PORT DIRECTORY SP_ENTITY_ID ACS_URL, where DIRECTORY
// holds key.pem and cert.pem. GET /sso/<mode>?SAMLRequest=… answers with the form; GET /metadata.
import { readFileSync } from 'node:fs';
import express from 'express';
import samlp from 'samlp';

const [port, directory, audience, acs] = process.argv.slice(2);
const cert = readFileSync(`${directory}/cert.pem`);
const key = readFileSync(`${directory}/key.pem`);
const modes = {
  assertion: { signResponse: false },
  response: { signResponse: true },
  sha1: { signatureAlgorithm: 'rsa-sha1', digestAlgorithm: 'sha1' },
};
const person = {
  id: 'ada',
  displayName: 'Ada Lovelace',
  emails: [{ value: 'ada@example.org' }],
  name: { givenName: 'Ada', familyName: 'Lovelace' },
};

const app = express();
for (const [mode, options] of Object.entries(modes)) {
  const answer = samlp.auth({
    issuer: 'urn:idp:samlp', cert, key, audience,
    destination: acs, recipient: acs, getPostURL: (a, s, request, done) => done(null, acs),
    signatureAlgorithm: 'rsa-sha256', digestAlgorithm: 'sha256', ...options,
  });
  app.get(`/sso/${mode}`, (request, response, next) => {
    request.user = person;
    answer(request, response, next);
  });
}
app.get('/metadata', samlp.metadata({
  issuer: 'urn:idp:samlp', cert,
  redirectEndpointPath: '/sso/assertion', postEndpointPath: '/sso/assertion',
}));
app.listen(Number(port), '127.0.0.1', () => console.log('up'));
