// The middlewares: the same small application in each framework gives the same counts.

import assert from 'node:assert/strict';
import http from 'node:http';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import express from 'express';
import fastify from 'fastify';
import Koa from 'koa';
import { Client } from '@pharos/client';
import { pharosExpress } from '@pharos/client/express';
import { pharosFastify } from '@pharos/client/fastify';
import { pharosKoa } from '@pharos/client/koa';
import { caseServer } from './support.mjs';

let server;
before(async () => (server = await caseServer()));
after(() => server.stop());

const APPLICATIONS = {
    express: async (client) => {
        const app = express();
        app.set('env', 'test');
        const users = express.Router();
        users.get('/:id', (request, response) => void response.send(`user ${request.params.id}`));
        app.use(pharosExpress(client));
        app.use('/users', users);
        app.post('/orders', (_request, response) => void response.status(201).end());
        app.get('/broken', () => {
            throw new Error('broken');
        });
        app.get('/hangs', () => {});
        // Express tells errors on the terminal otherwise.
        app.use((_error, _request, response, _next) => void response.status(500).end());
        return listening(http.createServer(app));
    },
    fastify: async (client) => {
        const app = fastify({ forceCloseConnections: true });
        await app.register(pharosFastify, { client });
        app.get('/users/:id', async (request) => `user ${request.params.id}`);
        app.post('/orders', (_request, reply) => reply.code(201).send());
        app.get('/broken', async () => {
            throw new Error('broken');
        });
        app.get('/hangs', () => {});
        await app.listen({ port: 0, host: '127.0.0.1' });
        return { server: app.server, close: () => app.close() };
    },
    koa: async (client) => {
        const app = new Koa({ silent: true });
        app.silent = true;
        app.use(pharosKoa(client));
        app.use(async (context) => {
            const user = /^\/users\/(\w+)$/.exec(context.path);
            if (user) {
                context.state.route = '/users/:id';
                context.body = `user ${user[1]}`;
            } else if (context.path === '/orders') {
                context.state.route = '/orders';
                context.status = 201;
            } else if (context.path === '/broken') {
                context.state.route = '/broken';
                throw new Error('broken');
            } else if (context.path === '/hangs') {
                context.state.route = '/hangs';
                await new Promise(() => {});
            }
        });
        return listening(http.createServer(app.callback()));
    },
};

for (const [name, start] of Object.entries(APPLICATIONS)) {
    test(`${name}: rate, duration, sizes, status and errors by route`, async () => {
        await server.play({});
        const client = new Client({ url: server.url, instance: 'i', batchIntervalMs: 3600_000 });
        const app = await start(client);
        await ask(`http://127.0.0.1:${app.server.address().port}`, app.server);
        await app.close();
        await client.close();
        check(last(await server.seen()));
    });
}

async function ask(url, application) {
    for (const id of ['1', '2', '3']) assert.equal(await (await fetch(`${url}/users/${id}`)).text(), `user ${id}`);
    await fetch(`${url}/orders`, { method: 'POST', body: 'x'.repeat(1000), headers: { 'Content-Type': 'text/plain' } })
        .then((answer) => answer.text());
    await fetch(`${url}/broken`).then((answer) => answer.text());
    for (const path of ['a', 'b']) await fetch(`${url}/no/${path}`).then((answer) => answer.text());
    const hangs = http.get(`${url}/hangs`).on('error', () => {});
    const [, response] = await once(application, 'request');
    hangs.destroy();
    await once(response, 'close');
}

function check(totals) {
    const requests = (method, route, status) =>
        totals[`http_requests_total{"method":"${method}","route":"${route}","status":"${status}","instance":"i"}`];
    const of = (name, method, route) => totals[`${name}{"method":"${method}","route":"${route}","instance":"i"}`];
    assert.equal(requests('GET', '/users/:id', 200), 3);
    assert.equal(requests('GET', '/broken', 500), 1);
    assert.equal(requests('GET', 'unmatched', 404), 2);
    assert.equal(requests('GET', '/hangs', 499), 1);
    assert.equal(of('http_request_duration_seconds_count', 'GET', '/users/:id'), 3);
    assert.ok(of('http_request_duration_seconds_sum', 'GET', '/users/:id') > 0);
    assert.equal(of('http_request_errors_total', 'GET', '/broken'), 1);
    assert.equal(of('http_request_errors_total', 'GET', '/users/:id'), 0);
    assert.equal(of('http_request_errors_total', 'GET', 'unmatched'), 0);
    assert.equal(of('http_request_size_bytes_total', 'POST', '/orders'), 1000);
    assert.ok(of('http_response_size_bytes_total', 'GET', '/users/:id') >= 3 * 'user 1'.length);
    assert.equal(totals.http_requests_in_flight, 0);
}

/** The last value of each series. */
function last(seen) {
    const totals = {};
    for (const { metric_type: name, value, labels } of seen.flatMap((one) => one.body.metrics)) {
        totals[name + (labels ? JSON.stringify(labels) : '')] = value;
    }
    return totals;
}

async function listening(application) {
    await new Promise((resolve) => application.listen(0, '127.0.0.1', resolve));
    return {
        server: application,
        close: () => {
            application.closeAllConnections();
            return new Promise((resolve) => application.close(resolve));
        },
    };
}
