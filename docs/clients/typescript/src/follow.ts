// Rule 4: the session is followed by its stream, and polled where streams are not to be had.
import { pause } from './repeat.js';
import { claimsOf, isOlder, type Claims } from './tokens.js';
import type { components } from './schema.js';

/** The response of `GET /session`, and the data of each event of the stream. */
export type Session = components['schemas']['Session'];

const triesOfStream = 3; // in a row that brought nothing although a poll succeeded; then the session is polled
const pollsInARow = 20; // after so many, the stream is tried again
const replacedPause = 60_000; // milliseconds; the stream that took the place would be replaced in turn

interface Options {
  open: (lastEventID: string | undefined, signal: AbortSignal) => Promise<Response>;
  poll: () => Promise<Session | undefined>;
  take: (session: Session) => Promise<void>;
  loggedIn: () => Promise<boolean>;
  streams: boolean;
  silence: number; // milliseconds without a byte after which a stream is taken for dead
  every: number; // milliseconds between two polls
}

// follow calls the listener with the session now and after each change, until the login ends or the returned function
// is called.
export function follow(listener: (session: Session) => void, { open, poll, take, loggedIn, streams, silence, every }: Options): () => void {
  const left = new AbortController();
  let last: Claims | undefined; // of the token that the listener has
  let failures = 0;
  const tell = (session: Session) => {
    const is = claimsOf(session.token);
    if (left.signal.aborted || (last !== undefined && (is.ver === last.ver || isOlder(is, last)))) return;
    last = is;
    void Promise.resolve(session).then(listener); // its errors are the app's, not the stream's
  };
  const pollOnce = () => poll().then((session) => { if (session) tell(session); return session !== undefined; }, () => false);

  // readStream returns the reason that the stream gave for its end, or undefined if it broke or never came.
  const readStream = async (): Promise<string | undefined> => {
    const stop = new AbortController();
    const abort = () => stop.abort();
    left.signal.addEventListener('abort', abort);
    let watchdog = setTimeout(abort, silence);
    try {
      const response = await open(last === undefined ? undefined : String(last.ver), stop.signal);
      const reader = response.ok ? response.body?.getReader() : undefined;
      const decoder = new TextDecoder();
      for (let text = ''; reader;) {
        const { done, value } = await reader.read();
        if (done) return undefined;
        failures = 0;
        clearTimeout(watchdog);
        watchdog = setTimeout(abort, silence);
        const events = (text + decoder.decode(value, { stream: true })).split('\n\n');
        text = events.pop() ?? ''; // not whole yet
        for (const event of events) {
          const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(event)?.[1] ?? '';
          if (field('event') === 'end') return JSON.parse(field('data')).reason;
          if (field('event') !== 'session') continue;
          const session = JSON.parse(field('data')) as Session;
          await take(session);
          tell(session);
        }
      }
      return undefined;
    } catch {
      return undefined;
    } finally {
      clearTimeout(watchdog);
      left.signal.removeEventListener('abort', abort);
      abort();
    }
  };

  const run = async () => {
    for (let polls = 0; !left.signal.aborted && await loggedIn();) {
      const streaming = streams && failures < triesOfStream;
      const reason = streaming ? await readStream() : undefined;
      if (left.signal.aborted) return;
      if (reason === 'time_over' || reason === 'server_ending') {
        await pause(250 + 750 * Math.random(), left.signal); // not all clients at once
        continue;
      }
      const reached = await pollOnce(); // after login_ended, this refreshes and finds that the login has ended
      if (reason === 'replaced') await pause(replacedPause, left.signal);
      else if (streaming) await pause(Math.min(every, 1000 * 2 ** (reached ? failures++ : 3)) * (0.75 + Math.random() / 2), left.signal);
      else await pause(every, left.signal);
      if (!streaming && ++polls % pollsInARow === 0) failures = 0;
    }
  };
  void run();
  return () => left.abort();
}
