// The middlewares fit the frameworks' own types.
import express from 'express';
import fastify from 'fastify';
import Koa from 'koa';
import pino from 'pino';
import { Client } from '@pharos/client';
import { pharosExpress } from '@pharos/client/express';
import pharosFastify from '@pharos/client/fastify';
import { pharosKoa } from '@pharos/client/koa';
import pharosPino, { type PinoOptions } from '@pharos/client/pino';

const client = new Client();
express().use(pharosExpress()).use('/api', pharosExpress(client));
await fastify().register(pharosFastify, { client });
await fastify().register(pharosFastify);
await fastify().register(pharosFastify, { url: 'http://pharos:8000' });
new Koa().use(pharosKoa(client)).use(pharosKoa({ service: 'shop' }));
const options: PinoOptions = { alertFrom: 'fatal' };
pino({ transport: { target: '@pharos/client/pino', options } });
pino(pharosPino(options));
