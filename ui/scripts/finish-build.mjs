// Ends the build: compressed copies of every file, the table of sizes, and the budget of the first load.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { extname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const dist = fileURLToPath(new URL('../dist/', import.meta.url));

/** What the first screen may cost, JavaScript and styles together, as gzip sends it. */
const FIRST_LOAD_BYTES_MAX = 90 * 1000;
const COMPRESSIBLE = new Set(['.html', '.js', '.css', '.svg', '.txt', '.json']);

const files = readdirSync(dist, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name))
  .filter((path) => !path.endsWith('.br') && !path.endsWith('.gz'));

function compress(path) {
  const raw = readFileSync(path);
  const name = relative(dist, path);
  if (!COMPRESSIBLE.has(extname(path))) return { name, raw: raw.length, gz: null, br: null };
  const gz = gzipSync(raw, { level: 9 });
  const br = brotliCompressSync(raw, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_SIZE_HINT]: raw.length,
    },
  });
  writeFileSync(`${path}.gz`, gz);
  writeFileSync(`${path}.br`, br);
  return { name, raw: raw.length, gz: gz.length, br: br.length };
}

/** The scripts and styles that index.html names, and what those scripts import at once. */
function firstLoad(sizes) {
  const html = readFileSync(join(dist, 'index.html'), 'utf8');
  const wanted = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+\.(?:js|css))"/g)].map(
    (m) => m[1],
  );
  const found = new Set();
  while (wanted.length > 0) {
    const name = wanted.pop();
    if (found.has(name)) continue;
    found.add(name);
    if (!name.endsWith('.js')) continue;
    const code = readFileSync(join(dist, name), 'utf8');
    for (const [, file] of code.matchAll(/(?:from|import)\s*"\.\/([^"]+\.js)"/g)) {
      wanted.push(`assets/${file}`);
    }
  }
  if (found.size === 0) throw new Error('index.html names no script: has its form changed?');
  return sizes.filter(({ name }) => found.has(name));
}

const sizes = files.map(compress).sort((a, b) => a.name.localeCompare(b.name));
const column = (value) => (value === null ? '–' : String(value)).padStart(9);
console.log(`${'bytes'.padStart(9)}${'gzip'.padStart(9)}${'brotli'.padStart(9)}  file`);
for (const { name, raw, gz, br } of sizes) {
  console.log(`${column(raw)}${column(gz)}${column(br)}  ${name}`);
}

const first = firstLoad(sizes).reduce((sum, { gz }) => sum + (gz ?? 0), 0);
console.log(`\nfirst load, JS and CSS: ${first} bytes gzip of at most ${FIRST_LOAD_BYTES_MAX}`);
if (first > FIRST_LOAD_BYTES_MAX) {
  console.error('the first load is over its budget');
  process.exitCode = 1;
}
