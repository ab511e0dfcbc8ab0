// Reads server-sent events from text that arrives in pieces of any size.
// Format: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream

/** One event: its name (`message` if the server gave none) and its data lines joined. */
export interface ServerEvent {
  event: string;
  data: string;
}

/** A server that never ends an event must not fill our memory. */
const EVENT_CHARS_MAX = 1_048_576;

export class EventTooLong extends Error {
  constructor() {
    super(`an event of the live stream is longer than ${EVENT_CHARS_MAX} characters`);
  }
}

/** Takes chunks of the stream and hands out the events they complete. */
export class EventParser {
  #rest = '';
  #event = '';
  #data: string[] = [];
  #dataChars = 0;

  /** The events that `chunk` completes, in order. Throws `EventTooLong`. */
  push(chunk: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    const lines = (this.#rest + chunk).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') this.#finish(events);
      else this.#field(line);
    }
    if (this.#rest.length + this.#dataChars > EVENT_CHARS_MAX) throw new EventTooLong();
    return events;
  }

  #field(line: string): void {
    // A line that opens with a colon is a comment: servers send it to keep the line warm.
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'event') this.#event = value;
    if (name === 'data') {
      this.#data.push(value);
      this.#dataChars += value.length;
    }
  }

  #finish(events: ServerEvent[]): void {
    if (this.#data.length > 0) {
      events.push({ event: this.#event || 'message', data: this.#data.join('\n') });
    }
    this.#event = '';
    this.#data = [];
    this.#dataChars = 0;
  }
}
