/**
 * What waits to be sent, the loops that send it, and what they tell about themselves.
 *
 * Metrics travel in batches, after `batchIntervalMs` or `batchItemsMax` of them; reports (status,
 * pipeline, alert) at once and in order. What goes wrong is counted and said once; nothing is thrown
 * into the program unless it asked for that.
 */

import { Queue, type Labels } from './queue.js';
import { BUCKETS_S, Series, type Counter, type Histogram } from './series.js';
import type { Settings } from './settings.js';
import { Transport, parsed, pause, reason, type Outcome } from './transport.js';

/** Counters of one client since it was made, and what waits now. */
export interface Stats {
    /** Metrics that the server took. */
    sent: number;
    /** Metrics that were never sent: no number, a full queue, a closed client. */
    dropped: number;
    /** Requests that were sent again. */
    retries: number;
    /** Metrics given up after an answer or the last retry. */
    failed: number;
    /** Reports of status, pipelines and alerts that the server took. */
    reportsSent: number;
    /** Such reports given up. */
    reportsFailed: number;
    /** Metrics waiting. */
    queued: number;
    /** Reports waiting. */
    reportsQueued: number;
}

/** Thrown only where `throws` is set: what could not be sent, and why. */
export class PharosError extends Error {
    override name = 'PharosError';
    /** The status that was answered; 0 where no answer came. */
    readonly status: number;

    constructor(text: string, status: number) {
        super(text);
        this.status = status;
    }
}

interface Report {
    path: string;
    json: string;
    settle: (outcome: Outcome) => void;
}

/** Reads something before a batch and puts it into the queue. */
export type Collector = (offer: Offer) => void | Promise<void>;

type Offer = (name: string, value: number, labels?: Labels) => void;

// Reports waiting to be sent; a program that makes more of them has another problem.
const REPORTS_MAX = 1000;
// Of a batch before compression: half of what the server takes.
const BATCH_CHARS_MAX = 5 << 20;
// How many single metrics a refused batch may lose before it is given up whole.
const REFUSED_ITEMS_MAX = 20;
// Distinct lines said once; beyond that, silence.
const SAID_MAX = 200;
// Lines that are said again after the server took something: failures that pass.
const PASSING = 'passing ';

// Requests that are cut off end within a turn of the loop.
const GIVE_UP_MS = 1000;

const ABANDONED: Outcome = { ok: false, status: 0, text: 'the client gave up', tries: 0 };

export class Outbox {
    readonly settings: Settings;
    readonly #series: Series;
    readonly #queue: Queue;
    readonly #transport: Transport;
    readonly #headers: Record<string, string>;
    readonly #serviceJson: string;
    readonly #collectors = new Set<Collector>();
    readonly #said = new Set<string>();
    readonly #counts = { sent: 0, dropped: 0, retries: 0, failed: 0, reportsSent: 0, reportsFailed: 0 };
    readonly #timers: NodeJS.Timeout[] = [];
    #reports: Report[] = [];
    #open = true;
    // So many metrics leave even if they fill no batch.
    #due = 0;
    #sending: Promise<void> | undefined;
    #posting: Promise<void> | undefined;
    #errorsInRow = 0;
    #alerted = false;
    #lastError: PharosError | undefined;

    constructor(settings: Settings) {
        this.settings = settings;
        this.#series = new Series(settings.instance);
        this.#queue = new Queue(settings.queueItemsMax);
        this.#transport = new Transport(settings, () => this.#counts.retries++);
        this.#headers = settings.apiKey ? { Authorization: `Bearer ${settings.apiKey}` } : {};
        this.#serviceJson = JSON.stringify(settings.service);
        this.#every(settings.batchIntervalMs, () => this.#sendAll());
        this.#every(settings.collectIntervalMs, () => this.#collect());
    }

    /** Queues one value. The hot path: no wait, no request. */
    metric(name: string, value: number, labels: Labels | undefined): void {
        if (this.#open) this.#offer(name, value, labels);
        else this.#counts.dropped++;
    }

    /** The counter of that name and labels; undefined, and said, if there are too many. */
    counter(name: string, labels?: Labels): Counter | undefined {
        if (!isName(name)) return void this.refuse(name, 0);
        return this.#known(name, this.#series.counter(name, labels));
    }

    /** The histogram of that name and labels; undefined, and said, if there are too many. */
    histogram(name: string, labels?: Labels, bounds: readonly number[] = BUCKETS_S): Histogram | undefined {
        if (!isName(name)) return void this.refuse(name, 0);
        return this.#known(name, this.#series.histogram(name, labels, bounds));
    }

    /** Sends a report after those that wait; the answer's JSON, or undefined if it was given up. */
    async report(path: string, body: object): Promise<unknown> {
        // Somebody may wait for it: for a moment it keeps the process alive, as a request would.
        const held = setTimeout(() => undefined, this.settings.flushTimeoutMs);
        const outcome = await this.#enqueue(path, body);
        clearTimeout(held);
        if (outcome.ok) return parsed(outcome);
        if (this.settings.throws) throw new PharosError(`report to ${path}: ${reason(outcome)}`, outcome.status);
        return undefined;
    }

    /** Reads `collect` every `collectIntervalMs` and before the end. Call the answer to stop it. */
    collectWith(collect: Collector): () => void {
        this.#collectors.add(collect);
        return () => void this.#collectors.delete(collect);
    }

    /** Sends all that waits; false if that took longer than `timeoutMs`. */
    async flush(timeoutMs = this.settings.flushTimeoutMs): Promise<boolean> {
        if (!this.#open) return true;
        const done = await within(timeoutMs, this.#drain());
        const error = this.#lastError;
        this.#lastError = undefined;
        if (error && this.settings.throws) throw error;
        return done;
    }

    /** Like `flush`, but what could not be sent in time is given up. */
    async flushOrGiveUp(timeoutMs = this.settings.flushTimeoutMs): Promise<void> {
        if (!(await within(timeoutMs, this.#drain()))) await within(GIVE_UP_MS, this.#giveUp());
    }

    /** Sends `last` and all that waits, and takes nothing any more. */
    async close(last: { path: string; body: object } | undefined, timeoutMs?: number): Promise<void> {
        this.#open = false;
        for (const timer of this.#timers) clearInterval(timer);
        if (last) void this.#enqueue(last.path, last.body, true);
        await this.flushOrGiveUp(timeoutMs);
        this.#transport.close();
    }

    /** Is anything waiting, or on its way? */
    get busy(): boolean {
        const waiting = this.#queue.size + this.#reports.length > 0;
        return waiting || this.#sending !== undefined || this.#posting !== undefined;
    }

    stats(): Stats {
        return { ...this.#counts, queued: this.#queue.size, reportsQueued: this.#reports.length };
    }

    /** A mistake of the caller: thrown where asked for, said once otherwise. */
    complain(text: string): void {
        if (this.settings.throws) throw new TypeError(text);
        this.sayOnce(text, text);
    }

    sayOnce(key: string, text: string): void {
        if (this.#said.has(key) || this.#said.size >= SAID_MAX) return;
        this.#said.add(key);
        this.#say('warn', text);
    }

    /** Calls `act` again and again without keeping the process alive. */
    #every(waitMs: number, act: () => unknown): void {
        this.#timers.push(setInterval(act, waitMs).unref());
    }

    /** A log that throws must not end the sending. */
    #say(level: 'warn' | 'info', text: string): void {
        try {
            this.settings.log(level, text);
        } catch {
            // Nobody is left to be told.
        }
    }

    #offer(name: string, value: number, labels: Labels | undefined): void {
        if (!Number.isFinite(value) || !isName(name)) {
            return this.refuse(name, value);
        }
        this.#put(name, value, labels === undefined ? undefined : { ...labels });
    }

    #put(name: string, value: number, labels: Labels | undefined, timeMs = Date.now()): void {
        const { queueItemsMax, batchItemsMax } = this.settings;
        if (!this.#queue.push(name, value, timeMs, labels)) {
            this.#counts.dropped++;
            this.sayOnce('full', `the queue is full at ${queueItemsMax} metrics: the oldest are dropped`);
        }
        if (this.#queue.size >= batchItemsMax && this.#sending === undefined) this.#startSending();
    }

    #known<T>(name: string, total: T | undefined): T | undefined {
        if (total === undefined) {
            this.#counts.dropped++;
            this.sayOnce('series', `${name}: too many series, or a counter and a histogram of one name`);
        }
        const startedMs = Date.now() - 1;
        this.#series.takeFresh((part, value, labels) => this.#put(part, value, labels, startedMs));
        return total;
    }

    /** Counts and says what is no metric; throws where asked for. */
    refuse(name: unknown, value: unknown, why = 'is not a finite number'): void {
        this.#counts.dropped++;
        if (!isName(name)) {
            return this.complain(`a metric's name is a text that is not empty, not ${typeof name}`);
        }
        const shown = typeof value === 'object' ? 'an object' : String(value).slice(0, 80);
        this.complain(`metric ${JSON.stringify(name)}: ${shown} ${why}`);
    }

    // Metrics.

    #sendAll(): Promise<void> {
        this.#due = this.#queue.size;
        if (this.#due > 0) this.#startSending();
        return this.#sending ?? Promise.resolve();
    }

    #startSending(): void {
        this.#sending ??= this.#send();
    }

    async #send(): Promise<void> {
        // Later: the caller only pays for the queue.
        await pause(0);
        while (this.#queue.size > 0 && (this.#due > 0 || this.#queue.size >= this.settings.batchItemsMax)) {
            const batch = this.#take();
            this.#due = Math.max(0, this.#due - batch.length);
            await this.#sendBatch(batch);
        }
        this.#due = 0;
        this.#sending = undefined;
    }

    #take(): string[] {
        const batch: string[] = [];
        let nChars = 0;
        while (this.#queue.size > 0 && batch.length < this.settings.batchItemsMax && nChars < BATCH_CHARS_MAX) {
            const item = this.#queue.shift(this.#serviceJson);
            nChars += item.length;
            batch.push(item);
        }
        return batch;
    }

    async #sendBatch(batch: string[]): Promise<void> {
        let nRefused = 0;
        let outcome = await this.#postBatch(batch);
        for (;;) {
            // The server stores a batch whole or not at all: one bad metric must not cost the others.
            const at = refusedIndex(outcome, batch.length);
            if (at === undefined || nRefused >= REFUSED_ITEMS_MAX) break;
            const [item] = batch.splice(at, 1);
            nRefused++;
            const { metric_type: name } = JSON.parse(item ?? '{}') as { metric_type: string };
            this.sayOnce(`refused ${name}`, `metric ${JSON.stringify(name)} is refused: ${reason(outcome)}`);
            outcome = await this.#postBatch(batch);
        }
        this.#counts.failed += nRefused;
        this.#counts[outcome.ok ? 'sent' : 'failed'] += batch.length;
        this.#judge(outcome, batch.length === 1 ? '1 metric' : `${batch.length} metrics`, true);
    }

    #postBatch(batch: string[]): Promise<Outcome> {
        return this.#transport.post('/metrics/batch', `{"metrics":[${batch.join(',')}]}`, this.#headers, true);
    }

    // Reports.

    /** `late`: the client is closing, and this is its last word. */
    #enqueue(path: string, body: object, late = false): Promise<Outcome> {
        return new Promise((settle) => {
            let json: string;
            try {
                json = JSON.stringify(body);
            } catch (error) {
                this.sayOnce(`json ${path}`, `a report to ${path} is no JSON: ${(error as Error).message}`);
                return settle({ ...ABANDONED, text: (error as Error).message });
            }
            if (!this.#open && !late) {
                this.#counts.reportsFailed++;
                return settle({ ...ABANDONED, text: 'the client is closed' });
            }
            this.#reports.push({ path, json, settle });
            if (this.#reports.length > REPORTS_MAX) this.#dropReport();
            this.#posting ??= this.#postReports();
        });
    }

    #dropReport(): void {
        this.#counts.reportsFailed++;
        this.#reports.shift()?.settle(ABANDONED);
        this.sayOnce('reports', `${REPORTS_MAX} reports wait: the oldest are dropped`);
    }

    async #postReports(): Promise<void> {
        await pause(0);
        for (let report = this.#reports.shift(); report; report = this.#reports.shift()) {
            const { path, json, settle } = report;
            const outcome = await this.#transport.post(path, json, this.#headers);
            this.#counts[outcome.ok ? 'reportsSent' : 'reportsFailed']++;
            settle(outcome);
            // An alert that fails raises no alert.
            this.#judge(outcome, `a report to ${path}`, !path.startsWith('/alerts'));
        }
        this.#posting = undefined;
    }

    // Both.

    async #collect(): Promise<void> {
        const offer: Offer = (name, value, labels) => this.#offer(name, value, labels);
        const read = async (collect: Collector) => collect(offer);
        const reads = [...this.#collectors].map((collect) =>
            read(collect).catch((error: unknown) => {
                this.sayOnce(`collect ${String(error)}`, `a gauge could not be read: ${String(error)}`);
            }),
        );
        // Most are read at once; the totals must not wait for the others.
        this.#series.take((name, value, labels) => this.#put(name, value, labels));
        await Promise.all(reads);
    }

    async #drain(): Promise<void> {
        await this.#collect();
        do {
            await Promise.all([this.#posting, this.#sendAll()]);
        } while (this.#reports.length > 0);
        // An alert about what just failed.
        await this.#posting;
    }

    /** Drops what waits and ends what is on its way. */
    async #giveUp(): Promise<void> {
        this.#counts.dropped += this.#queue.clear();
        for (const report of this.#reports.splice(0)) {
            this.#counts.reportsFailed++;
            report.settle(ABANDONED);
        }
        this.#transport.abandon();
        await Promise.all([this.#posting, this.#sending]);
    }

    /** Says what went wrong, and raises an alert after errors in a row. */
    #judge(outcome: Outcome, what: string, counts: boolean): void {
        if (outcome.ok) {
            if (counts) this.#recovered();
            return;
        }
        const tries = outcome.tries === 1 ? '' : ` after ${outcome.tries} tries`;
        let text = `${what} lost${tries}: ${reason(outcome)}`;
        this.#lastError = new PharosError(text, outcome.status);
        const passing = outcome.status === 0 || outcome.status === 429 || outcome.status >= 500;
        const refused = outcome.status === 401 || outcome.status === 403;
        if (refused) text += '; check PHAROS_API_KEY (it needs the scope ingest). This is said once';
        const key = passing || refused ? outcome.status : `${outcome.status} ${outcome.text}`;
        this.sayOnce(`${passing ? PASSING : ''}lost ${key}`, text);
        if (counts && !refused) this.#countError(outcome);
    }

    #countError(outcome: Outcome): void {
        this.#errorsInRow++;
        if (this.#alerted || this.#errorsInRow < this.settings.alertAfterErrors) return;
        this.#alerted = true;
        void this.#enqueue('/alerts/', {
            title: `Reports of ${this.settings.service} are lost`,
            message: `${this.#errorsInRow} in a row failed, the last because ${reason(outcome)}`,
            severity: 2,
            service: this.settings.service,
        });
    }

    #recovered(): void {
        if (this.#errorsInRow > 0) {
            this.#say('info', `the server takes reports again after ${this.#errorsInRow} errors`);
            for (const key of this.#said) if (key.startsWith(PASSING)) this.#said.delete(key);
        }
        this.#errorsInRow = 0;
        this.#alerted = false;
    }
}

function isName(name: unknown): name is string {
    return typeof name === 'string' && name !== '';
}

/** Which metric made the server refuse the batch; undefined if that is not what happened. */
function refusedIndex(outcome: Outcome, nItems: number): number | undefined {
    if (outcome.status !== 422 || nItems < 2) return undefined;
    const at = (parsed(outcome) as { index?: unknown } | null | undefined)?.index;
    return typeof at === 'number' && Number.isInteger(at) && at >= 0 && at < nItems ? at : undefined;
}

/** Waits for `work`, and keeps the process alive meanwhile; false if it takes longer. */
async function within(waitMs: number, work: Promise<void>): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
        timer = setTimeout(resolve, waitMs, false);
    });
    try {
        return await Promise.race([work.then(() => true), late]);
    } finally {
        clearTimeout(timer);
    }
}
