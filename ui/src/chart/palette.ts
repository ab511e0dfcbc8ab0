// The colours of a chart, read from the design tokens, because a canvas knows no CSS variables.

export interface Palette {
  series: string[];
  grid: string;
  axis: string;
  muted: string;
  font: string;
}

/** How many lines get a colour of their own; from the next one on, dashes tell them apart. */
export const SERIES_COLOURS = 8;

const DASHES = [[], [6, 4], [2, 3], [10, 4, 2, 4]];

/** The colours as they are now, in the theme that is on. */
export function readPalette(): Palette {
  const probe = document.createElement('span');
  document.body.append(probe);
  const read = (token: string): string => {
    // A custom property gives back its text, light-dark() and all; a real one gives the colour.
    probe.style.color = `var(--${token})`;
    return getComputedStyle(probe).color;
  };
  const palette = {
    series: Array.from({ length: SERIES_COLOURS }, (_, index) => read(`series-${index + 1}`)),
    grid: read('s2'),
    axis: read('control-edge'),
    muted: read('muted'),
    font: `12px ${getComputedStyle(document.documentElement).fontFamily}`,
  };
  probe.remove();
  return palette;
}

/** The token of the line at `index`, for things drawn with CSS such as the legend. */
export function seriesToken(index: number): string {
  return `var(--series-${(index % SERIES_COLOURS) + 1})`;
}

/** The dash pattern of the line at `index`, in CSS pixels; empty means solid. */
export function seriesDash(index: number): number[] {
  return DASHES[Math.floor(index / SERIES_COLOURS) % DASHES.length] ?? [];
}

/** The same `rgb(…)` colour, see-through. */
export function withAlpha(rgb: string, alpha: number): string {
  return rgb.replace(/^rgba?\(([^,]+),([^,]+),([^,)]+).*\)$/, `rgba($1,$2,$3, ${alpha})`);
}
