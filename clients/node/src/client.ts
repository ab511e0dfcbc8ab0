/**
 * The client: what a program calls. It only checks and queues; `outbox` sends.
 */

import { join, leave, type Leaver } from './exit.js';
import { Host } from './host.js';
import { Job, type Metadata } from './job.js';
import { Outbox, type Stats } from './outbox.js';
import { textOf, type Labels } from './queue.js';
import type { Counter, Histogram } from './series.js';
import { settingsOf, type Options, type Settings } from './settings.js';

/** How a service is. */
export type State = 'up' | 'down' | 'unknown';
/** What a pipeline does. */
export type PipelineState = 'running' | 'completed' | 'failed';
/** 1 is info, 2 warning, 3 critical. */
export type Severity =
    1 | 2 | 3 | 'info' | 'low' | 'warning' | 'medium' | 'error' | 'high' | 'critical';

const WARNING = 2;
const SEVERITIES = new Map<string, number | string>([
    ['1', 1], ['info', 1], ['low', 1], ['error', 'error'], ['high', 'error'], ['3', 3], ['4', 3], ['critical', 3],
]);
const STATES: readonly string[] = ['up', 'down', 'unknown'];
const PIPELINE_STATES: readonly string[] = ['running', 'completed', 'failed'];

/**
 * Sends metrics, status, pipelines and alerts of one service to Pharos.
 *
 * No method waits for the server, and none throws, unless `throws` is set. The promises are there
 * for who wants to know: they resolve with the server's answer, or with undefined.
 */
export class Client {
    readonly settings: Settings;
    readonly #outbox: Outbox;
    readonly #leaver: Leaver;
    #status: { name: string; status: State; endpoint?: string } | undefined;
    #beat: NodeJS.Timeout | undefined;
    #closed: Promise<void> | undefined;

    constructor(options: Options = {}) {
        const mistakes: string[] = [];
        this.settings = settingsOf(options, (text) => mistakes.push(text));
        this.#outbox = new Outbox(this.settings);
        this.#leaver = this.#leaverOf();
        if (this.settings.flushOnExit) join(this.#leaver);
        try {
            for (const text of mistakes) this.#outbox.complain(text);
        } catch (error) {
            void this.close();
            throw error;
        }
    }

    /** One value of a metric, now. */
    metric(name: string, value: number, labels?: Labels): void {
        this.#outbox.metric(name, value, labels);
    }

    /**
     * A value that goes up and down. With a function, it is read every `collectIntervalMs` and
     * before the end; call the answer to stop that.
     */
    gauge(name: string, value: number | (() => number | Promise<number>), labels?: Labels): () => void {
        if (typeof value !== 'function') {
            this.metric(name, value, labels);
            return () => undefined;
        }
        return this.#outbox.collectWith((offer) => {
            const read = value();
            // A value that is there is sent with this batch.
            if (!isPromise(read)) return offer(name, read, labels);
            return read.then((later) => offer(name, later, labels));
        });
    }

    /** Adds to a total of this process, such as `orders_total`. */
    count(name: string, amount = 1, labels?: Labels): void {
        if (!(Number.isFinite(amount) && amount >= 0)) {
            return this.#outbox.refuse(name, amount, 'is nothing a total can grow by');
        }
        this.#outbox.counter(name, labels)?.add(amount);
    }

    /** Adds to a histogram of this process, such as `order_duration_seconds`. */
    observe(name: string, value: number, labels?: Labels, bounds?: readonly number[]): void {
        if (!Number.isFinite(value)) return this.#outbox.refuse(name, value);
        this.#outbox.histogram(name, labels, bounds)?.observe(value);
    }

    /** The total that `count` adds to, to hold on to; undefined if there are too many. */
    counter(name: string, labels?: Labels): Counter | undefined {
        return this.#outbox.counter(name, labels);
    }

    /** The histogram that `observe` adds to, to hold on to; undefined if there are too many. */
    histogram(name: string, labels?: Labels, bounds?: readonly number[]): Histogram | undefined {
        return this.#outbox.histogram(name, labels, bounds);
    }

    /** Runs `work` and sends how long it took, in seconds, and whether it worked. */
    timed<T>(name: string, work: () => T, labels?: Labels): T {
        const startedMs = performance.now();
        const end = (ok: boolean) => {
            const seconds = (performance.now() - startedMs) / 1000;
            this.metric(name, seconds, { ...labels, ok });
        };
        let result: T;
        try {
            result = work();
        } catch (error) {
            end(false);
            throw error;
        }
        if (!isPromise(result)) {
            end(true);
            return result;
        }
        const watched = result.then(
            (value) => (end(true), value),
            (error: unknown) => {
                end(false);
                throw error;
            },
        );
        return watched as T;
    }

    /** Reports how the service is, from then on every minute, and `down` at the end. */
    async status(state: State, endpoint?: string): Promise<unknown> {
        if (!STATES.includes(state)) {
            return this.#outbox.complain(`a status is up, down or unknown, not ${JSON.stringify(state)}`);
        }
        this.#status = { name: this.settings.service, status: state, ...(endpoint && { endpoint }) };
        if (!this.#closed) this.#beat ??= setInterval(() => this.#repeat(), this.settings.heartbeatMs).unref();
        return this.#outbox.report('/services/', this.#status);
    }

    /** Reports what a pipeline does. A failed one with an `error` raises an alert. */
    async pipeline(type: string, state: PipelineState, metadata?: Metadata, error?: string): Promise<unknown> {
        if (!PIPELINE_STATES.includes(state)) {
            const told = JSON.stringify(state);
            return this.#outbox.complain(`a pipeline is running, completed or failed, not ${told}`);
        }
        return this.#outbox.report('/pipelines/', {
            pipeline_type: type,
            status: state,
            service: this.settings.service,
            ...(metadata && { metadata }),
            ...(error && { error_message: error }),
        });
    }

    /** Raises an alert. */
    async alert(title: string, message: string, severity: Severity = 1): Promise<unknown> {
        const { service } = this.settings;
        // An alert must not be lost for its word: an unknown one is a warning.
        const level = SEVERITIES.get(textOf(severity).trim().toLowerCase()) ?? WARNING;
        return this.#outbox.report('/alerts/', { title, message, severity: level, service });
    }

    /** Starts a run of a pipeline; with `work`, it completes or fails with it. */
    job(type: string, metadata?: Metadata): Job;
    job<T>(type: string, work: (job: Job) => T | Promise<T>): Promise<T>;
    job<T>(type: string, given?: Metadata | ((job: Job) => T | Promise<T>)): Job | Promise<T> {
        if (typeof given !== 'function') return new Job(this.#outbox, type, given);
        return new Job(this.#outbox, type).run(given);
    }

    /**
     * Sends `cpu`, `memory` and `disk` of this host in percent, and `load1`, every
     * `collectIntervalMs`. Call the answer to stop that.
     */
    collectHost(): () => void {
        const host = new Host();
        return this.#outbox.collectWith(async (offer) => {
            for (const [name, value] of Object.entries(await host.read())) offer(name, value as number);
        });
    }

    /** Sends all that waits; false if that took longer than `timeoutMs`. */
    flush(timeoutMs?: number): Promise<boolean> {
        return this.#outbox.flush(timeoutMs);
    }

    /** Says `down` if a status was told, sends what waits, and ends. */
    close(timeoutMs?: number): Promise<void> {
        this.#closed ??= this.#close(timeoutMs);
        return this.#closed;
    }

    stats(): Stats {
        return this.#outbox.stats();
    }

    async #close(timeoutMs: number | undefined): Promise<void> {
        clearInterval(this.#beat);
        const up = this.#status !== undefined && this.#status.status !== 'down';
        const body = { ...this.#status, status: 'down' };
        await this.#outbox.close(up ? { path: '/services/', body } : undefined, timeoutMs);
        // Last: until now a second signal must find its listener.
        leave(this.#leaver);
    }

    #repeat(): void {
        if (this.#status?.status === 'down') return;
        if (this.#status) void this.#outbox.report('/services/', this.#status).catch(() => undefined);
    }

    #leaverOf(): Leaver {
        const busy = () => this.#outbox.busy;
        return {
            get busy() {
                return busy();
            },
            flushOrGiveUp: () => this.#outbox.flushOrGiveUp(),
            goDown: async () => {
                if (this.#status && this.#status.status !== 'down') {
                    void this.status('down', this.#status.endpoint).catch(() => undefined);
                }
                await this.#outbox.flush().catch(() => undefined);
            },
            close: () => this.close(),
        };
    }
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
    return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
