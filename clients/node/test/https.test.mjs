// https: a certificate that is trusted, and one that is not.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { caseServer, runNode } from './support.mjs';

const skip = spawnSync('openssl', ['version']).status === 0 ? false : 'no openssl to make a certificate with';
const folder = mkdtempSync(join(tmpdir(), 'pharos-tls-'));
let server;
before(async () => (server = skip ? undefined : await caseServer(folder)));
after(() => {
    server?.stop();
    rmSync(folder, { recursive: true, force: true });
});

const CLIENT = `
    import { Client } from '@pharos/client';
    const lines = [];
    const pharos = new Client({ retriesMax: 0, apiKey: 'key-1', log: (_level, text) => lines.push(text) });
    pharos.metric('a', 1);
    console.log(JSON.stringify(await pharos.status('up')));
    await pharos.close();
    console.log(pharos.stats().sent, pharos.stats().failed, lines.join());
`;
const SMALL = `
    import { SystemMonitorClient } from '@pharos/client';
    const monitor = new SystemMonitorClient(process.env.PHAROS_URL, 'small', 'key-1');
    console.log(JSON.stringify(await monitor.updateStatus('up')));
`;
const lines = async (text, env) => (await runNode(text, { env: { PHAROS_URL: server.url, ...env } })).out.trim().split('\n');
const trusted = () => ({ NODE_EXTRA_CA_CERTS: join(folder, 'cert.pem') });

test('a certificate that is trusted is spoken to, with the key', { skip }, async () => {
    assert.match(server.url, /^https:/);
    assert.deepEqual(await lines(CLIENT, trusted()), ['{"status":"updated"}', '1 0']);
    assert.deepEqual(await lines(SMALL, trusted()), ['{"status":"updated"}']);
});

test('one that is not gets nothing, and it is said why', { skip }, async () => {
    const [answer, told] = await lines(CLIENT);
    assert.equal(answer, 'undefined');
    assert.match(told, /^0 1 .*self-signed certificate/);
});
