// What the client costs the program that uses it. `node bench.mjs`, after `npm run build`.
//
// Every figure is of the caller's thread. The server is a plain one in a process of its own, or
// nobody at all.

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
const rows = [];

/** Calls `act` in rounds, with turns of the loop between them, as a program has them. */
async function measure(name, act, client) {
    for (let i = 0; i < 20_000; i++) act(i);
    let spentMs = 0;
    for (let done = 0; done < CALLS; done += 10_000) {
        const startedMs = performance.now();
        for (let i = done; i < done + 10_000; i++) act(i);
        spentMs += performance.now() - startedMs;
        await new Promise(setImmediate);
    }
    rows.push([name, `${((spentMs * 1e6) / CALLS).toFixed(0)} ns per call`]);
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
const startedMs = performance.now();
for (let i = 0; i < CALLS; i++) {
    client.metric('step', i, LABELS);
    if (i % 50_000 === 0) {
        most = Math.max(most, process.memoryUsage().rss);
        await new Promise((resolve) => setTimeout(resolve, 1));
    }
}
most = Math.max(most, process.memoryUsage().rss);
const tookMs = performance.now() - startedMs;
await client.close(1000);
const { sent, dropped, failed, queued } = client.stats();
rows.push(['a million calls to nobody', `${tookMs.toFixed(0)} ms, memory +${((most - before) / 2 ** 20).toFixed(1)} MiB`]);
rows.push(['  of which', `${sent} sent, ${dropped} dropped, ${failed} failed, ${queued} left`]);

rows.push(['express middleware', await middleware()]);

const width = Math.max(...rows.map(([name]) => name.length));
for (const [name, figure] of rows) console.log(`${name.padEnd(width)}  ${figure}`);
server.stop();

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
    const startedMs = performance.now();
    for (let i = 0; i < CALLS_HERE; i++) go(...pairs[i % 1000]);
    const ns = ((performance.now() - startedMs) * 1e6) / CALLS_HERE;
    await client.close();
    return `${ns.toFixed(0)} ns per request`;
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
