// The parts alone: the ring against a plain list, totals, settings, the promise not to throw.

import assert from 'node:assert/strict';
import os from 'node:os';
import { test } from 'node:test';
import { Client, Host, PharosError } from '@pharos/client';
import { Queue } from '../dist/esm/queue.js';
import { Series } from '../dist/esm/series.js';
import { caseServer, freePort } from './support.mjs';

/** Small, repeatable chance. */
function chance(seed) {
    return (below) => {
        seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
        return Math.floor((seed / 2 ** 32) * below);
    };
}

test('the ring holds what a list that drops its first would hold', () => {
    for (let seed = 1; seed <= 60; seed++) {
        const next = chance(seed);
        const most = 1 + next(seed % 3 === 0 ? 5000 : 50);
        const ring = new Queue(most);
        let list = [];
        for (let value = 0; value < 8000; value++) {
            const act = next(100);
            if (act < 70) {
                const kept = ring.push('m', value, 1000, { n: value });
                assert.equal(kept, list.length < most);
                list = [...(kept ? list : list.slice(1)), value].slice(-most);
            } else if (act < 99 && list.length > 0) {
                const item = JSON.parse(ring.shift('"s"'));
                assert.deepEqual([item.value, item.labels.n], [list[0], String(list[0])]);
                list.shift();
            } else if (act === 99 && next(20) === 0) {
                assert.equal(ring.clear(), list.length);
                list = [];
            }
            assert.equal(ring.size, list.length);
            if (list.length > 600) list.splice(0).forEach(() => ring.shift('"s"'));
        }
    }
});

test('an item is what the server reads, whatever the text', () => {
    const ring = new Queue(10);
    const hostile = { toString: () => { throw new Error('no'); } };
    ring.push('a"b\n\u2028\ud800', -0.5, 1700000000123, { 'l"': '\\', none: null, n: 1, yes: true, hostile });
    assert.deepEqual(JSON.parse(ring.shift('"s\\""')), {
        service: 's"',
        metric_type: 'a"b\n\u2028\ud800',
        value: -0.5,
        timestamp: 1700000000.123,
        labels: { 'l"': '\\', n: '1', yes: 'true', hostile: 'object' },
    });
    for (const value of [1e300, 5e-324, 1e21, -1, 0]) {
        ring.push('v', value, 0, undefined);
        assert.equal(JSON.parse(ring.shift('"s"')).value, value);
    }
});

test('a histogram counts in every bucket whose bound is not below', () => {
    const series = new Series('i');
    const histogram = series.histogram('d', { route: '/' }, [1, 2, 5]);
    for (const value of [0.5, 1, 1.5, 9, -1]) histogram.observe(value);
    const got = {};
    series.take((name, value, { le, instance, route }) => {
        assert.deepEqual([instance, route], ['i', '/']);
        got[le ?? name] = value;
    });
    assert.deepEqual(got, { 1: 3, 2: 4, 5: 4, '+Inf': 5, d_sum: 11, d_count: 5 });
    assert.equal(series.counter('d', { route: '/' }), undefined);
});

test('a total is told when it changed, and now and then', () => {
    const series = new Series('i');
    const counter = series.counter('c', { b: 1, a: 2 });
    assert.equal(series.counter('c', { a: 2, b: 1 }), counter);
    const taken = (nowMs) => {
        const values = [];
        series.take((_name, value) => values.push(value), nowMs);
        return values;
    };
    counter.add(2);
    assert.deepEqual([taken(1000), taken(2000)], [[2], []]);
    counter.add(1);
    assert.deepEqual([taken(3000), taken(62_999), taken(63_000)], [[3], [], [3]]);
});

test('series have a bound', () => {
    const series = new Series('i');
    for (let i = 0; i < 20_000; i++) series.counter('c', { i });
    assert.equal(series.counter('d'), undefined);
    assert.ok(series.counter('c', { i: 5 }));
});

test('nothing that a program does wrong is thrown', async () => {
    const lines = [];
    const log = (_level, text) => {
        lines.push(text);
        throw new Error('a log that fails');
    };
    const options = { url: 'ftp://x', timeoutMs: -1, batchItemsMax: 'many', retriesMax: 0, log };
    const client = new Client({ ...options, backoffMs: 1, flushTimeoutMs: 200 });
    const cycle = {};
    cycle.cycle = cycle;
    for (const name of [undefined, null, 5, '', {}, 'good']) {
        for (const value of [undefined, null, 'x', NaN, Infinity, {}, 1n, Symbol('s')]) {
            client.metric(name, value, 5);
            client.count(name, value);
            client.observe(name, value);
            client.gauge(name, value);
        }
    }
    client.gauge('fails', () => { throw new Error('no gauge'); });
    client.gauge('later', async () => { throw new Error('no later gauge'); });
    client.gauge('none', () => undefined);
    await Promise.all([
        client.status('sideways'), client.status(), client.pipeline('a', 'b'),
        client.pipeline('a', 'running', cycle), client.alert(), client.job('x', cycle).fail(Object.create(null)),
    ]);
    await client.flush();
    await client.close();
    await client.close();
    for (const text of ['ftp://x', 'timeoutMs', 'batchItemsMax', 'no gauge', 'no later gauge', 'circular']) {
        assert.ok(lines.some((line) => line.includes(text)), `${text} in ${lines.join('\n')}`);
    }
    assert.equal(client.stats().sent, 0);
});

test('where asked for, mistakes and lost reports are thrown', async () => {
    assert.throws(() => new Client({ url: 'nonsense', throws: true }), TypeError);
    const url = `http://127.0.0.1:${await freePort()}`;
    const client = new Client({ url, throws: true, retriesMax: 0, log: () => {} });
    assert.throws(() => client.metric('a', NaN), TypeError);
    await assert.rejects(client.alert('a', 'b'), PharosError);
    client.metric('a', 1);
    await assert.rejects(client.flush(), /ECONNREFUSED/);
    await client.close();
});

test('one refused metric does not cost the others', async () => {
    const server = await caseServer();
    await server.play({ answers: [{ status: 422, body: '{"detail":"no such name","index":1}' }, { status: 200 }] });
    const lines = [];
    const client = new Client({ url: server.url, log: (_level, text) => lines.push(text) });
    for (const name of ['a', 'bad', 'c']) client.metric(name, 1);
    await client.close();
    const { sent, failed } = client.stats();
    assert.deepEqual([sent, failed], [2, 1]);
    assert.deepEqual(lines, ['metric "bad" is refused: the answer was 422: no such name']);
    const [, second] = await server.seen();
    assert.deepEqual(second.body.metrics.map((item) => item.metric_type), ['a', 'c']);
    server.stop();
});

test('after an outage it is said that it is over, and the next outage is said again', async () => {
    const server = await caseServer();
    const down = { answers: [{ status: 500 }], only: '/metrics/batch' };
    const lines = [];
    const client = new Client({ url: server.url, retriesMax: 0, log: (_level, text) => lines.push(text) });
    for (const script of [down, down, {}, down]) {
        await server.play(script);
        client.metric('a', 1);
        await client.flush();
    }
    await client.close();
    server.stop();
    assert.deepEqual(lines, [
        '1 metric lost: the answer was 500: {"status":"created","count":1}',
        'the server takes reports again after 2 errors',
        '1 metric lost: the answer was 500: {"status":"created","count":1}',
    ]);
});

test('a busy server is left alone for as long as it says', async () => {
    const server = await caseServer();
    await server.play({ answers: [{ status: 429, headers: { 'Retry-After': '1' } }, { status: 200 }] });
    const client = new Client({ url: server.url, backoffMs: 1 });
    client.metric('a', 1);
    const startedMs = performance.now();
    await client.close();
    assert.ok(performance.now() - startedMs >= 990);
    assert.deepEqual([client.stats().sent, client.stats().retries], [1, 1]);
    server.stop();
});

test('a million calls to nobody are bounded and accounted for', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const client = new Client({ url, log: () => {}, queueItemsMax: 1000, retriesMax: 0, flushTimeoutMs: 200 });
    const labels = { gpu: '0' };
    const before = process.memoryUsage().rss;
    let most = before;
    for (let i = 0; i < 1_000_000; i++) {
        client.metric('loss', i, labels);
        if (i % 10_000 === 0) {
            most = Math.max(most, process.memoryUsage().rss);
            await new Promise(setImmediate);
        }
    }
    await client.close();
    const { sent, dropped, failed, queued } = client.stats();
    assert.deepEqual([sent, dropped + failed, queued], [0, 1_000_000, 0]);
    assert.ok(most - before < 128 << 20, `${(most - before) >> 20} MiB more`);
});

test('labels are those of the call, whatever becomes of their object', async () => {
    const server = await caseServer();
    const client = new Client({ url: server.url });
    const labels = { gpu: '0' };
    client.metric('a', 1, labels);
    labels.gpu = '1';
    await client.close();
    const [one] = await server.seen();
    assert.deepEqual(one.body.metrics[0].labels, { gpu: '0' });
    server.stop();
});

test('this host is read in percent', async () => {
    const { cpu, memory, disk, load1 } = await new Host().read();
    for (const percent of [cpu, memory, disk ?? 0]) assert.ok(percent >= 0 && percent <= 100);
    assert.ok(memory > 0 && load1 >= 0);
    assert.ok(Math.abs(memory - 100 * (1 - os.freemem() / os.totalmem())) < 5, `${memory}`);
});
