// The one command that fills an empty list, with the address under which this page was reached.
import { auth } from '../state/auth.svelte';
import { router } from '../state/router.svelte';

/** A `curl` that posts `body` as JSON to `path` of this server. */
export function curl(path: string, body: Record<string, unknown>): string {
  const url = `${location.origin}${router.base}${path}`;
  // The key itself stays out of the page: a command is easily copied into a chat.
  const key = auth.key() === null ? '' : `  -H "Authorization: Bearer $PHAROS_API_KEY" \\\n`;
  return `curl -X POST ${url} \\\n${key}  -H 'Content-Type: application/json' \\\n  -d '${JSON.stringify(body)}'`;
}
