// A real provider of single sign-on for the tests: npm `oidc-provider`, which is certified for OpenID Connect.
//
// Everybody in PEOPLE can sign in, by name and with any password. SIGHUP makes the provider sign with a new key and forget
// the old one.

import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import http from 'node:http';

const { TOOLS, PEOPLE, CALLBACK } = process.env;
const { default: Provider } = await import(createRequire(`${TOOLS}/`).resolve('oidc-provider'));
const people = JSON.parse(PEOPLE);

let answer = (_, response) => response.writeHead(503).end();
const server = http.createServer((request, response) => answer(request, response));
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const start = () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const key = { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'RS256' };
    const provider = new Provider(issuer, {
      // A native client may come back to any port of loopback (RFC 8252, 7.3).
      clients: [{
        client_id: 'matricula',
        client_secret: 'a secret of the tests',
        application_type: 'native',
        redirect_uris: [CALLBACK],
        grant_types: ['authorization_code'],
      }],
      jwks: { keys: [key] },
      cookies: { keys: ['tests'] },
      pkce: { required: () => true },
      claims: { email: ['email', 'email_verified'], profile: ['name', 'groups', 'student_number'] },
      findAccount: (_, id) => people[id] && { accountId: id, claims: async () => ({ sub: id, ...people[id] }) },
    });
    answer = provider.callback();
  };
  process.on('SIGHUP', () => { start(); console.log('rotated'); });
  start();
  console.log(issuer);
});
