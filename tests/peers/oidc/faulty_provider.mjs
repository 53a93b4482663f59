// A provider of OpenID Connect that does wrong on demand: node faulty_provider.mjs CERTIFICATE KEY. It prints its
// addresses as a line of JSON.
//
// What it does wrong is named by the `login_hint` of a sign-in, or else by the last part of the issuer: at every path
// there is an issuer. It is Entra ID and Google too, by https and through its proxy. GET /asked tells how often each
// path was asked for.
import { createHash, createHmac, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';

const HOST = '127.0.0.3';
const DOMAIN = 'hill-road.example';
const TENANT = /login\.microsoftonline\.com\/([0-9a-f-]{36})/;
const ANOTHER_TENANT = '72f988bf-86f1-41af-91ab-2d7cd011db47';

const pair = () => generateKeyPairSync('rsa', { modulusLength: 2048 });
const own = pair();
const foreign = pair();
const jwk = { ...own.publicKey.export({ format: 'jwk' }), kid: 'own', alg: 'RS256', use: 'sig' };

const now = () => Math.floor(Date.now() / 1000);
const begins = (seconds) => () => ({ iat: now() + seconds, nbf: now() + seconds, exp: now() + seconds + 300 });
const ended = (seconds) => () => ({ iat: now() - seconds - 300, exp: now() - seconds });
const withoutAddress = () => ({ email: undefined, email_verified: undefined });

// What a token says otherwise than a good one; `undefined` leaves a claim out.
const CLAIMS = {
  wrong_iss: () => ({ iss: 'https://evil.example' }),
  wrong_aud: () => ({ aud: 'another' }),
  multi_aud_wrong_azp: ({ aud }) => ({ aud: [aud, 'another'], azp: 'another' }),
  expired: ended(3600),
  future_iat: begins(7200),
  'skew_-170': ended(170),
  'skew_-190': ended(190),
  'skew_+170': begins(170),
  'skew_+190': begins(190),
  wrong_nonce: () => ({ nonce: 'another' }),
  no_nonce: () => ({ nonce: undefined }),
  no_sub: () => ({ sub: undefined }),
  email_unverified: () => ({ email_verified: false }),
  no_email: withoutAddress,
  userinfo_sub: withoutAddress,
  tid_other: () => ({ tid: ANOTHER_TENANT }),
  hd_missing: () => ({ hd: undefined }),
  hd_other: () => ({ hd: 'another.example' }),
  edov_false: () => ({ xms_edov: false }),
  groups_overage: () => ({
    _claim_names: { groups: 'src1' },
    _claim_sources: { src1: { endpoint: 'https://graph.example/users/1/getMemberObjects' } },
  }),
  many_groups: () => ({ groups: Array.from({ length: 1500 }, () => randomUUID()) }),
  long_token: () => ({ groups: 'x'.repeat(128 * 1024) }),
  huge_token: () => ({ groups: 'x'.repeat(1024 * 1024) }),
};

// How a token is signed otherwise.
const SIGNED = {
  bad_sig: (claims) => rs256(claims, { kid: 'own' }, foreign.privateKey),
  kid_unknown: (claims) => rs256(claims, { kid: 'unknown' }),
  kid_flood: (claims) => rs256(claims, { kid: randomUUID() }),
  alg_none: (claims) => `${unsigned({ alg: 'none' }, claims)}.`,
  hs256_pubkey: (claims) => {
    const text = unsigned({ alg: 'HS256', kid: 'own' }, claims);
    const secret = own.publicKey.export({ type: 'spki', format: 'pem' });
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
  },
};

// With what a browser comes back otherwise.
const BACK = {
  state_changed: () => ({ state: 'another' }),
  iss_param_wrong: () => ({ iss: 'https://evil.example' }),
  iss_missing_though_announced: () => ({ iss: undefined }),
  access_denied: () => ({ code: undefined, error: 'access_denied', error_description: 'not assigned' }),
};

// What the token endpoint answers otherwise.
const TOKEN = {
  token_500: (response) => answer(response, 500, { error: 'server_error' }),
  token_slow: (response) => setTimeout(() => answer(response, 500, {}), 15_000).unref(),
  redirect_from_token_endpoint: (response, issuer) => redirect(response, 307, `${issuer}/elsewhere`),
};

// What stands where the keys are.
const KEYS = {
  jwks_down: (response) => answer(response, 503, {}),
  jwks_flood: (response) => {
    const keys = Array.from({ length: 1000 }, () => ({ ...jwk, kid: randomUUID() }));
    answer(response, 200, { keys });
  },
};

const codes = new Map();
const tokens = new Map();
const asked = {};

function answer(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}

function redirect(response, status, location) {
  response.writeHead(status, { location }).end();
}

function unsigned(header, claims) {
  const encoded = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');
  return `${encoded({ typ: 'JWT', ...header })}.${encoded(claims)}`;
}

function rs256(claims, { kid }, key = own.privateKey) {
  const text = unsigned({ alg: 'RS256', kid }, claims);
  return `${text}.${sign('sha256', text, key).toString('base64url')}`;
}

function person(issuer, mode) {
  const known = { sub: mode, email: `${mode}@${DOMAIN}`, email_verified: true, name: 'Ada Faulty' };
  const tenant = TENANT.exec(issuer)?.[1];
  if (tenant) return { ...known, oid: `${mode}-oid`, tid: tenant };
  return issuer === 'https://accounts.google.com' ? { ...known, hd: DOMAIN } : known;
}

function idToken(issuer, { mode, client_id: aud, nonce }) {
  const good = { iss: issuer, aud, nonce, iat: now(), exp: now() + 300, ...person(issuer, mode) };
  const claims = { ...good, ...CLAIMS[mode]?.(good) };
  return SIGNED[mode]?.(claims) ?? rs256(claims, { kid: 'own' });
}

function discovery(response, issuer) {
  answer(response, 200, {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    userinfo_endpoint: `${issuer}/userinfo`,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['client_secret_basic'],
    authorization_response_iss_parameter_supported: true,
  });
}

function authorize(response, issuer, query) {
  const mode = query.login_hint ?? issuer.split('/').at(-1);
  const code = randomUUID();
  codes.set(code, { ...query, mode });
  const good = { code, state: query.state, iss: issuer };
  const back = new URL(query.redirect_uri);
  for (const [name, value] of Object.entries({ ...good, ...BACK[mode]?.() })) {
    if (value !== undefined) back.searchParams.set(name, value);
  }
  redirect(response, 302, back.href);
}

function token(response, issuer, form) {
  const trip = codes.get(form.code);
  codes.delete(form.code);
  const challenge = createHash('sha256').update(form.code_verifier ?? '').digest('base64url');
  if (trip?.redirect_uri !== form.redirect_uri || trip?.code_challenge !== challenge) {
    return answer(response, 400, { error: 'invalid_grant' });
  }
  if (TOKEN[trip.mode]) return TOKEN[trip.mode](response, issuer);
  const access = randomUUID();
  tokens.set(access, trip.mode);
  const given = { access_token: access, token_type: 'Bearer', expires_in: 300, id_token: idToken(issuer, trip) };
  return answer(response, 200, given);
}

function userinfo(response, issuer, bearer) {
  const mode = tokens.get(bearer);
  if (mode === undefined) return answer(response, 401, { error: 'invalid_token' });
  return answer(response, 200, { ...person(issuer, mode), ...(mode === 'userinfo_sub' && { sub: 'eve' }) });
}

async function serve(request, response) {
  let body = '';
  for await (const part of request) body += part;
  const url = new URL(request.url, `${request.socket.encrypted ? 'https' : 'http'}://${request.headers.host}`);
  const end = url.pathname.indexOf('/.well-known/') + 1 || url.pathname.lastIndexOf('/') + 1;
  const issuer = url.origin + url.pathname.slice(0, end - 1);
  const endpoint = url.pathname.slice(end - 1);
  asked[url.pathname] = (asked[url.pathname] ?? 0) + 1;
  switch (endpoint) {
    case '/.well-known/openid-configuration': return discovery(response, issuer);
    case '/jwks': return (KEYS[issuer.split('/').at(-1)] ?? ((it) => answer(it, 200, { keys: [jwk] })))(response);
    case '/authorize': return authorize(response, issuer, Object.fromEntries(url.searchParams));
    case '/token': return token(response, issuer, Object.fromEntries(new URLSearchParams(body)));
    case '/userinfo': return userinfo(response, issuer, request.headers.authorization?.slice('Bearer '.length));
    case '/asked': return answer(response, 200, asked);
    default: return answer(response, 404, {});
  }
}

async function listening(server, host) {
  server.listen(0, host);
  await once(server, 'listening');
  return server.address().port;
}

const [certificate, certificateKey] = process.argv.slice(2, 4).map((path) => readFileSync(path));
const plain = await listening(http.createServer(serve), HOST);
const secure = await listening(https.createServer({ cert: certificate, key: certificateKey }, serve), HOST);
// Whatever is asked for by https is this provider.
const proxy = http.createServer().on('connect', (request, socket, head) => {
  const through = net.connect(secure, HOST, () => {
    socket.write('HTTP/1.1 200 Connected\r\n\r\n');
    through.write(head);
    through.pipe(socket).pipe(through);
  });
  for (const side of [socket, through]) side.on('error', () => [socket, through].forEach((it) => it.destroy()));
});
const port = await listening(proxy, '127.0.0.1');
console.log(JSON.stringify({ issuer: `http://${HOST}:${plain}`, proxy: `http://127.0.0.1:${port}` }));
