// What is published: packed, installed into an empty folder, and used from there.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { HERE, PACKAGE, caseServer, run } from './support.mjs';

const folder = mkdtempSync(join(tmpdir(), 'pharos-pack-'));
let packed;
let server;
before(async () => {
    server = await caseServer();
    const npm = (args, cwd) => execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    [packed] = Object.values(JSON.parse(npm(['pack', '--json', '--pack-destination', folder], PACKAGE)));
    writeFileSync(join(folder, 'package.json'), '{"name":"consumer","private":true}');
    npm(['install', '--offline', '--no-audit', '--no-fund', join(folder, packed.filename)], folder);
});
after(() => {
    server.stop();
    rmSync(folder, { recursive: true, force: true });
});

async function sends(file, text) {
    await server.play({});
    writeFileSync(join(folder, file), text);
    const { code, err } = await run(process.execPath, [file], { cwd: folder, env: { PHAROS_URL: server.url } });
    assert.deepEqual([code, err], [0, '']);
    const [one] = await server.seen();
    assert.deepEqual(one.body.metrics.map((item) => [item.metric_type, item.value]), [['queue_size', 3]]);
}

test('it has no dependency, and only what is used', () => {
    const { dependencies } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8'));
    assert.equal(dependencies, undefined);
    const others = packed.files.map((file) => file.path).filter((path) => !path.startsWith('dist/'));
    assert.deepEqual(others.sort(), ['LICENSE', 'README.md', 'package.json']);
});

test('used from ESM', () =>
    sends(
        'main.mjs',
        `import { Client } from '@pharos/client';
         import { pharosExpress } from '@pharos/client/express';
         import { pharosFastify } from '@pharos/client/fastify';
         import { pharosKoa } from '@pharos/client/koa';
         import pharosPino from '@pharos/client/pino';
         if (![pharosExpress, pharosFastify, pharosKoa, pharosPino].every((one) => typeof one === 'function')) throw 0;
         new Client().metric('queue_size', 3);`,
    ));

test('used from CommonJS', () =>
    sends(
        'main.cjs',
        `const { Client } = require('@pharos/client');
         for (const name of ['express', 'fastify', 'koa', 'pino']) {
             if (typeof require('@pharos/client/' + name).default !== 'function') throw new Error(name);
         }
         new Client().metric('queue_size', 3);`,
    ));

test('its types fit a program, without the types of Node', async () => {
    for (const file of ['esm.mts', 'cjs.cts']) copyFileSync(join(HERE, 'consumer', file), join(folder, file));
    const settings = JSON.parse(readFileSync(join(HERE, 'consumer/tsconfig.json'), 'utf8'));
    Object.assign(settings.compilerOptions, { types: [], skipLibCheck: false });
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(settings));
    const tsc = join(PACKAGE, 'node_modules/typescript/bin/tsc');
    const { code, out } = await run(process.execPath, [tsc, '-p', folder], { cwd: folder });
    assert.deepEqual([code, out], [0, '']);
});

test('its types fit the frameworks', async () => {
    const tsc = join(PACKAGE, 'node_modules/typescript/bin/tsc');
    const { code, out } = await run(process.execPath, [tsc, '-p', join(HERE, 'consumer')]);
    assert.deepEqual([code, out], [0, '']);
});
