/**
 * The small client that asks for an address, a name and a key, and answers with what the server said.
 *
 * Unlike `Client` it waits for every answer and throws what went wrong, after retries.
 */

import { Host } from './host.js';
import type { Metadata } from './job.js';
import { PharosError } from './outbox.js';
import { Transport, parsed, reason } from './transport.js';

const SETTINGS = { timeoutMs: 10_000, retriesMax: 3, backoffMs: 500 };

export class SystemMonitorClient {
    baseUrl: string;
    serviceName: string;
    /** Sent with every request. */
    headers: Record<string, string>;
    readonly #host = new Host();
    #transport: Transport | undefined;
    #transportUrl = '';

    constructor(baseUrl: string, serviceName: string, apiKey: string | null = null) {
        this.baseUrl = baseUrl.replace(/\/$/, '');
        this.serviceName = serviceName;
        this.headers = { 'Content-Type': 'application/json' };
        if (apiKey) this.headers['Authorization'] = `Bearer ${apiKey}`;
    }

    /** Reports how the service is: up, down or unknown. */
    async updateStatus(status = 'up', endpoint: string | null = null): Promise<any> {
        return this.#post('/services/', { name: this.serviceName, status, ...(endpoint && { endpoint }) });
    }

    /** Sends cpu, memory and disk in percent, and load1. */
    async sendMetrics(): Promise<void> {
        for (const [metricType, value] of Object.entries(await this.#host.read())) {
            await this.#post('/metrics/', { service: this.serviceName, metric_type: metricType, value });
        }
    }

    /** Reports what a pipeline does: running, completed or failed. */
    async updatePipeline(pipelineType: string, status: string, metadata: Metadata | null = null): Promise<any> {
        return this.#post('/pipelines/', { pipeline_type: pipelineType, status, ...(metadata && { metadata }) });
    }

    /** Raises an alert: 1 is info, 2 warning, 3 critical. */
    async sendAlert(title: string, message: string, severity: number | string = 1): Promise<any> {
        return this.#post('/alerts/', { title, message, severity, service: this.serviceName });
    }

    async #post(path: string, body: object): Promise<unknown> {
        const outcome = await held(this.#to(this.baseUrl).post(path, JSON.stringify(body), this.headers));
        if (outcome.ok) return parsed(outcome) ?? outcome.text;
        throw new PharosError(`POST ${path}: ${reason(outcome)}${hint(outcome.status)}`, outcome.status);
    }

    #to(url: string): Transport {
        if (!this.#transport || this.#transportUrl !== url) {
            this.#transport?.close();
            this.#transport = new Transport({ url, ...SETTINGS }, () => undefined);
            this.#transportUrl = url;
        }
        return this.#transport;
    }
}

/** Keeps the process alive until `work` is done; its sockets and timers do not. */
async function held<T>(work: Promise<T>): Promise<T> {
    const alive = setInterval(() => undefined, 2 ** 31 - 1);
    try {
        return await work;
    } finally {
        clearInterval(alive);
    }
}

function hint(status: number): string {
    return status === 401 || status === 403 ? '; check the API key (it needs the scope ingest)' : '';
}
