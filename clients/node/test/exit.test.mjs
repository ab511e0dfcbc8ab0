// How programs end: what waits is sent, `down` is told, and nobody is kept alive or swallowed.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { caseServer, freePort, runNode, until } from './support.mjs';

let server;
before(async () => (server = await caseServer()));
beforeEach(() => server.play({}));
after(() => server.stop());

const PROGRAM = `
    import { Client } from '@pharos/client';
    const pharos = new Client({ batchIntervalMs: 3600_000 });
`;
const env = (more) => ({ env: { PHAROS_URL: server.url, PHAROS_SERVICE: 'ending', ...more } });

async function told() {
    const seen = await server.seen();
    const values = seen.flatMap((one) => one.body.metrics ?? []).map((item) => item.value);
    const states = seen.filter((one) => one.path === '/services').map((one) => one.body.status);
    return { values, states };
}

test('a program that ends sends what waits', async () => {
    const { code, err } = await runNode(`${PROGRAM} pharos.metric('a', 1); pharos.metric('a', 2);`, env());
    assert.deepEqual([code, err], [0, '']);
    assert.deepEqual(await told(), { values: [1, 2], states: [] });
});

test('a program that ends reports down once it was up', async () => {
    const { code } = await runNode(`${PROGRAM} pharos.status('up'); pharos.metric('a', 1);`, env());
    assert.equal(code, 0);
    assert.deepEqual(await told(), { values: [1], states: ['up', 'down'] });
});

test('an awaited report keeps a program alive until its answer, and its client open', async () => {
    const { code, out } = await runNode(
        `${PROGRAM} console.log(JSON.stringify(await pharos.status('up'))); pharos.metric('a', 1);`,
        env(),
    );
    assert.deepEqual([code, out], [0, '{"status":"updated"}\n']);
    assert.deepEqual(await told(), { values: [1], states: ['up', 'down'] });
});

test('an awaited report to nobody ends, and the program goes on', async () => {
    const { code, out } = await runNode(
        `import { Client } from '@pharos/client';
         const pharos = new Client({ flushTimeoutMs: 200 });
         console.log(await pharos.status('up'));
         console.log('on');`,
        env({ PHAROS_URL: `http://127.0.0.1:${await freePort()}` }),
    );
    assert.deepEqual([code, out], [0, 'undefined\non\n']);
});

test('a client that has nothing to send does not keep a program alive', async () => {
    const { code } = await runNode(`${PROGRAM} pharos.gauge('a', () => 1);`, env());
    assert.equal(code, 0);
    assert.deepEqual((await told()).values, [1]);
});

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
    test(`${signal} kills a program that does not listen, after what waits was sent`, async () => {
        const ended = await runNode(
            `${PROGRAM} pharos.status('up'); pharos.metric('a', 1); setInterval(() => {}, 1000); console.log('runs');`,
            {
                ...env(),
                started: (child) => child.stdout.once('data', () => child.kill(signal)),
            },
        );
        assert.deepEqual([ended.code, ended.signal], [null, signal]);
        assert.deepEqual(await told(), { values: [1], states: ['up', 'down'] });
    });
}

test('a program that listens for SIGTERM decides itself, and is reported down', async () => {
    const ended = await runNode(
        `${PROGRAM} pharos.status('up');
         const timer = setInterval(() => {}, 1000);
         process.on('SIGTERM', () => { pharos.metric('a', 7); clearInterval(timer); process.exitCode = 3; });
         console.log('runs');`,
        { ...env(), started: (child) => child.stdout.once('data', () => child.kill('SIGTERM')) },
    );
    assert.deepEqual([ended.code, ended.signal], [3, null]);
    assert.deepEqual(await told(), { values: [7], states: ['up', 'down'] });
});

test('SIGTERM kills although the server hangs, in the time to flush', async () => {
    await server.play({ answers: [{ delay_s: 60 }] });
    const startedMs = Date.now();
    const ended = await runNode(
        `import { Client } from '@pharos/client';
         const pharos = new Client({ flushTimeoutMs: 300 });
         pharos.status('up'); pharos.metric('a', 1); setInterval(() => {}, 1000); console.log('runs');`,
        { ...env(), started: (child) => child.stdout.once('data', () => child.kill('SIGTERM')) },
    );
    assert.equal(ended.signal, 'SIGTERM');
    assert.ok(Date.now() - startedMs < 20_000);
});

test('both builds in one process do not wait for each other', async () => {
    const ended = await runNode(
        `${PROGRAM}
         import { createRequire } from 'node:module';
         const old = new (createRequire(process.cwd() + '/x.js')('@pharos/client').Client)();
         pharos.metric('a', 1); old.metric('a', 2);
         setInterval(() => {}, 1000); console.log('runs');`,
        { ...env(), started: (child) => child.stdout.once('data', () => child.kill('SIGTERM')) },
    );
    assert.equal(ended.signal, 'SIGTERM');
    assert.deepEqual((await told()).values.sort(), [1, 2]);
});

// The package signal-exit re-sends a signal once its own listeners are the only ones, and says here
// how many they are. Two that wait for each other would swallow it.
test('a listener that only waits for the end is no reason to live on', async () => {
    const ended = await runNode(
        `${PROGRAM}
         globalThis[Symbol.for('signal-exit emitter')] = { count: 1 };
         const listener = () => {
             if (process.listenerCount('SIGTERM') > 1) return;
             process.removeListener('SIGTERM', listener);
             process.kill(process.pid, 'SIGTERM');
         };
         process.on('SIGTERM', listener);
         pharos.metric('a', 1); setInterval(() => {}, 1000); console.log('runs');`,
        { ...env(), started: (child) => child.stdout.once('data', () => child.kill('SIGTERM')) },
    );
    assert.equal(ended.signal, 'SIGTERM');
    assert.deepEqual((await told()).values, [1]);
});

test('a status is repeated, and not after down', async () => {
    await runNode(
        `import { Client } from '@pharos/client';
         const pharos = new Client({ heartbeatMs: 5 });
         pharos.status('up');
         setTimeout(() => {}, 3_000);
         const beats = setInterval(() => {
             if (pharos.stats().reportsSent < 3) return;
             clearInterval(beats);
             process.kill(process.pid, 'SIGTERM');
         }, 5);`,
        env(),
    );
    const { states } = await until(told);
    assert.ok(states.filter((state) => state === 'up').length >= 3);
    assert.equal(states.indexOf('down'), states.length - 1);
});
