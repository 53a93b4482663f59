// A SAML provider on samlp and xml-crypto: node samlp_idp.mjs PORT DIRECTORY SP_ENTITY_ID ACS_URL, where DIRECTORY
// holds key.pem and cert.pem. GET /sso/<mode>?SAMLRequest=… answers with the form; GET /metadata.
import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import express from 'express';
import samlp from 'samlp';

const [port, directory, audience, acs] = process.argv.slice(2);
const cert = readFileSync(`${directory}/cert.pem`);
const key = readFileSync(`${directory}/key.pem`);
// Rollcall's, as the tests have it.
const theirs = process.env.SAML_PEER_ENCRYPTION;
const encryption = theirs && {
  encryptionCert: readFileSync(`${theirs}.cert.pem`),
  encryptionPublicKey: createPublicKey(readFileSync(`${theirs}.cert.pem`)).export({ type: 'spki', format: 'pem' }),
  keyEncryptionAlgorithm: 'http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p',
  disallowEncryptionWithInsecureAlgorithm: false,
};
const modes = {
  assertion: { signResponse: false },
  response: { signResponse: true },
  encrypted: { signResponse: false, encryptionAlgorithm: 'http://www.w3.org/2009/xmlenc11#aes256-gcm', ...encryption },
  encrypted_cbc: { signResponse: true, encryptionAlgorithm: 'http://www.w3.org/2001/04/xmlenc#aes256-cbc', ...encryption },
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
