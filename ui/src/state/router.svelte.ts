// Which screen is on: the URL, read once and kept in step with the browser's history.
import { basePath, ROOT } from './base-path';

class Router {
  readonly base = basePath(location.pathname);
  /** The screen's path below the root, such as `/services`; empty for the overview. */
  path = $state('');
  /** The query string, without the question mark. */
  query = $state('');

  constructor() {
    this.#read();
    addEventListener('popstate', () => this.#read());
  }

  /** The address of a screen, with the query it should open with. */
  href(path: string, query = ''): string {
    return `${this.base}${ROOT}${path}${query === '' ? '' : `?${query}`}`;
  }

  go(path: string, query = ''): void {
    history.pushState(null, '', this.href(path, query));
    this.#read();
    scrollTo(0, 0);
  }

  /** Changes the query of this screen; `replace` leaves no step to go back to. */
  setQuery(change: (query: URLSearchParams) => void, { replace = false } = {}): void {
    const query = new URLSearchParams(this.query);
    change(query);
    const url = this.href(this.path, query.toString());
    if (replace) history.replaceState(null, '', url);
    else history.pushState(null, '', url);
    this.#read();
  }

  /** A click handler that turns a plain click on a link into a change of screen. */
  follow(event: MouseEvent, path: string, query = ''): void {
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
    if (!plain || event.defaultPrevented) return;
    event.preventDefault();
    this.go(path, query);
  }

  #read(): void {
    const below = location.pathname.slice(this.base.length + ROOT.length);
    this.path = below.replace(/\/+$/, '');
    this.query = location.search.slice(1);
  }
}

export const router = new Router();
