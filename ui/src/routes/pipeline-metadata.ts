// Reads the free-form metadata of a pipeline run: its progress, and the rest as one line.

type Metadata = Record<string, unknown> | null | undefined;

/** Longer metadata belongs on a screen of its own. */
const TEXT_CHARS_MAX = 160;

/** The reported progress in per cent, if it is a number from 0 to 100. */
export function progressOf(metadata: Metadata): number | null {
  const progress = metadata?.['progress'];
  return typeof progress === 'number' && progress >= 0 && progress <= 100 ? progress : null;
}

/** `epoch 5 · loss 0.234`: everything but the progress, which is shown as a bar. */
export function metadataText(metadata: Metadata): string {
  const text = Object.entries(metadata ?? {})
    .filter(([key]) => key !== 'progress' || progressOf(metadata) === null)
    .map(([key, value]) => `${key} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' · ');
  return text.length > TEXT_CHARS_MAX ? `${text.slice(0, TEXT_CHARS_MAX)}…` : text;
}
