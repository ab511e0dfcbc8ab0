// All cases that the clients share, against their scripted server.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Client } from '@pharos/client';
import { PACKAGE, caseServer, freePort, until } from './support.mjs';

// What the server makes of each severity that a client may send.
const WORDS = { 1: 'info', 2: 'warning', 3: 'critical', error: 'error' };

const CASES = JSON.parse(readFileSync(join(PACKAGE, '../cases/cases.json'), 'utf8'));
const STEPS = {
    metric: (client, name, value, labels) => client.metric(name, value, labels),
    status: (client, state, endpoint) => void client.status(state, endpoint),
    pipeline: (client, type, state, metadata) => void client.pipeline(type, state, metadata),
    alert: (client, title, message, severity) => void client.alert(title, message, severity),
    until: (_client, path, n) =>
        until(async () => (await server.seen()).filter((one) => one.path === path).length >= n),
    flush: (client) => client.flush(),
    close: (client) => client.close(),
    async repeat(client, n, [step, name]) {
        for (let i = 0; i < n; i++) await STEPS[step](client, name, i);
    },
};

let server;
before(async () => (server = await caseServer()));
after(() => server.stop());

for (const each of CASES) test(each.name, () => play(each));

async function play({ config = {}, environment = {}, server: script, do: steps, expect }) {
    await server.play(script);
    const url = script === null ? `http://127.0.0.1:${await freePort()}` : server.url;
    const lines = [];
    const startedMs = Date.now();
    const client = withEnvironment(environment, url, () => {
        const log = (_level, text) => lines.push(text);
        // What the environment tells is not told again.
        const told = Object.keys(environment).length > 0 ? {} : { url };
        return new Client({ ...told, ...options(config), log });
    });
    for (const [step, ...parts] of steps) await STEPS[step](client, ...parts);
    await client.close();
    const tookS = (Date.now() - startedMs) / 1000;
    check(expect, { seen: await server.seen(), stats: client.stats(), lines, tookS });
}

/** `batch_interval_s: 1` is `batchIntervalMs: 1000` here. */
function options(config) {
    const entries = Object.entries(config).map(([key, value]) => {
        const camel = key.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
        return camel.endsWith('S') ? [`${camel.slice(0, -1)}Ms`, value * 1000] : [camel, value];
    });
    return Object.fromEntries(entries);
}

function withEnvironment(environment, url, make) {
    for (const [key, value] of Object.entries(environment)) process.env[key] = value.replace('{url}', url);
    try {
        return make();
    } finally {
        for (const key of Object.keys(environment)) delete process.env[key];
    }
}

const KEYS = {
    requests: (want, { atPath }) => bounded('requests', want, atPath.length),
    metrics: (want, { metrics }) => assert.deepEqual(metrics, want),
    metrics_count: (want, { metrics }) => assert.equal(metrics.length, want),
    newest: (want, { metrics }) => assert.equal(metrics.at(-1)[1], want),
    authorization: (want, { seen }) => seen.forEach((one) => assert.equal(one.authorization, want)),
    encoding: (want, { seen }) =>
        seen.filter(isBatch).forEach((one) => assert.equal(one.encoding, want)),
    last_status: (want, { seen }) => assert.equal(seen.filter(isStatus).at(-1).body.status, want),
    alerts: (want, { seen }) => bounded('alerts', want, seen.filter(isAlert).filter(answered).length),
    severity: (want, { seen }) =>
        seen.filter(isAlert).forEach((one) => assert.equal(WORDS[one.body.severity], want)),
    stats: (want, { stats }) => Object.entries(want).forEach(([key, n]) => bounded(key, n, stats[key])),
    said: (want, { lines }) =>
        Object.entries(want).forEach(([text, n]) =>
            assert.equal(lines.filter((line) => line.includes(text)).length, n, `${text} in ${lines}`),
        ),
    duration_s: (want, { tookS }) => assert.ok(tookS < want, `it took ${tookS} s`),
    path: () => {},
};

function check(expect, facts) {
    const path = expect.path ?? '/metrics/batch';
    facts.atPath = facts.seen.filter((one) => one.path === path);
    facts.metrics = facts.seen
        .filter((one) => isBatch(one) && answered(one))
        .flatMap((one) => one.body.metrics.map((item) => [item.metric_type, item.value]));
    for (const [key, want] of Object.entries(expect)) {
        assert.ok(KEYS[key], `this test knows no ${key}`);
        KEYS[key](want, facts);
    }
}

const isBatch = (one) => one.path === '/metrics/batch';
const isStatus = (one) => one.path === '/services';
const isAlert = (one) => one.path === '/alerts';
const answered = (one) => one.status >= 200 && one.status < 300;

function bounded(name, want, got) {
    const [least, most] = Array.isArray(want) ? want : [want, want];
    assert.ok(got >= least && got <= most, `${name} is ${got}, not ${JSON.stringify(want)}`);
}
