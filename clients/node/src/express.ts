/** Express (and Connect): `app.use(pharosExpress())` before the routes. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Requests, type ClientOrOptions } from './requests.js';

export type { ClientOrOptions } from './requests.js';

interface Routed extends IncomingMessage {
    baseUrl?: string;
    route?: { path?: unknown };
}

/** A middleware that counts requests by route. */
export function pharosExpress(
    client?: ClientOrOptions,
): (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void {
    const requests = new Requests(client);
    return (request, response, next) => {
        requests.watch(request, response, () => {
            const { route, baseUrl = '' } = request as Routed;
            return route?.path === undefined ? undefined : `${baseUrl}${String(route.path)}`;
        });
        next();
    };
}

export default pharosExpress;
