// What the client costs the program that uses it, in figures that must hold: `npm run bench`, after
// `npm run build`. Ends with 1 where one does not.
//
// Every figure is of the caller's thread, the best of some rounds: what the machine did meanwhile does
// not count. The server is a plain one in a process of its own, or nobody at all.

import { spawn } from 'node:child_process';
import http from 'node:http';
import { performance } from 'node:perf_hooks';
import { Client } from '@pharos/client';
import { pharosExpress } from '@pharos/client/express';

const CALLS = 1_000_000;
const NOBODY = 'http://127.0.0.1:1';
const quiet = { log: () => {}, flushOnExit: false };
const LABELS = { gpu: '0', model: 'resnet50' };

const server = await sink();
let nFailed = 0;

function below(what, got, bound, unit) {
    const holds = got < bound;
    if (!holds) nFailed++;
    console.log(`${holds ? 'ok    ' : 'FAILED'} ${what.padEnd(36)} ${got.toFixed(1).padStart(8)} ${unit}, must be below ${bound} ${unit}`);
}

/** Calls `act` in rounds, with turns of the loop between them, as a program has them. */
async function measure(name, act, client) {
    for (let i = 0; i < 20_000; i++) act(i);
    let bestMs = Infinity;
    for (let done = 0; done < CALLS; done += 10_000) {
        const startedMs = performance.now();
        for (let i = done; i < done + 10_000; i++) act(i);
        bestMs = Math.min(bestMs, performance.now() - startedMs);
        await new Promise(setImmediate);
    }
    below(name, (bestMs * 1e6) / 10_000, 1000, 'ns');
    await client.close(100);
}

let client = new Client({ url: server.url, ...quiet });
await measure('metric()', (i) => client.metric('queue_size', i), client);
client = new Client({ url: server.url, ...quiet });
await measure('metric() with two labels', (i) => client.metric('queue_size', i, LABELS), client);
client = new Client({ url: server.url, ...quiet });
await measure('count()', () => client.count('orders_total'), client);
client = new Client({ url: server.url, ...quiet });
await measure('count() with two labels', () => client.count('orders_total', 1, LABELS), client);
client = new Client({ url: server.url, ...quiet });
await measure('observe() with two labels', (i) => client.observe('order_seconds', i % 7, LABELS), client);

// A million calls to nobody, as fast as they come, then with the time to fail.
globalThis.gc?.();
const before = process.memoryUsage().rss;
client = new Client({ url: NOBODY, ...quiet, retriesMax: 0 });
let most = before;
let tookMs = 0;
for (let done = 0; done < CALLS; done += 50_000) {
    const startedMs = performance.now();
    for (let i = done; i < done + 50_000; i++) client.metric('step', i, LABELS);
    tookMs += performance.now() - startedMs;
    most = Math.max(most, process.memoryUsage().rss);
    await new Promise((resolve) => setTimeout(resolve, 1));
}
most = Math.max(most, process.memoryUsage().rss);
await client.close(1000);
const { sent, dropped, failed, queued } = client.stats();
below('a million calls to nobody, a call', (tookMs * 1e6) / CALLS, 1000, 'ns');
below('a million calls to nobody, memory', (most - before) / 2 ** 20, 64, 'MiB');
below('calls that are not accounted for', CALLS - sent - dropped - failed - queued, 1, 'calls');
below('the express middleware, a request', (await middleware()) / 1000, 50, 'us');
server.stop();
process.exitCode = nFailed > 0 ? 1 : 0;

/** The middleware on bare requests, without a socket between: its own cost alone. */
async function middleware() {
    const client = new Client({ url: server.url, ...quiet });
    const act = pharosExpress(client);
    const CALLS_HERE = 200_000;
    const once = () => {
        const request = { method: 'GET', headers: {}, socket: { bytesWritten: 0 }, route: { path: '/users/:id' }, baseUrl: '' };
        const response = new http.ServerResponse(request);
        response.statusCode = 200;
        return [request, response];
    };
    const pairs = Array.from({ length: 1000 }, once);
    const go = (request, response) => {
        act(request, response, () => {});
        response.emit('close');
    };
    for (let i = 0; i < 20_000; i++) go(...pairs[i % 1000]);
    let bestMs = Infinity;
    for (let round = 0; round < 5; round++) {
        const startedMs = performance.now();
        for (let i = 0; i < CALLS_HERE / 5; i++) go(...pairs[i % 1000]);
        bestMs = Math.min(bestMs, performance.now() - startedMs);
    }
    await client.close();
    return (bestMs * 1e6) / (CALLS_HERE / 5);
}

/** A server that takes everything, in a process of its own. */
async function sink() {
    const text = `const server = require('http').createServer((request, response) => {
        request.resume().on('end', () => response.end('{}'));
    }).listen(0, '127.0.0.1', () => console.log(server.address().port));
    process.stdin.resume().on('end', () => process.exit());`;
    const child = spawn(process.execPath, ['-e', text], { stdio: ['pipe', 'pipe', 'inherit'] });
    const port = await new Promise((resolve) => child.stdout.once('data', (part) => resolve(Number(part))));
    return { url: `http://127.0.0.1:${port}`, stop: () => child.stdin.end() };
}
