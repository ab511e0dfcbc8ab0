// The base path under which everything else is asked for.
import { expect, test } from 'vitest';
import { basePath } from './base-path';

test.each([
  ['/monitoring', ''],
  ['/monitoring/', ''],
  ['/monitoring/services', ''],
  ['/pharos/monitoring', '/pharos'],
  ['/a/b/monitoring/alerts/', '/a/b'],
  // Only a whole piece of the path is the root of the screens.
  ['/monitoring-old/monitoring', '/monitoring-old'],
  ['/elsewhere', ''],
])('the page %s is mounted at %j', (pathname, base) => {
  expect(basePath(pathname)).toBe(base);
});
