/**
 * Counters and histograms: totals that grow in this process and are sent now and then.
 *
 * They carry the label `instance`, because two processes of a service count apart. A total that
 * does not change is repeated, so that a query sees it as alive.
 */

import { textOf, type Labels } from './queue.js';

/** Upper bounds of durations in seconds. */
export const BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

// Label values from outside (routes, users) must not fill the memory.
const SERIES_MAX = 10_000;
// A query looks five minutes back.
const REPEAT_MS = 60_000;

type Take = (name: string, value: number, labels: Labels) => void;

/** One total. */
export class Counter {
    readonly name: string;
    readonly labels: Labels;
    value = 0;
    #sent = NaN;
    #sentAtMs = 0;

    constructor(name: string, labels: Labels) {
        this.name = name;
        this.labels = labels;
    }

    add(amount: number): void {
        this.value += amount;
    }

    /** Hands out the total if it is due. */
    take(nowMs: number, take: Take): void {
        if (this.value === this.#sent && nowMs - this.#sentAtMs < REPEAT_MS) return;
        this.#sent = this.value;
        this.#sentAtMs = nowMs;
        take(this.name, this.value, this.labels);
    }
}

/** Counts of values below bounds, their sum, and how many there were. */
export class Histogram {
    readonly #bounds: readonly number[];
    readonly #buckets: Counter[];
    readonly #sum: Counter;
    readonly #count: Counter;

    constructor(name: string, labels: Labels, bounds: readonly number[]) {
        this.#bounds = bounds;
        const bucket = (le: string) => new Counter(`${name}_bucket`, { ...labels, le });
        this.#buckets = [...bounds.map(String), '+Inf'].map(bucket);
        this.#sum = new Counter(`${name}_sum`, labels);
        this.#count = new Counter(`${name}_count`, labels);
    }

    get parts(): Counter[] {
        return [...this.#buckets, this.#sum, this.#count];
    }

    observe(value: number): void {
        this.#sum.value += value;
        this.#count.value++;
        // Buckets hold all below their bound: the larger ones count it, too.
        for (let at = this.#bounds.length; at >= 0; at--) {
            const bound = this.#bounds[at];
            if (bound !== undefined && value > bound) return;
            (this.#buckets[at] as Counter).value++;
        }
    }
}

export class Series {
    readonly #instance: string;
    readonly #byKey = new Map<string, Counter | Histogram>();
    readonly #totals: Counter[] = [];
    #fresh: Counter[] = [];

    constructor(instance: string) {
        this.#instance = instance;
    }

    /** The counter of that name and labels; undefined if there are too many, or it is a histogram. */
    counter(name: string, labels: Labels | undefined): Counter | undefined {
        const key = keyOf(name, labels);
        const known = this.#byKey.get(key);
        if (known) return known instanceof Counter ? known : undefined;
        if (this.#totals.length >= SERIES_MAX) return undefined;
        const made = new Counter(name, { ...labels, instance: this.#instance });
        this.#byKey.set(key, made);
        this.#add([made]);
        return made;
    }

    /** The histogram of that name and labels; undefined if there are too many, or it is a counter. */
    histogram(name: string, labels: Labels | undefined, bounds: readonly number[]): Histogram | undefined {
        const key = keyOf(name, labels);
        const known = this.#byKey.get(key);
        if (known) return known instanceof Histogram ? known : undefined;
        if (this.#totals.length + bounds.length + 3 > SERIES_MAX) return undefined;
        const made = new Histogram(name, { ...labels, instance: this.#instance }, bounds);
        this.#byKey.set(key, made);
        this.#add(made.parts);
        return made;
    }

    /** Hands out every total that changed or was not sent for a while. */
    take(take: Take, nowMs = Date.now()): void {
        for (const total of this.#totals) total.take(nowMs, take);
    }

    /** Hands out the zeros of totals that are new: without one, a rate misses their first growth. */
    takeFresh(take: Take): void {
        for (const { name, labels } of this.#fresh.splice(0)) take(name, 0, labels);
    }

    #add(totals: Counter[]): void {
        this.#totals.push(...totals);
        this.#fresh.push(...totals);
    }
}

function keyOf(name: string, labels: Labels | undefined): string {
    if (labels === undefined || labels === null) return name;
    let key = name;
    for (const label of Object.keys(labels).sort()) key += `\u0000${label}\u0001${textOf(labels[label])}`;
    return key;
}
