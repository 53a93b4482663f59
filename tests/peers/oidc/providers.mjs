// Two providers of OpenID Connect that others have made: node providers.mjs. Prints their issuers as a line of JSON.
//
// oidc-provider has a form to sign in by, asks for consent, and takes clients that register themselves. It gives
// address and name only when it is asked for them (userinfo). oauth2-mock-server signs everybody in at once as the same
// person.
import { generateKeyPairSync } from 'node:crypto';
import http from 'node:http';
import { once } from 'node:events';
import { OAuth2Server } from 'oauth2-mock-server';
import Provider from 'oidc-provider';

const HOST = '127.0.0.3';

function key(kid, ...kind) {
  return { ...generateKeyPairSync(...kind).privateKey.export({ format: 'jwk' }), kid, use: 'sig' };
}

async function oidcProvider() {
  const server = http.createServer().listen(0, HOST);
  await once(server, 'listening');
  const issuer = `http://${HOST}:${server.address().port}`;
  const algorithms = ['RS256', 'PS256', 'ES256'];
  const provider = new Provider(issuer, {
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    clientDefaults: { grant_types: ['authorization_code'], response_types: ['code'] },
    cookies: { keys: ['of-one-run'] },
    enabledJWA: { idTokenSigningAlgValues: algorithms, clientAuthSigningAlgValues: ['RS256'] },
    features: { backchannelLogout: { enabled: true }, registration: { enabled: true } },
    // It calls nobody at loopback by itself.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    findAccount: (context, login) => ({
      accountId: login,
      claims: () => ({ sub: login, email: login, email_verified: true, name: 'Nora Provider' }),
    }),
    jwks: { keys: [key('rsa', 'rsa', { modulusLength: 2048 }), key('ec', 'ec', { namedCurve: 'P-256' })] },
    pkce: { required: () => true },
  });
  provider.on('backchannel.error', (context, error) => console.error(`back-channel logout: ${error}`));
  server.on('request', provider.callback());
  return issuer;
}

async function mockServer() {
  const server = new OAuth2Server();
  await server.issuer.keys.generate('RS256');
  await server.start(0, HOST);
  server.issuer.url = `http://${HOST}:${server.address().port}`;
  const person = { email: 'mock@hill-road.example', email_verified: true, name: 'Mo Mock' };
  server.service.on('beforeTokenSigning', (token) => Object.assign(token.payload, person));
  return server.issuer.url;
}

console.log(JSON.stringify({ 'oidc-provider': await oidcProvider(), 'oauth2-mock-server': await mockServer() }));
