/**
 * Metrics, status, pipelines and alerts of a Node program, sent to Pharos.
 *
 *     import { Client } from '@pharos/client';
 *     const pharos = new Client(); // PHAROS_URL, PHAROS_API_KEY, PHAROS_SERVICE
 *     pharos.metric('queue_size', 3);
 */

export { Client, type PipelineState, type Severity, type State } from './client.js';
export { Host, type HostMetrics } from './host.js';
export { Job, type Metadata } from './job.js';
export { PharosError, type Stats } from './outbox.js';
export type { Labels } from './queue.js';
export { Counter, Histogram } from './series.js';
export type { Log, Options, Settings } from './settings.js';
export { SystemMonitorClient } from './system-monitor.js';
