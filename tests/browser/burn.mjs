// Work for the processor, so that there is something to see: one thread per core, for a while.
import { availableParallelism } from 'node:os';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

/** Keeps every core busy; the promise is kept when they are free again. */
export function burn(ms) {
  const done = (worker) => new Promise((resolve) => worker.once('exit', resolve));
  const workers = Array.from(
    { length: availableParallelism() },
    () => new Worker(new URL(import.meta.url), { workerData: { burn_ms: ms } }),
  );
  return Promise.all(workers.map(done));
}

if (!isMainThread && workerData?.burn_ms) {
  const end = Date.now() + workerData.burn_ms;
  while (Date.now() < end);
}
