/**
 * One run of a pipeline: running when it is made, then completed or failed.
 */

import type { Outbox } from './outbox.js';

/** Free-form facts about a run, such as `{ epoch: 5, loss: 0.234 }`. */
export type Metadata = Record<string, unknown>;

// Progress is for eyes: one report per second is enough of it.
const PROGRESS_MS = 1000;

export class Job {
    readonly #outbox: Outbox;
    readonly #type: string;
    #metadata: Metadata;
    #ended = false;
    #toldAtMs: number;
    #timer: NodeJS.Timeout | undefined;

    constructor(outbox: Outbox, type: string, metadata: Metadata = {}) {
        this.#outbox = outbox;
        this.#type = type;
        this.#metadata = { ...metadata };
        this.#toldAtMs = Date.now();
        void this.#tell('running').catch(() => undefined);
    }

    /** How far it is, in percent. Reported at most once per second; the end has the last one. */
    progress(percent: number, metadata: Metadata = {}): void {
        if (this.#ended) return;
        this.#metadata = { ...this.#metadata, ...metadata, progress: percent };
        const waitMs = this.#toldAtMs + PROGRESS_MS - Date.now();
        if (waitMs <= 0) this.#tellProgress();
        else this.#timer ??= setTimeout(() => this.#tellProgress(), waitMs).unref();
    }

    /** It is done. */
    complete(metadata: Metadata = {}): Promise<unknown> {
        return this.#end('completed', { progress: 100, ...metadata });
    }

    /** It failed; the server raises an alert with the error's message. */
    fail(error: unknown, metadata: Metadata = {}): Promise<unknown> {
        return this.#end('failed', metadata, messageOf(error));
    }

    /** Runs `work`, and completes or fails with it. What `work` throws is thrown on. */
    async run<T>(work: (job: Job) => T | Promise<T>): Promise<T> {
        let result: T;
        try {
            result = await work(this);
        } catch (error) {
            void this.fail(error).catch(() => undefined);
            throw error;
        }
        void this.complete().catch(() => undefined);
        return result;
    }

    #tellProgress(): void {
        clearTimeout(this.#timer);
        this.#timer = undefined;
        this.#toldAtMs = Date.now();
        void this.#tell('running').catch(() => undefined);
    }

    async #end(status: string, metadata: Metadata, error?: string): Promise<unknown> {
        if (this.#ended) return undefined;
        this.#ended = true;
        clearTimeout(this.#timer);
        this.#metadata = { ...this.#metadata, ...metadata };
        return this.#tell(status, error);
    }

    #tell(status: string, error?: string): Promise<unknown> {
        return this.#outbox.report('/pipelines/', {
            pipeline_type: this.#type,
            status,
            service: this.#outbox.settings.service,
            ...(Object.keys(this.#metadata).length > 0 && { metadata: this.#metadata }),
            ...(error !== undefined && { error_message: error }),
        });
    }
}

/** An error's message, whatever was thrown. */
export function messageOf(error: unknown): string {
    try {
        return error instanceof Error ? error.message || error.name : String(error);
    } catch {
        return 'something that is no error was thrown';
    }
}
