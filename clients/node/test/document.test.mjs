// The JavaScript of the integration guide that PHAROS_DOCUMENTS holds: as it is written, with axios,
// and with its class replaced by ours. Only the server's address, and the minute, are others.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pharos, runNode, until, withoutPharos } from './support.mjs';

const ADDRESS = 'http://localhost:8000';
const USAGE = '// Usage Example';
const MINUTE = /60000/;

const folder = process.env.PHAROS_DOCUMENTS;
const text = folder && extract(folder);
const skip =
    withoutPharos ||
    (!folder && 'PHAROS_DOCUMENTS names no folder') ||
    (!text && `no JavaScript with a SystemMonitorClient in ${folder}`);

let server;
before(async () => (server = skip ? undefined : await pharos()));
after(() => server?.stop());

const OURS = `const { SystemMonitorClient } = require('@pharos/client');\n`;
const CLASSES = {
    'as written': () => text.slice(0, text.indexOf(USAGE)),
    'with our class': () => OURS,
};

for (const [name, classText] of Object.entries(CLASSES)) {
    test(`the document's program runs: ${name}`, { skip }, async () => {
        const service = `example-${name.split(' ').pop()}`;
        const program = (classText() + text.slice(text.indexOf(USAGE)))
            .replace(ADDRESS, server.url)
            .replace(MINUTE, '50')
            .replaceAll('example-service', service);
        const types = async () => {
            const rows = await server.get(`/metrics/?service=${service}`);
            return [...new Set(rows.map((row) => row.metric_type))].sort();
        };
        const started = async (child) => {
            await until(async () => (await types()).length >= 3).catch(() => {});
            child.kill('SIGKILL');
        };
        const { err } = await runNode(program, { type: 'commonjs', started });
        assert.equal(err, '');
        const [one] = await server.get(`/services/?name=${service}`);
        assert.deepEqual([one.status, one.endpoint], ['up', `http://${service}:3000`]);
        assert.deepEqual((await types()).filter((type) => type !== 'load1'), ['cpu', 'disk', 'memory']);
        for (const type of ['cpu', 'disk', 'memory']) {
            const [[labels, value]] = await server.query(`${type}{service="${service}"}`);
            assert.deepEqual([labels.service, value >= 0], [service, true]);
        }
    });

    test(`the document's program raises an alert where metrics fail: ${name}`, { skip }, async () => {
        const service = `failing-${name.split(' ').pop()}`;
        // The program's own answer to it is tried: only the reading is made to fail.
        const broken = 'monitor.sendMetrics = async () => { throw new Error("no figures"); };';
        const program = (classText() + text.slice(text.indexOf(USAGE)))
            .replace(ADDRESS, server.url)
            .replace(MINUTE, '50')
            .replaceAll('example-service', service)
            .replace('try {', `${broken} try {`);
        const alerts = () => server.get(`/alerts/?service=${service}`);
        const started = async (child) => {
            await until(async () => (await alerts()).length > 0).catch(() => {});
            child.kill('SIGKILL');
        };
        await runNode(program, { type: 'commonjs', started });
        const [alert] = await alerts();
        assert.deepEqual([alert.title, alert.message, alert.severity], ['Metrics Collection Failed', 'no figures', 2]);
    });

    test(`the document's class answers every call: ${name}`, { skip }, async () => {
        const calls = `(async () => {
            const monitor = new SystemMonitorClient('${server.url}/', 'calls', 'your-api-key');
            const kind = (answer) => answer && Object.keys(answer).join();
            console.log(monitor.baseUrl === '${server.url}', monitor.serviceName, JSON.stringify(monitor.headers));
            console.log(kind(await monitor.updateStatus()), kind(await monitor.updateStatus('down', 'http://x')));
            console.log(await monitor.sendMetrics());
            console.log(kind(await monitor.updatePipeline('training', 'running', { epoch: 5 })));
            console.log(kind(await monitor.updatePipeline('training', 'completed')));
            console.log(kind(await monitor.sendAlert('High CPU Usage', 'CPU usage above 90%', 2)));
            console.log(kind(await monitor.sendAlert('Info', 'text')));
            await monitor.updateStatus('sideways').catch((error) => console.log(error instanceof Error));
        })();`;
        const { code, out, err } = await runNode(classText() + calls, { type: 'commonjs' });
        assert.deepEqual([code, err], [0, '']);
        const headers = '{"Content-Type":"application/json","Authorization":"Bearer your-api-key"}';
        assert.deepEqual(out.trim().split('\n'), [
            `true calls ${headers}`, 'status status', 'undefined', 'id', 'id', 'id', 'id', 'true',
        ]);
        const [one] = await server.get('/services/?name=calls');
        assert.deepEqual([one.status, one.endpoint], ['down', 'http://x']);
        const alerts = await server.get('/alerts/?service=calls');
        assert.ok(alerts.some((alert) => alert.title === 'High CPU Usage' && alert.severity === 2));
        assert.ok((await server.query('memory{service="calls"}'))[0][1] > 0);
        const [run] = await server.get('/pipelines/?type=training');
        assert.equal(run.status, 'completed');
    });
}

/** The first fenced JavaScript that has the class. */
function extract(folder) {
    for (const file of readdirSync(folder).sort()) {
        const blocks = readFileSync(join(folder, file), 'utf8').matchAll(/```javascript\n([^]*?)\n```/g);
        for (const [, block] of blocks) if (block.includes('class SystemMonitorClient')) return block;
    }
    return undefined;
}
