/**
 * What this host does: processor, memory, disk, load.
 */

import * as fs from 'node:fs';
import * as os from 'node:os';
import { parse } from 'node:path';

/** Percentages from 0 to 100; `load1` is the number of running threads, averaged over a minute. */
export interface HostMetrics {
    cpu: number;
    memory: number;
    /** Missing where this Node cannot tell (before 18.15). */
    disk?: number;
    load1: number;
}

// Processor time is counted in ticks of 10 ms: less is no measure.
const CPU_SPAN_MS_MIN = 100;

interface CpuTimes {
    atMs: number;
    busy: number;
    all: number;
}

/** Reads the host; a processor's share is that since the last reading. */
export class Host {
    #cpu = cpuTimes();

    async read(): Promise<HostMetrics> {
        const missingMs = this.#cpu.atMs + CPU_SPAN_MS_MIN - Date.now();
        if (missingMs > 0) await new Promise((resolve) => setTimeout(resolve, missingMs));
        const disk = await diskPercent();
        return {
            cpu: this.#cpuPercent(),
            memory: (1 - os.freemem() / os.totalmem()) * 100,
            ...(disk !== undefined && { disk }),
            load1: os.loadavg()[0] ?? 0,
        };
    }

    #cpuPercent(): number {
        const before = this.#cpu;
        const now = cpuTimes();
        this.#cpu = now;
        const all = now.all - before.all;
        return all > 0 ? Math.min(100, Math.max(0, ((now.busy - before.busy) / all) * 100)) : 0;
    }
}

function cpuTimes(): CpuTimes {
    let idle = 0;
    let all = 0;
    for (const { times } of os.cpus()) {
        idle += times.idle;
        all += times.user + times.nice + times.sys + times.idle + times.irq;
    }
    return { atMs: Date.now(), busy: all - idle, all };
}

/** Like df: what is kept for the administrator is not available. */
async function diskPercent(): Promise<number | undefined> {
    if (typeof fs.promises.statfs !== 'function') return undefined;
    try {
        const { blocks, bfree, bavail } = await fs.promises.statfs(parse(process.cwd()).root);
        const used = blocks - bfree;
        return used + bavail > 0 ? (used / (used + bavail)) * 100 : undefined;
    } catch {
        return undefined;
    }
}
