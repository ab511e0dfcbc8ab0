// The words the API uses for a state, and the one sign each of them is shown with.

/** Never told apart by colour alone: each kind has its own shape. */
export type StatusKind = 'ok' | 'warn' | 'crit' | 'unknown' | 'maintenance' | 'active';

const KINDS = new Map<string, StatusKind>([
  ['up', 'ok'],
  ['healthy', 'ok'],
  ['completed', 'ok'],
  ['success', 'ok'],
  ['degraded', 'warn'],
  ['warning', 'warn'],
  ['pending', 'unknown'],
  ['cancelled', 'unknown'],
  ['down', 'crit'],
  ['unhealthy', 'crit'],
  ['failed', 'crit'],
  ['critical', 'crit'],
  ['info', 'active'],
  ['running', 'active'],
  ['maintenance', 'maintenance'],
]);

/** The kind of a state word in any case; a word we do not know is `unknown`. */
export function statusKind(word: string): StatusKind {
  return KINDS.get(word.toLowerCase()) ?? 'unknown';
}

/** How urgent a kind is; the largest comes first in a list. */
export function urgency(kind: StatusKind): number {
  return ['ok', 'active', 'maintenance', 'unknown', 'warn', 'crit'].indexOf(kind);
}
