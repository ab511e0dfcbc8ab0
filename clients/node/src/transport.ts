/**
 * One request to the server, with its retries.
 *
 * Built on node:http, so that sockets and timers never keep a program alive that wants to end:
 * who waits for an answer (`flush`, `close`) holds the process by a timer of its own.
 */

import * as http from 'node:http';
import * as https from 'node:https';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

/** How a request ended. */
export interface Outcome {
    ok: boolean;
    /** 0 where no answer came. */
    status: number;
    /** The answer's body, or what kept it from coming. */
    text: string;
    tries: number;
}

export interface TransportSettings {
    url: string;
    timeoutMs: number;
    retriesMax: number;
    backoffMs: number;
}

// Of an answer; the server's are a few hundred bytes.
const ANSWER_BYTES_MAX = 1 << 20;
// A server that asks for longer is asked again after this.
const RETRY_AFTER_MS_MAX = 60_000;
const BACKOFF_MS_MAX = 30_000;
// Of an answer told in the log.
const REASON_CHARS_MAX = 300;

const compress = promisify(gzip);

interface Answer {
    status: number;
    text: string;
    retryAfter: string | undefined;
}

export class Transport {
    readonly #settings: TransportSettings;
    readonly #onRetry: () => void;
    readonly #http: typeof http | typeof https;
    readonly #agent: http.Agent;
    #abort = new AbortController();

    constructor(settings: TransportSettings, onRetry: () => void) {
        this.#settings = settings;
        this.#onRetry = onRetry;
        this.#http = settings.url.startsWith('https:') ? https : http;
        this.#agent = new this.#http.Agent({ keepAlive: true, maxSockets: 4 });
    }

    /** Posts until it is taken, refused, or tried often enough. Never rejects. */
    async post(
        path: string,
        json: string,
        headers: Record<string, string>,
        zipped = false,
    ): Promise<Outcome> {
        const signal = this.#abort.signal;
        const body = zipped ? await compress(json) : Buffer.from(json);
        const all = { 'Content-Type': 'application/json', ...headers };
        const sent = zipped ? { ...all, 'Content-Encoding': 'gzip' } : all;
        for (let tries = 1; ; tries++) {
            const answer = await this.#once(path, body, sent, signal);
            const ok = answer.status >= 200 && answer.status < 300;
            const last = tries > this.#settings.retriesMax || signal.aborted;
            if (ok || last || !worthRetry(answer.status)) {
                return { ok, status: answer.status, text: answer.text, tries };
            }
            await pause(this.#waitMs(tries, answer), signal);
            if (signal.aborted) return { ok, status: answer.status, text: answer.text, tries };
            this.#onRetry();
        }
    }

    /** Ends every request and wait of this moment; later ones are not concerned. */
    abandon(): void {
        this.#abort.abort();
        this.#abort = new AbortController();
    }

    /** Closes the connections that are kept. */
    close(): void {
        this.abandon();
        this.#agent.destroy();
    }

    /** Half of the wait is chance, so that many clients do not come back at once. */
    #waitMs(tries: number, answer: Answer): number {
        const asked = Number(answer.retryAfter);
        if (answer.retryAfter !== undefined && asked >= 0) {
            return Math.min(asked * 1000, RETRY_AFTER_MS_MAX);
        }
        const fullMs = Math.min(this.#settings.backoffMs * 2 ** (tries - 1), BACKOFF_MS_MAX);
        return fullMs * (0.5 + Math.random() / 2);
    }

    #once(
        path: string,
        body: Buffer,
        headers: Record<string, string>,
        signal: AbortSignal,
    ): Promise<Answer> {
        return new Promise((resolve) => {
            const end = (status: number, text: string, retryAfter?: string) => {
                clearTimeout(timer);
                resolve({ status, text, retryAfter });
            };
            const fail = (error: Error) => end(0, reasonOf(error));
            let timer: NodeJS.Timeout | undefined;
            try {
                const request = this.#http.request(this.#settings.url + path, {
                    method: 'POST',
                    agent: this.#agent,
                    headers: { ...headers, 'Content-Length': String(body.length) },
                    signal,
                });
                const late = () => request.destroy(new Error(`no answer in ${this.#settings.timeoutMs} ms`));
                timer = setTimeout(late, this.#settings.timeoutMs).unref();
                request.on('socket', (socket) => socket.unref());
                request.on('error', fail);
                request.on('response', (response) => readAnswer(response, end));
                request.end(body);
            } catch (error) {
                // A header that HTTP does not allow, such as a key with a line break.
                fail(error as Error);
            }
        });
    }
}

/** What to tell of an outcome that is not ok. */
export function reason(outcome: Outcome): string {
    if (outcome.status === 0) return outcome.text;
    const text = detail(outcome.text);
    return text === '' ? `the answer was ${outcome.status}` : `the answer was ${outcome.status}: ${text}`;
}

/** The answer's JSON; undefined if it is none. */
export function parsed(outcome: Outcome): unknown {
    try {
        return JSON.parse(outcome.text);
    } catch {
        return undefined;
    }
}

function detail(text: string): string {
    try {
        const told = (JSON.parse(text) as { detail?: unknown } | null)?.detail;
        if (typeof told === 'string') text = told;
    } catch {
        // Told as it is.
    }
    return text.slice(0, REASON_CHARS_MAX).replace(/\s+/g, ' ').trim();
}

function worthRetry(status: number): boolean {
    return status === 0 || status === 429 || status >= 500;
}

function readAnswer(
    response: http.IncomingMessage,
    end: (status: number, text: string, retryAfter?: string) => void,
): void {
    const parts: Buffer[] = [];
    let nBytes = 0;
    response.on('data', (part: Buffer) => {
        nBytes += part.length;
        if (nBytes <= ANSWER_BYTES_MAX) parts.push(part);
        else response.destroy(new Error('the answer is too long'));
    });
    const told = () => {
        const text = Buffer.concat(parts).toString();
        end(response.statusCode ?? 0, text, response.headers['retry-after']);
    };
    // The status decides: a body that breaks off changes nothing.
    response.on('error', told);
    response.on('end', told);
}

function reasonOf(error: Error): string {
    const { code } = error as NodeJS.ErrnoException;
    // With two addresses tried (::1, 127.0.0.1) the message is empty and the code tells.
    return error.message || code || 'the connection failed';
}

/** Waits, without keeping the process alive. */
export function pause(waitMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const end = () => {
            clearTimeout(timer);
            signal?.removeEventListener('abort', end);
            resolve();
        };
        const timer = setTimeout(end, waitMs).unref();
        signal?.addEventListener('abort', end, { once: true });
    });
}
