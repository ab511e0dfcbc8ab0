// A series in a legend: its labels, without those that say nothing here.

/** `device=eth0, mode=idle`; `fallback` where no label is left. */
export function seriesName(labels: Readonly<Record<string, string>>, fallback: string): string {
  const shown = Object.entries(labels).filter(([name]) => name !== '__name__');
  if (shown.length === 0) return fallback;
  return shown.map(([name, value]) => `${name}=${value}`).join(', ');
}
