// The range on the screen, kept in the URL, with the way back out of each zoom.
import { quickName, rangeFromQuery, rangeIntoQuery, zoomIn, zoomOut, type Range } from './range';
import { router } from './router.svelte';

/** More steps back than anyone takes. */
const ZOOM_STEPS_MAX = 50;

class RangeState {
  // A string compares by value: a change of some other query parameter must not reload the charts.
  readonly #spelling = $derived.by(() => {
    const query = new URLSearchParams(router.query);
    return `from=${query.get('from') ?? ''}&to=${query.get('to') ?? ''}`;
  });
  readonly current: Range = $derived.by(() => {
    const query = new URLSearchParams(this.#spelling);
    if (query.get('from') === '') query.delete('from');
    if (query.get('to') === '') query.delete('to');
    return rangeFromQuery(query, Date.now());
  });
  #before: Range[] = [];

  get quick(): string | null {
    return quickName(this.current);
  }

  /** The part of the query a link must carry so that the next screen shows the same time. */
  get query(): string {
    const query = new URLSearchParams();
    rangeIntoQuery(this.current, query);
    return query.toString();
  }

  choose(range: Range): void {
    this.#before = [];
    this.#write(range);
  }

  zoomIn(from_ms: number, to_ms: number): void {
    this.#before = [...this.#before, this.current].slice(-ZOOM_STEPS_MAX);
    this.#write(zoomIn(from_ms, to_ms));
  }

  zoomOut(): void {
    this.#write(this.#before.pop() ?? zoomOut(this.current, Date.now()));
  }

  #write(range: Range): void {
    router.setQuery((query) => rangeIntoQuery(range, query));
  }
}

export const range = new RangeState();
