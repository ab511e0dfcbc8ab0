/** Koa: `app.use(pharosKoa())` before the routes. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Requests, type ClientOrOptions } from './requests.js';

export type { ClientOrOptions } from './requests.js';

/** What is used of Koa's context; `_matchedRoute` is told by @koa/router, `routePath` by others. */
interface Context {
    req: IncomingMessage;
    res: ServerResponse;
    _matchedRoute?: unknown;
    routePath?: unknown;
    state?: { route?: unknown };
}

/** A middleware that counts requests by route. Without a router, `ctx.state.route` names it. */
export function pharosKoa(
    client?: ClientOrOptions,
): (context: any, next: () => Promise<unknown>) => Promise<unknown> {
    const requests = new Requests(client);
    return (context: Context, next) => {
        requests.watch(context.req, context.res, () => {
            const route = context._matchedRoute ?? context.routePath ?? context.state?.route;
            return route === undefined ? undefined : String(route);
        });
        return next();
    };
}

export default pharosKoa;
