/**
 * The metrics that wait to be sent: a ring that drops its oldest when it is full.
 *
 * `push` is what a caller's thread pays for a metric: four stores, and no object made.
 */

/** Text that tells series of one name apart; other values are turned into text. */
export type Labels = Record<string, string | number | boolean | null | undefined>;

const CAPACITY_FIRST = 1024;

export class Queue {
    readonly #itemsMax: number;
    #names: string[] = [];
    #labels: (Labels | undefined)[] = [];
    #values: Float64Array;
    #timesMs: Float64Array;
    #head = 0;
    #size = 0;

    constructor(itemsMax: number) {
        this.#itemsMax = itemsMax;
        const capacity = Math.min(itemsMax, CAPACITY_FIRST);
        this.#values = new Float64Array(capacity);
        this.#timesMs = new Float64Array(capacity);
    }

    get size(): number {
        return this.#size;
    }

    /** Adds one; false if the oldest was dropped for it. */
    push(name: string, value: number, timeMs: number, labels: Labels | undefined): boolean {
        if (this.#size === this.#values.length && this.#size < this.#itemsMax) this.#grow();
        const capacity = this.#values.length;
        let at = this.#head + this.#size;
        if (at >= capacity) at -= capacity;
        this.#names[at] = name;
        this.#labels[at] = labels;
        this.#values[at] = value;
        this.#timesMs[at] = timeMs;
        if (this.#size < capacity) {
            this.#size++;
            return true;
        }
        this.#head = at + 1 === capacity ? 0 : at + 1;
        return false;
    }

    /** Takes the oldest as the server's JSON. There must be one. */
    shift(serviceJson: string): string {
        const at = this.#head;
        const json = itemJson(
            serviceJson,
            this.#names[at] ?? '',
            this.#values[at] ?? 0,
            this.#timesMs[at] ?? 0,
            this.#labels[at],
        );
        // What has left must not stay reachable.
        this.#labels[at] = undefined;
        this.#head = at + 1 === this.#values.length ? 0 : at + 1;
        this.#size--;
        return json;
    }

    /** Drops everything; tells how much that was. */
    clear(): number {
        const dropped = this.#size;
        this.#head = this.#size = 0;
        this.#names = [];
        this.#labels = [];
        return dropped;
    }

    #grow(): void {
        const capacity = Math.min(this.#itemsMax, this.#values.length * 2);
        const turn = <T>(ring: T[]) => ring.slice(this.#head).concat(ring.slice(0, this.#head));
        const wide = (ring: Float64Array) => {
            const grown = new Float64Array(capacity);
            grown.set(ring.subarray(this.#head));
            grown.set(ring.subarray(0, this.#head), ring.length - this.#head);
            return grown;
        };
        this.#names = turn(this.#names);
        this.#labels = turn(this.#labels);
        this.#values = wide(this.#values);
        this.#timesMs = wide(this.#timesMs);
        this.#head = 0;
    }
}

function itemJson(
    serviceJson: string,
    name: string,
    value: number,
    timeMs: number,
    labels: Labels | undefined,
): string {
    const start = `{"service":${serviceJson},"metric_type":${JSON.stringify(name)}`;
    const told = labels === undefined ? '' : labelsJson(labels);
    return `${start},"value":${value},"timestamp":${timeMs / 1000}${told}}`;
}

function labelsJson(labels: Labels): string {
    const parts: string[] = [];
    for (const [key, value] of Object.entries(labels)) {
        if (value === undefined || value === null) continue;
        parts.push(`${JSON.stringify(key)}:${JSON.stringify(textOf(value))}`);
    }
    return parts.length === 0 ? '' : `,"labels":{${parts.join(',')}}`;
}

/** Labels come from the program: an object that cannot be text must not end the sending. */
export function textOf(value: unknown): string {
    try {
        return String(value);
    } catch {
        return typeof value;
    }
}
