// What a program in TypeScript writes; each line here must type, and each marked one must not.
import { Client, PharosError, SystemMonitorClient, type Labels, type Options, type Stats } from '@pharos/client';

const options: Options = { url: 'http://pharos:8000', service: 'shop', apiKey: null, batchIntervalMs: 500 };
export const pharos = new Client(options);
const labels: Labels = { gpu: 0, zone: 'a', none: undefined };
pharos.metric('queue_size', 3, labels);
// @ts-expect-error a text is no value
pharos.metric('queue_size', '3');
// @ts-expect-error no such state
void pharos.status('degraded');
const stop: () => void = pharos.gauge('users', async () => 5);
stop();
pharos.count('orders_total');
pharos.observe('order_seconds', 0.2, { kind: 'web' }, [0.1, 1]);
export const loaded: number = await pharos.timed('load_seconds', async () => 5);
export const now: string = pharos.timed('load_seconds', () => 'x');
export const result: string = await pharos.job('training', async (job) => {
    job.progress(45, { epoch: 5 });
    return 'done';
});
const job = pharos.job('training', { epoch: 5 });
await job.fail(new Error('no'));
await pharos.alert('High CPU Usage', 'CPU usage above 90%', 'warning');
export const stats: Stats = pharos.stats();
export const status = (error: unknown) => (error instanceof PharosError ? error.status : 0);
const monitor = new SystemMonitorClient('http://localhost:8000', 'example-service');
export const id: number = (await monitor.sendAlert('a', 'b', 2)).id;
await pharos.close();
