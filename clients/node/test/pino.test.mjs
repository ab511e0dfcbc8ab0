// The pino transport, in the worker thread that pino gives it.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { caseServer, runNode } from './support.mjs';

let server;
before(async () => (server = await caseServer()));
beforeEach(() => server.play({}));
after(() => server.stop());

const run = (text, type) => runNode(text, { type, env: { PHAROS_URL: server.url, PHAROS_SERVICE: 'shop' } });

/** The last total of each level. */
async function levels() {
    const items = (await server.seen()).flatMap((one) => one.body.metrics ?? []);
    return Object.fromEntries(items.map((item) => [item.labels.level, item.value]));
}

const RECORDS = `
    for (let i = 0; i < 1000; i++) log.info({ i }, 'a line');
    log.warn('careful'); log.error(new Error('no disk')); log.fatal('the end'); log.debug('unseen');
`;

test('records are counted by level, up to the last before the end', async () => {
    const { code, err } = await run(
        `import pino from 'pino';
         const log = pino({ transport: { target: '@pharos/client/pino' } }); ${RECORDS}`,
    );
    assert.deepEqual([code, err], [0, '']);
    assert.deepEqual(await levels(), { info: 1000, warn: 1, error: 1, fatal: 1 });
});

test('from CommonJS, with alerts from a level on', async () => {
    const { code, err } = await run(
        `const pino = require('pino');
         const log = pino({ transport: { target: '@pharos/client/pino', options: { alertFrom: 'error' } } }); ${RECORDS}`,
        'commonjs',
    );
    assert.deepEqual([code, err], [0, '']);
    assert.deepEqual(await levels(), { info: 1000, warn: 1, error: 1, fatal: 1 });
    const alerts = (await server.seen()).filter((one) => one.path === '/alerts').map((one) => one.body);
    assert.deepEqual(alerts, [
        { title: 'error in the log of shop', message: 'no disk', severity: 3, service: 'shop' },
        { title: 'fatal in the log of shop', message: 'the end', severity: 3, service: 'shop' },
    ]);
});

test('lines that are no records harm nothing, and words are levels, too', async () => {
    const { code } = await run(
        `import pinoTransport from '@pharos/client/pino';
         const stream = pinoTransport();
         stream.write('nonsense\\n5\\nnull\\n{"lev'); stream.write('el":"warn"}\\n{"level":35}\\n{}');
         stream.end();`,
    );
    assert.equal(code, 0);
    assert.deepEqual(await levels(), { warn: 1, other: 2 });
});
