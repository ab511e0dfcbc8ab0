/**
 * A pino transport: `pino({ transport: { target: '@pharos/client/pino' } })`.
 *
 * Pharos stores no log records yet, so this sends how many there are: `log_records_total{level}`.
 * Set `alertFrom` to raise an alert for each record of that level or above. Each record is passed
 * on nowhere else; name pino's own file target beside this one to keep writing them.
 */

import { Writable } from 'node:stream';
import { Client } from './client.js';
import type { Options } from './settings.js';

/** The settings of the client, and from which level on a record is an alert. */
export interface PinoOptions extends Options {
    alertFrom?: 'warn' | 'error' | 'fatal' | undefined;
}

const LEVELS: Record<number, string> = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' };
const ALERT_LEVELS = { warn: 40, error: 50, fatal: 60 };
// A line that never ends is no record.
const LINE_CHARS_MAX = 1 << 20;
const MESSAGE_CHARS_MAX = 1000;

interface LogRecord {
    level?: number | string;
    msg?: unknown;
    err?: { message?: unknown };
}

/** Takes pino's lines. Runs in pino's worker thread, which has no signals of its own. */
export default function pharosPino(options: PinoOptions = {}): Writable {
    const client = new Client({ ...options, flushOnExit: false });
    const alertLevel = options.alertFrom === undefined ? Infinity : ALERT_LEVELS[options.alertFrom];
    let rest = '';
    const stream = new Writable({
        decodeStrings: false,
        write(chunk: Buffer | string, _encoding, done) {
            const lines = (rest + chunk.toString()).split('\n');
            rest = (lines.pop() ?? '').slice(0, LINE_CHARS_MAX);
            for (const line of lines) take(client, line, alertLevel);
            done();
        },
        final(done) {
            if (rest !== '') take(client, rest, alertLevel);
            client.close().then(() => done(), done);
        },
    });
    return stream;
}

function take(client: Client, line: string, alertLevel: number): void {
    const record = recordOf(line);
    if (record === undefined) return;
    const level = typeof record.level === 'number' ? (LEVELS[record.level] ?? 'other') : nameOf(record.level);
    client.count('log_records_total', 1, { level });
    if (numberOf(record.level) < alertLevel) return;
    const message = String(record.msg ?? record.err?.message ?? line).slice(0, MESSAGE_CHARS_MAX);
    const severity = numberOf(record.level) >= ALERT_LEVELS.error ? 3 : 2;
    void client.alert(`${level} in the log of ${client.settings.service}`, message, severity).catch(() => undefined);
}

function recordOf(line: string): LogRecord | undefined {
    try {
        const record: unknown = JSON.parse(line);
        return typeof record === 'object' && record !== null ? record : undefined;
    } catch {
        return undefined;
    }
}

/** Levels may be written as words. */
function nameOf(level: unknown): string {
    return Object.values(LEVELS).find((name) => name === level) ?? 'other';
}

function numberOf(level: unknown): number {
    if (typeof level === 'number') return level;
    return Number(Object.keys(LEVELS).find((key) => LEVELS[Number(key)] === level) ?? 0);
}
