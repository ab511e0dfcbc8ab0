// Against the real server: what a client sends is found where a person looks for it.

import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';
import express from 'express';
import { Client, SystemMonitorClient } from '@pharos/client';
import { pharosExpress } from '@pharos/client/express';
import { pharos, until, withoutPharos } from './support.mjs';

let server;
const skip = withoutPharos;
before(async () => (server = skip ? undefined : await pharos()));
after(() => server?.stop());

const client = (service, more) => new Client({ url: server.url, service, instance: 'i', ...more });

test('metrics are found by their name, with their labels', { skip }, async () => {
    const shop = client('shop');
    shop.metric('queue_size', 3);
    shop.gauge('loss', 0.25, { gpu: 0 });
    shop.gauge('read', () => 7);
    shop.gauge('read_later', async () => 8);
    await shop.close();
    assert.deepEqual(shop.stats().sent, 4);
    assert.deepEqual(await server.query('queue_size{service="shop"}'), [
        [{ __name__: 'queue_size', service: 'shop' }, 3],
    ]);
    assert.deepEqual(await server.query('loss'), [[{ __name__: 'loss', service: 'shop', gpu: '0' }, 0.25]]);
    assert.deepEqual(await server.query('service_metric{metric_type="read"} + 0'), [
        [{ metric_type: 'read', service: 'shop' }, 7],
    ]);
    assert.equal((await server.query('read_later'))[0][1], 8);
});

test('totals rise from zero, and histograms have quantiles', { skip }, async () => {
    const mill = client('mill');
    mill.count('sacks_total', 2, { kind: 'rye' });
    for (const value of [0.02, 0.02, 0.02, 4]) mill.observe('grind_seconds', value);
    await mill.flush();
    mill.count('sacks_total', 3, { kind: 'rye' });
    await mill.close();
    assert.deepEqual(await server.query('sacks_total{kind="rye"}'), [
        [{ __name__: 'sacks_total', service: 'mill', kind: 'rye', instance: 'i' }, 5],
    ]);
    assert.equal((await server.query('resets(sacks_total[5m])'))[0][1], 0);
    assert.ok((await server.query('increase(sacks_total[5m])'))[0][1] > 4);
    const [[, median]] = await server.query('histogram_quantile(0.5, grind_seconds_bucket)');
    assert.ok(median > 0.01 && median <= 0.025);
});

test('a status is seen, and down after the end', { skip }, async () => {
    const shop = client('door');
    assert.deepEqual(await shop.status('up', 'http://door:80'), { status: 'updated' });
    const one = async () => (await server.get('/services/?name=door'))[0];
    assert.deepEqual([(await one()).status, (await one()).endpoint], ['up', 'http://door:80']);
    await shop.close();
    assert.equal((await one()).status, 'down');
});

test('pipelines and alerts answer with their number', { skip }, async () => {
    const shop = client('school');
    const pipeline = await shop.pipeline('training', 'running', { epoch: 5, loss: 0.234 });
    assert.ok(pipeline.id > 0);
    assert.equal((await shop.pipeline('training', 'completed')).id, pipeline.id);
    const alert = await shop.alert('High CPU Usage', 'CPU usage above 90%', 2);
    const listed = (await server.get('/alerts/?service=school')).find((one) => one.id === alert.id);
    assert.deepEqual([listed.title, listed.message, listed.severity], ['High CPU Usage', 'CPU usage above 90%', 2]);
    await shop.close();
});

test('a job is one run: its progress, and its end', { skip }, async () => {
    const shop = client('jobs');
    const job = shop.job('evaluation', { model: 'm1' });
    job.progress(40, { step: 'read' });
    job.progress(60);
    await job.complete({ accuracy: 0.9 });
    await job.fail(new Error('too late'));
    const [run, ...others] = await server.get('/pipelines/?service=jobs');
    assert.deepEqual([run.status, others.length], ['completed', 0]);
    assert.deepEqual(run.metadata, { model: 'm1', progress: 100, step: 'read', accuracy: 0.9 });
    await shop.close();
});

test('a job that throws has failed, is an alert, and throws on', { skip }, async () => {
    const shop = client('failing');
    const work = async (job) => {
        job.progress(10);
        throw new Error('disk full');
    };
    await assert.rejects(shop.job('preprocessing', work), /disk full/);
    assert.equal(await shop.job('preprocessing', () => 5), 5);
    await shop.close();
    const runs = await server.get('/pipelines/?service=failing');
    assert.deepEqual(runs.map((run) => [run.status, run.error_message]), [['completed', null], ['failed', 'disk full']]);
    const [alert] = await server.get('/alerts/?service=failing');
    assert.equal(alert.message, 'disk full');
});

test('timed sends seconds, of what works and of what throws', { skip }, async () => {
    const shop = client('timed');
    assert.equal(shop.timed('load_seconds', () => 5, { kind: 'sync' }), 5);
    assert.equal(await shop.timed('load_seconds', async () => 6, { kind: 'async' }), 6);
    const fails = () => {
        throw new Error('no load');
    };
    assert.throws(() => shop.timed('load_seconds', fails, { kind: 'throws' }), /no load/);
    await assert.rejects(shop.timed('load_seconds', async () => fails(), { kind: 'rejects' }), /no load/);
    await shop.close();
    const got = await server.query('load_seconds{service="timed"}');
    assert.deepEqual(got.map(([labels]) => `${labels.kind} ${labels.ok}`).sort(), [
        'async true', 'rejects false', 'sync true', 'throws false',
    ]);
    for (const [, seconds] of got) assert.ok(seconds >= 0 && seconds < 5);
});

test('this host is found: cpu, memory, disk, load1', { skip }, async () => {
    const shop = client('host');
    shop.collectHost();
    await shop.close();
    const rows = await server.get('/metrics/?service=host');
    assert.deepEqual(rows.map((row) => row.metric_type).sort(), ['cpu', 'disk', 'load1', 'memory']);
});

test('requests of an application have a rate and a quantile by route', { skip }, async () => {
    const web = client('web');
    const app = express().use(pharosExpress(web));
    app.get('/users/:id', (request, response) => void response.send(request.params.id));
    const listening = http.createServer(app);
    await new Promise((resolve) => listening.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${listening.address().port}/users/`;
    for (let id = 0; id < 5; id++) await (await fetch(url + id)).text();
    listening.closeAllConnections();
    listening.close();
    await web.close();
    const [[, requests]] = await server.query('sum by (route) (increase(http_requests_total{route="/users/:id"}[5m]))');
    assert.ok(requests > 4);
    const quantile = 'histogram_quantile(0.95, sum by (le) (http_request_duration_seconds_bucket{service="web"}))';
    assert.ok((await server.query(quantile))[0][1] > 0);
});

test('the small client answers with what the server said', { skip }, async () => {
    const monitor = new SystemMonitorClient(`${server.url}/`, 'small', 'key');
    assert.deepEqual([monitor.baseUrl, monitor.serviceName, monitor.headers], [
        server.url, 'small', { 'Content-Type': 'application/json', Authorization: 'Bearer key' },
    ]);
    assert.deepEqual(new SystemMonitorClient('x', 'y').headers, { 'Content-Type': 'application/json' });
    const open = new SystemMonitorClient(server.url, 'small');
    assert.deepEqual(await open.updateStatus('up', 'http://small:3000'), { status: 'updated' });
    assert.ok((await open.updatePipeline('training', 'running', { epoch: 1 })).id > 0);
    assert.ok((await open.sendAlert('A', 'b', 2)).id > 0);
    assert.equal(await open.sendMetrics(), undefined);
    const types = (await server.get('/metrics/?service=small')).map((row) => row.metric_type).sort();
    assert.deepEqual(types, ['cpu', 'disk', 'load1', 'memory']);
    await assert.rejects(open.updateStatus('sideways'), (error) => error.status === 422);
});

test('a key is sent; a wrong one is said once, with what to do', { skip }, async () => {
    const locked = await pharos(['--no-collect'], undefined, { PHAROS_API_KEY: 'a long random text' });
    const lines = [];
    const log = (_level, text) => lines.push(text);
    for (const apiKey of ['a long random text', 'wrong', undefined]) {
        const shop = new Client({ url: locked.url, apiKey, log });
        shop.metric('a', 1);
        await shop.flush();
        shop.metric('a', 2);
        await shop.close();
        assert.equal(shop.stats().sent, apiKey?.startsWith('a long') ? 2 : 0);
    }
    assert.equal(lines.length, 2);
    for (const line of lines) assert.match(line, /401.*check PHAROS_API_KEY/);
    locked.stop();
});

test('a server that is away for a moment loses nothing', { skip }, async () => {
    const first = await pharos();
    const port = new URL(first.url).port;
    const shop = new Client({ url: first.url, service: 'patient', backoffMs: 10, retriesMax: 12, log: () => {} });
    first.stop();
    for (let i = 0; i < 1200; i++) shop.metric('step', i);
    await until(() => shop.stats().retries > 0);
    const second = await pharos(['--no-collect'], port);
    await until(async () => (await shop.flush(), shop.stats().sent === 1200));
    assert.equal((await second.query('count_over_time(step[5m])'))[0][1] > 0, true);
    assert.deepEqual([shop.stats().dropped, shop.stats().failed], [0, 0]);
    await shop.close();
    second.stop();
});
