// Lays the two documentation pages into dist: our HTML and start scripts, their libraries from npm.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const root = new URL('../', import.meta.url);
const read = (path) => readFileSync(new URL(path, root), 'utf8');

/** What each placeholder of the pages stands for. */
const assets = {
  'swagger-ui-bundle.js': () => read('node_modules/swagger-ui-dist/swagger-ui-bundle.js'),
  'swagger-ui.css': () => read('node_modules/swagger-ui-dist/swagger-ui.css'),
  'purify.js': () => read('node_modules/dompurify/dist/purify.min.js'),
  'redoc.standalone.js': redocWithoutLogo,
  'swagger.js': () => read('docs-pages/swagger.js'),
  'redoc.js': () => read('docs-pages/redoc.js'),
  'docs.css': () => `${read('src/design/tokens.css')}\n${read('docs-pages/docs.css')}`,
  'icon.svg': () => read('src/design/icon.svg'),
};

/** ReDoc fetches its maker's logo from outside; an empty image makes it leave the place blank. */
function redocWithoutLogo() {
  const logo = 'https://cdn.redoc.ly/redoc/logo-mini.svg';
  const bundle = read('node_modules/redoc/bundles/redoc.standalone.js');
  if (!bundle.includes(logo)) throw new Error(`redoc no longer names ${logo}: look where it went`);
  return bundle.replaceAll(logo, 'data:,');
}

/** The comment that points to a source map, which is not shipped. */
const SOURCE_MAP = /^\s*(\/\/|\/\*)# sourceMappingURL=.*$/gm;

/** `swagger.js` → `swagger-1a2b3c4d.js`: a new text gets a new name and may be cached for ever. */
function hashedName(name, text) {
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 8);
  return name.replace(/\.(\w+)$/, `-${hash}.$1`);
}

mkdirSync(new URL('dist/assets/docs/', root), { recursive: true });
mkdirSync(new URL('dist/docs/', root), { recursive: true });

const urls = new Map();
for (const [name, load] of Object.entries(assets)) {
  const text = load().replace(SOURCE_MAP, '');
  const file = hashedName(name, text);
  writeFileSync(new URL(`dist/assets/docs/${file}`, root), text);
  // Relative to /api/docs and /api/redoc, so that any base path in front of them works.
  urls.set(name, `../assets/docs/${file}`);
}

for (const page of ['swagger.html', 'redoc.html']) {
  const html = read(`docs-pages/${page}`).replace(/\{\{([\w.-]+)\}\}/g, (_, name) => {
    const url = urls.get(name);
    if (url === undefined) throw new Error(`${page} names ${name}, which is no asset`);
    return url;
  });
  writeFileSync(new URL(`dist/docs/${page}`, root), html);
}
