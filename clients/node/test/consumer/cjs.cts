// The same from CommonJS.
import pharosClient = require('@pharos/client');

const pharos = new pharosClient.Client({ throws: true });
pharos.metric('queue_size', 3);
const monitor: pharosClient.SystemMonitorClient = new pharosClient.SystemMonitorClient('http://x', 'y', null);
monitor.headers['X-Trace'] = '1';
export = pharos;
