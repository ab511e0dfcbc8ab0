// The event stream, cut at every place a network may cut it.
import { expect, test } from 'vitest';
import { EventParser, EventTooLong, type ServerEvent } from './sse';

function parse(...chunks: string[]): ServerEvent[] {
  const parser = new EventParser();
  return chunks.flatMap((chunk) => parser.push(chunk));
}

test.each<[string, string, ServerEvent[]]>([
  ['an event', 'event: snapshot\ndata: {}\n\n', [{ event: 'snapshot', data: '{}' }]],
  ['no name', 'data: x\n\n', [{ event: 'message', data: 'x' }]],
  ['two data lines', 'data: a\ndata: b\n\n', [{ event: 'message', data: 'a\nb' }]],
  ['only one space is taken', 'data:  a\n\n', [{ event: 'message', data: ' a' }]],
  ['no space at all', 'data:a\n\n', [{ event: 'message', data: 'a' }]],
  ['a comment', ': still here\n\ndata: a\n\n', [{ event: 'message', data: 'a' }]],
  ['no data, no event', 'event: snapshot\n\n', []],
  ['a name is not kept for the next', 'event: a\n\ndata: b\n\n', [{ event: 'message', data: 'b' }]],
  ['an empty data line', 'data\n\n', [{ event: 'message', data: '' }]],
  ['other fields', 'id: 7\nretry: 10\ndata: a\n\n', [{ event: 'message', data: 'a' }]],
  ['not yet ended', 'data: a\n', []],
  ['CRLF', 'event: a\r\ndata: b\r\n\r\n', [{ event: 'a', data: 'b' }]],
  ['CR', 'event: a\rdata: b\r\r\n', [{ event: 'a', data: 'b' }]],
])('%s', (_, text, events) => {
  expect(parse(text)).toEqual(events);
});

test.each(['\n', '\r\n'])('any cut gives the same events (line end %j)', (end) => {
  const text = ['event: snapshot', 'data: {"t":1}', '', ': warm', 'data: ü', '', ''].join(end);
  const whole = parse(text);
  expect(whole).toHaveLength(2);
  for (let cut = 0; cut <= text.length; cut += 1) {
    expect(parse(text.slice(0, cut), text.slice(cut))).toEqual(whole);
  }
  expect(parse(...text)).toEqual(whole);
});

test('an event without end is refused, in one line or in many', () => {
  const long = 'x'.repeat(600_000);
  expect(() => parse(`data: ${long}`, long)).toThrow(EventTooLong);
  expect(() => parse(`data: ${long}\n`, `data: ${long}\n`)).toThrow(EventTooLong);
  expect(() => parse(`data: ${long}\n\n`, `data: ${long}\n\n`)).not.toThrow();
});
