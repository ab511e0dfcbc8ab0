/** Fastify: `await app.register(pharosFastify)` before the routes. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Client } from './client.js';
import { Requests } from './requests.js';
import type { Options } from './settings.js';

/** What is used of Fastify's instance. */
interface Instance {
    addHook(name: any, hook: any): any;
}

interface Request {
    raw: IncomingMessage;
    routeOptions?: { url?: string | undefined };
    /** Before Fastify 4.10. */
    routerPath?: string;
}

/** The settings of the client, or a client that is there. */
export interface PluginOptions extends Options {
    client?: Client | undefined;
}

/** A plugin that counts requests by route. */
export function pharosFastify(app: Instance, options: PluginOptions, done: (error?: Error) => void): void {
    const requests = new Requests(options.client ?? options);
    app.addHook('onRequest', (request: Request, reply: { raw: ServerResponse }, next: () => void) => {
        requests.watch(request.raw, reply.raw, () => request.routeOptions?.url ?? request.routerPath);
        next();
    });
    done();
}

// Not inside a scope of its own: all routes are meant.
Object.assign(pharosFastify, {
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: '@pharos/client',
});

export default pharosFastify;
