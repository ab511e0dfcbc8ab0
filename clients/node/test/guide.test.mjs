// Every example of docs/guide/node.md and of README.md runs as it stands, each in a process of its own.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { PACKAGE, caseServer, pharos, runNode, withoutPharos } from './support.mjs';

// The scripted server takes everything, too, where the real one is not at hand.
let server;
before(async () => (server = await (withoutPharos ? caseServer() : pharos())));
after(() => server.stop());

for (const path of ['README.md', '../../docs/guide/node.md']) {
    const text = readFileSync(join(PACKAGE, path), 'utf8');
    for (const [, example] of text.matchAll(/```js\n([^]*?)```/g)) {
        const [name] = text.slice(0, text.indexOf(example)).match(/^#+ .*$/gm).slice(-1);
        test(`${path}: ${name}: ${example.trim().split('\n').at(-1)}`, async () => {
            const { code, out, err } = await runNode(example, { env: { PHAROS_URL: server.url } });
            assert.equal(code, 0, err);
            assert.doesNotMatch(err, /pharos|[Ee]rror/);
            assert.doesNotMatch(out, /false|undefined/);
        });
    }
}

test('what the examples send is there', { skip: withoutPharos }, async () => {
    for (const query of [
        'queue_size{service="shop",queue="mail"}', 'heap_bytes', 'orders_total', 'order_seconds_count',
        'load_seconds{ok="true"}', 'log_records_total{level="info"}', 'load1{service="example-service"}',
    ]) {
        assert.equal((await server.query(query)).length, 1, query);
    }
    const services = await server.get('/services/');
    assert.equal(services.find((one) => one.name === 'trainer').status, 'down');
});

test('the table of options names each of them', () => {
    const guide = readFileSync(join(PACKAGE, '../../docs/guide/node.md'), 'utf8');
    const source = readFileSync(join(PACKAGE, 'src/settings.ts'), 'utf8');
    const declared = source.slice(source.indexOf('interface Options'), source.indexOf('interface Settings'));
    const names = [...declared.matchAll(/^ {4}(\w+)\?:/gm)].map(([, name]) => name);
    assert.ok(names.length > 10);
    for (const name of names) assert.ok(guide.includes(`\`${name}\``), name);
});
