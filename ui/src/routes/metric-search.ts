// Finds metrics by the pieces of a name that a person remembers.

/** Names that hold every word of `search`, in any order; those that begin with it come first. */
export function matching(names: readonly string[], search: string): string[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const hits = names.filter((name) => words.every((word) => name.toLowerCase().includes(word)));
  const first = words[0];
  if (first === undefined) return hits;
  const begins = (name: string): boolean => name.toLowerCase().startsWith(first);
  return [...hits.filter(begins), ...hits.filter((name) => !begins(name))];
}
