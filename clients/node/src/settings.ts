/**
 * What a client can be told, and where it looks when it is told nothing.
 *
 * Order: option, environment, default. Everything has an end here: queue, batch, retry and wait.
 */

import { hostname } from 'node:os';
import { basename, extname } from 'node:path';

/** Takes the lines that the client has to say. */
export type Log = (level: 'warn' | 'info', text: string) => void;

/** What `new Client(options)` takes; all of it is optional. */
export interface Options {
    /** The server; else PHAROS_URL, else http://127.0.0.1:8000. */
    url?: string | undefined;
    /** The name of this service; else PHAROS_SERVICE, else the name of the program. */
    service?: string | undefined;
    /** Sent as `Authorization: Bearer`; else PHAROS_API_KEY, else none is sent. */
    apiKey?: string | null | undefined;
    /** Told apart from other processes of the service in counters and histograms; else host:pid. */
    instance?: string | undefined;
    /** Metrics wait so long for others to travel with. Default 1000. */
    batchIntervalMs?: number | undefined;
    /** So many metrics travel at once without waiting. Default 500. */
    batchItemsMax?: number | undefined;
    /** So many metrics wait at most; beyond, the oldest are dropped and counted. Default 10000. */
    queueItemsMax?: number | undefined;
    /** Gauges, counters and histograms are read so often. Default 10000. */
    collectIntervalMs?: number | undefined;
    /** Tries after the first. Default 8: the last one comes about a minute after the first. */
    retriesMax?: number | undefined;
    /** The wait before the first retry; each doubles it, with jitter. Default 500. */
    backoffMs?: number | undefined;
    /** Of one request. Default 10000. */
    timeoutMs?: number | undefined;
    /** How long `flush`, `close` and the end of the process wait at most. Default 5000. */
    flushTimeoutMs?: number | undefined;
    /** The last status is repeated so often: silent for three minutes, a service is unknown. Default 60000. */
    heartbeatMs?: number | undefined;
    /** So many errors in a row raise one alert. Default 3. */
    alertAfterErrors?: number | undefined;
    /** Send what is left, and report `down`, when the process ends or is told to. Default true. */
    flushOnExit?: boolean | undefined;
    /** Throw and reject where the client would say a line and go on. Default false. */
    throws?: boolean | undefined;
    /** Takes what the client has to say. Default: `console.warn`. */
    log?: Log | undefined;
}

/** `Options` with nothing left out. */
export interface Settings {
    url: string;
    service: string;
    apiKey: string | undefined;
    instance: string;
    batchIntervalMs: number;
    batchItemsMax: number;
    queueItemsMax: number;
    collectIntervalMs: number;
    retriesMax: number;
    backoffMs: number;
    timeoutMs: number;
    flushTimeoutMs: number;
    heartbeatMs: number;
    alertAfterErrors: number;
    flushOnExit: boolean;
    throws: boolean;
    log: Log;
}

export const URL_DEFAULT = 'http://127.0.0.1:8000';

// Timers take no longer waits.
const WAIT_MS_MAX = 2 ** 31 - 1;
// The server takes no larger batch.
const BATCH_ITEMS_MAX = 10_000;

type Complain = (text: string) => void;

/** Fills in what is left out. A setting that makes no sense is complained about and its default taken. */
export function settingsOf(options: Options, complain: Complain): Settings {
    const number = (name: keyof Options, least: number, most: number, usual: number) =>
        bounded(name, options[name], least, most, usual, complain);
    const wait = (name: keyof Options, least: number, usual: number) =>
        number(name, least, WAIT_MS_MAX, usual);
    return {
        url: urlOf(options.url ?? process.env['PHAROS_URL'], complain),
        service: options.service || process.env['PHAROS_SERVICE'] || program(),
        apiKey: (options.apiKey ?? process.env['PHAROS_API_KEY']) || undefined,
        instance: options.instance || `${hostname()}:${process.pid}`,
        batchIntervalMs: wait('batchIntervalMs', 1, 1000),
        batchItemsMax: Math.min(number('batchItemsMax', 1, Infinity, 500), BATCH_ITEMS_MAX),
        queueItemsMax: number('queueItemsMax', 1, 2 ** 24, 10_000),
        collectIntervalMs: wait('collectIntervalMs', 1, 10_000),
        retriesMax: number('retriesMax', 0, 100, 8),
        backoffMs: wait('backoffMs', 0, 500),
        timeoutMs: wait('timeoutMs', 1, 10_000),
        flushTimeoutMs: wait('flushTimeoutMs', 0, 5000),
        heartbeatMs: wait('heartbeatMs', 1, 60_000),
        alertAfterErrors: number('alertAfterErrors', 1, Infinity, 3),
        flushOnExit: options.flushOnExit ?? true,
        throws: options.throws ?? false,
        log: options.log ?? ((_level, text) => console.warn(`pharos: ${text}`)),
    };
}

/** The server's address without its last slash. */
export function urlOf(given: string | undefined, complain: Complain): string {
    const text = (given || URL_DEFAULT).trim().replace(/\/+$/, '');
    let scheme = '';
    try {
        scheme = new URL(text).protocol;
    } catch {
        // Told below.
    }
    if (scheme === 'http:' || scheme === 'https:') return text;
    complain(`url: ${JSON.stringify(text)} is no http or https address; ${URL_DEFAULT} is used`);
    return URL_DEFAULT;
}

function bounded(
    name: string,
    given: unknown,
    least: number,
    most: number,
    usual: number,
    complain: Complain,
): number {
    if (given === undefined) return usual;
    if (typeof given === 'number' && given >= least) return Math.min(given, most);
    complain(`${name}: ${String(given)} is no number of at least ${least}; ${usual} is used`);
    return usual;
}

function program(): string {
    const path = process.argv[1] ?? '';
    return basename(path, extname(path)) || 'node';
}
