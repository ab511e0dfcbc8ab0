// The licences of everything from npm that ends up in dist, as one text beside it.
import { readdirSync, readFileSync } from 'node:fs';

const modules = new URL('../node_modules/', import.meta.url);

/** The packages whose code or fonts are shipped; tools that only build or test are not. */
const SHIPPED = [
  'svelte',
  'uplot',
  '@lucide/svelte',
  '@fontsource-variable/inter',
  '@fontsource-variable/jetbrains-mono',
  'swagger-ui-dist',
  'redoc',
  'dompurify',
];

function licenceOf(name) {
  const folder = new URL(`${name}/`, modules);
  const { version } = JSON.parse(readFileSync(new URL('package.json', folder), 'utf8'));
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|notice)(\.\w+)?$/i.test(file));
  if (files.length === 0) throw new Error(`the package ${name} has no licence file`);
  const texts = files.sort().map((file) => readFileSync(new URL(file, folder), 'utf8').trim());
  const title = `${name} ${version}`;
  return [title, '='.repeat(title.length), '', texts.join('\n\n')].join('\n');
}

/** The notices inside the two large bundles, which name the packages those contain. */
function bundleNotices() {
  const files = [
    'swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt',
    'redoc/bundles/redoc.standalone.js.LICENSE.txt',
  ];
  return files.map((file) => {
    const text = readFileSync(new URL(file, modules), 'utf8').trim();
    return [file, '='.repeat(file.length), '', text].join('\n');
  });
}

export function licences() {
  return `${[...SHIPPED.map(licenceOf), ...bundleNotices()].join('\n\n\n')}\n`;
}
