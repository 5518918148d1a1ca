// A provider of single sign-on that lies. Which lie it tells is in the code with which a person comes back: `LIE~NONCE`.
// Instead of the name of a lie, LIE can be claims: JSON as base64url.

import { createHmac, createHash, generateKeyPairSync, sign } from 'node:crypto';
import http from 'node:http';

const SECRET = 'a secret of the tests';
const keys = (kid) => ({ kid, ...generateKeyPairSync('rsa', { modulusLength: 2048 }) });
const [own, foreign] = [keys('own'), keys('foreign')];
const base64 = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

const signed = (claims, { alg = 'RS256', key = own } = {}) => {
  const text = `${base64({ alg, typ: 'JWT', kid: key.kid })}.${base64(claims)}`;
  if (alg === 'none') return `${text}.`;
  if (alg === 'HS256') return `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`;
  return `${text}.${sign('sha256', text, key.privateKey).toString('base64url')}`;
};

let issuer;
const tokens = (lie, nonce) => {
  const now = Math.floor(Date.now() / 1000);
  const honest = {
    iss: issuer, aud: 'matricula', sub: 'ruth', nonce, iat: now, exp: now + 300,
    email: 'ruth@example.edu', email_verified: true, name: 'Ruth Office', groups: ['office'],
  };
  const { nonce: _, ...withoutNonce } = honest;
  const hash = createHash('sha256').update('another one').digest().subarray(0, 16).toString('base64url');
  const lies = {
    'honest': () => signed(honest),
    'other-audience': () => signed({ ...honest, aud: 'elsewhere' }),
    'several-audiences': () => signed({ ...honest, aud: ['matricula', 'elsewhere'] }),
    'other-issuer': () => signed({ ...honest, iss: 'https://login.example.com' }),
    'other-nonce': () => signed({ ...honest, nonce: 'another' }),
    'no-nonce': () => signed(withoutNonce),
    'expired': () => signed({ ...honest, iat: now - 600, exp: now - 1 }),
    'not-signed': () => signed(honest, { alg: 'none' }),
    'signed-with-the-clients-secret': () => signed(honest, { alg: 'HS256' }),
    'signed-by-somebody-else': () => signed(honest, { key: { ...foreign, kid: own.kid } }),
    'signed-with-an-unknown-key': () => signed(honest, { key: foreign }),
    'changed-after-signing': () => {
      const [head, , signature] = signed(honest).split('.');
      return `${head}.${base64({ ...honest, groups: ['admins'] })}.${signature}`;
    },
    'other-access-token': () => signed({ ...honest, at_hash: hash }),
    'address-not-verified': () => signed({ ...honest, sub: 'new', groups: [], email_verified: false }),
    'verified-by-omission': () => signed({ ...honest, sub: 'new', groups: [], email_verified: undefined }),
    'address-elsewhere': () => signed({ ...honest, sub: 'new', groups: [], email: 'ruth@example.edu.evil.example' }),
    'look-alike-address': () => signed({ ...honest, sub: 'new', groups: [], email: 'cara.\u212Aim@example.edu' }),
    'two-kinds-of-student': () => signed({ ...honest, sub: 'new', groups: [], email: 'ana@example.edu', student_number: '1' }),
    'no-identifier': () => signed({ ...honest, sub: '' }),
    'long-identifier': () => signed({ ...honest, sub: 'x'.repeat(256) }),
    'no-address': () => signed({ ...honest, sub: 'new', email: undefined }),
    'a-child': () => signed({ ...honest, sub: 'child', groups: [], email: 'parent@example.edu', student_number: '6' }),
    'no-id-token': () => undefined,
  };
  const claims = () => signed({ ...honest, groups: [], ...JSON.parse(Buffer.from(lie, 'base64url')) });
  return { access_token: 'an access token', token_type: 'Bearer', expires_in: 300, id_token: (lies[lie] ?? claims)() };
};

const server = http.createServer(async (request, response) => {
  const send = (status, body) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  const path = request.url.split('?')[0];
  if (path === '/.well-known/openid-configuration') {
    return send(200, {
      issuer,
      authorization_endpoint: `${issuer}/auth`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/jwks`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256', 'HS256', 'none'],
    });
  }
  if (path === '/jwks') {
    return send(200, { keys: [{ ...own.publicKey.export({ format: 'jwk' }), kid: own.kid, use: 'sig', alg: 'RS256' }] });
  }
  let body = '';
  for await (const chunk of request) body += chunk;
  const [lie, nonce] = (new URLSearchParams(body).get('code') ?? '').split('~');
  if (lie === 'refused') return send(400, { error: 'invalid_grant' });
  if (lie === 'endless') return response.end('x'.repeat(3 << 20));
  if (lie === 'elsewhere') return response.writeHead(302, { location: `${issuer}/token?again` }).end();
  return send(200, tokens(lie, nonce));
});
server.listen(0, '127.0.0.1', () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  console.log(issuer);
});
