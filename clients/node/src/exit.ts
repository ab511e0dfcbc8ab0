/**
 * The end of the process: what waits is sent, and services that were reported are reported down.
 *
 * A signal is never swallowed. Where the program has no listener of its own, the process dies of the
 * signal as it would have without us, only a moment later; where it has one, it decides.
 */

/** What a client does at the end. */
export interface Leaver {
    readonly busy: boolean;
    /** Sends what waits, or gives it up; stays open. */
    flushOrGiveUp(): Promise<void>;
    /** A signal to end has come: the service goes down. */
    goDown(): Promise<unknown>;
    close(): Promise<void>;
}

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
type Signal = (typeof SIGNALS)[number];

interface Registry {
    leavers: Set<Leaver>;
    /** Was a signal to end seen? */
    leaving: boolean;
    listeners: [string, () => void][];
}

// One for the process, even where both the ESM and the CommonJS build are loaded: two of them
// would each take the other's listener for the program's own.
const KEY = Symbol.for('@pharos/client exit');
const registry = ((globalThis as Record<symbol, unknown>)[KEY] ??= {
    leavers: new Set(),
    leaving: false,
    listeners: [
        ['beforeExit', onBeforeExit],
        ...SIGNALS.map((signal): [string, () => void] => [signal, () => onSignal(signal)]),
    ],
}) as Registry;

export function join(leaver: Leaver): void {
    registry.leavers.add(leaver);
    if (registry.leavers.size > 1) return;
    for (const [name, listener] of registry.listeners) process.on(name, listener);
}

export function leave(leaver: Leaver): void {
    registry.leavers.delete(leaver);
    if (registry.leavers.size === 0) stopListening();
}

function stopListening(): void {
    for (const [name, listener] of registry.listeners) process.removeListener(name, listener);
}

/**
 * Comes when nothing keeps the process alive; sending does, so it comes again afterwards. A program
 * that awaited a report goes on then, and finds its client open.
 */
function onBeforeExit(): void {
    for (const leaver of registry.leavers) {
        void (leaver.busy ? leaver.flushOrGiveUp() : leaver.close());
    }
}

function onSignal(signal: Signal): void {
    if (othersListen(signal)) {
        for (const leaver of registry.leavers) {
            void (signal === 'SIGHUP' ? leaver.flushOrGiveUp() : leaver.goDown());
        }
        return;
    }
    // Who asks twice does not want to wait.
    if (registry.leaving) return dieOf(signal);
    registry.leaving = true;
    const closed = [...registry.leavers].map((leaver) => leaver.close());
    void Promise.allSettled(closed).then(() => dieOf(signal));
}

function dieOf(signal: Signal): void {
    stopListening();
    process.kill(process.pid, signal);
}

/** Listens anybody who is not, like us, only waiting for the end? */
function othersListen(signal: Signal): boolean {
    // The package signal-exit tells how many listeners are its own, and re-sends the signal once they
    // are the only ones. Each would wait for the other otherwise.
    const old = (process as { __signal_exit_emitter__?: { count?: number } }).__signal_exit_emitter__;
    const now = (globalThis as Record<symbol, { count?: number } | undefined>)[
        Symbol.for('signal-exit emitter')
    ];
    const waiting = (old?.count ?? 0) + (now?.count ?? 0);
    return process.listenerCount(signal) - 1 > waiting;
}
