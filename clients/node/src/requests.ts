/**
 * Counts the requests that a web framework serves: rate, duration, sizes, status and errors by route.
 *
 * A request costs a few additions; what is sent are totals, every `collectIntervalMs`:
 * `http_requests_total`, `http_request_duration_seconds` (a histogram), `http_request_size_bytes_total`,
 * `http_response_size_bytes_total`, `http_request_errors_total`, and the gauge `http_requests_in_flight`.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Client } from './client.js';
import type { Counter, Histogram } from './series.js';
import type { Options } from './settings.js';

/** A client, or what to make one of; nothing means the environment. */
export type ClientOrOptions = Client | Options | undefined;

// What is no route of the program has one name: paths come from outside and never end.
const UNMATCHED = 'unmatched';
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']);
// The client went away before the answer was written, as nginx says it.
const STATUS_GONE = 499;

/** Of one method, route and status; those that the client has no room for are missing. */
interface Totals {
    requests: Counter | undefined;
    seconds: Histogram | undefined;
    requestBytes: Counter | undefined;
    responseBytes: Counter | undefined;
    errors: Counter | undefined;
}

export class Requests {
    readonly #client: Client;
    readonly #totals = new Map<string, Totals>();
    #inFlight = 0;

    constructor(given: ClientOrOptions) {
        this.#client = given instanceof Client || isClient(given) ? given : new Client(given);
        this.#client.gauge('http_requests_in_flight', () => this.#inFlight);
    }

    /** Follows one request to its end; `routeOf` is asked then, because routers run in between. */
    watch(request: IncomingMessage, response: ServerResponse, routeOf: () => string | undefined): void {
        const startedMs = performance.now();
        const sentBefore = bytesWritten(request);
        this.#inFlight++;
        response.once('close', () => {
            this.#inFlight--;
            const seconds = (performance.now() - startedMs) / 1000;
            const status = response.writableFinished ? response.statusCode : STATUS_GONE;
            const sent = bytesWritten(request) - sentBefore;
            this.#record(request, routeOf(), status, seconds, sent);
        });
    }

    #record(request: IncomingMessage, route: string | undefined, status: number, seconds: number, sent: number): void {
        const totals = this.#totalsOf(methodOf(request), route || UNMATCHED, status);
        totals.requests?.add(1);
        totals.seconds?.observe(seconds);
        totals.requestBytes?.add(lengthOf(request));
        totals.responseBytes?.add(Math.max(0, sent));
        if (status >= 500) totals.errors?.add(1);
    }

    #totalsOf(method: string, route: string, status: number): Totals {
        const key = `${method} ${status} ${route}`;
        let totals = this.#totals.get(key);
        if (!totals) {
            // No bound of its own: the routes are the program's, the methods and statuses few.
            totals = this.#make(method, route, status);
            this.#totals.set(key, totals);
        }
        return totals;
    }

    #make(method: string, route: string, status: number): Totals {
        const path = { method, route };
        const client = this.#client;
        return {
            requests: client.counter('http_requests_total', { ...path, status: String(status) }),
            seconds: client.histogram('http_request_duration_seconds', path),
            requestBytes: client.counter('http_request_size_bytes_total', path),
            responseBytes: client.counter('http_response_size_bytes_total', path),
            // Made with the first request: a rate of errors needs the zero before the first error.
            errors: client.counter('http_request_errors_total', path),
        };
    }
}

/** A client of the other build (ESM or CommonJS) is one, too. */
function isClient(given: ClientOrOptions): given is Client {
    return typeof (given as { observe?: unknown } | undefined)?.observe === 'function';
}

function methodOf(request: IncomingMessage): string {
    const method = request.method ?? '';
    return METHODS.has(method) ? method : 'OTHER';
}

/** What the client says it sends; a total must not shrink. */
function lengthOf(request: IncomingMessage): number {
    const length = Number(request.headers['content-length']);
    return length > 0 && length < Infinity ? length : 0;
}

/** Of the connection, which serves one request after the other. */
function bytesWritten(request: IncomingMessage): number {
    return request.socket?.bytesWritten ?? 0;
}
