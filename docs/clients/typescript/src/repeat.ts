// Rule 3: a request that is safe to repeat is repeated until a definite response.

/** Thrown if no definite response came in time. The request may have had its effect: repeat it with the same key. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
  constructor(readonly idempotencyKey: string | null, override readonly cause: unknown) {
    super('the server gave no answer');
  }
}

export type Fetch = (request: Request, init?: { signal: AbortSignal }) => Promise<Response>;

export const newKey = (): string => {
  const { crypto } = globalThis as { crypto?: { randomUUID?: () => string } }; // missing in React Native
  return crypto?.randomUUID?.() ?? Array.from({ length: 4 }, () => Math.random().toString(36).slice(2)).join('');
};

// pause ends early if the signal says so.
export const pause = (milliseconds: number, signal?: AbortSignal) => new Promise<void>((resolve) => {
  const end = () => { clearTimeout(timer); signal?.removeEventListener('abort', end); resolve(); };
  const timer = setTimeout(end, milliseconds);
  if (signal?.aborted) end();
  signal?.addEventListener('abort', end);
});

// once makes one attempt and reads the response to its end, because a response may also be cut within its body.
export async function once(fetch: Fetch, request: Request, milliseconds: number): Promise<{ response: Response; body: unknown }> {
  const stop = new AbortController();
  const abort = () => stop.abort(request.signal?.reason);
  const timer = setTimeout(() => stop.abort(new Error('the server took too long')), milliseconds);
  request.signal?.addEventListener('abort', abort);
  if (request.signal?.aborted) abort();
  try {
    const { status, statusText, headers, ...read } = await fetch(request.clone(), { signal: stop.signal }).then(readAll);
    return { response: new Response(read.text || null, { status, statusText, headers }), body: read.body };
  } finally {
    clearTimeout(timer);
    request.signal?.removeEventListener('abort', abort);
  }
}

async function readAll(response: Response) {
  const { status, statusText, headers } = response;
  const text = await response.text();
  const json = text !== '' && /json/.test(headers.get('Content-Type') ?? '');
  return { status, statusText, headers, text, body: json ? JSON.parse(text) as unknown : undefined };
}

// repeat makes attempts until one is definite, or until the next would be later than patience allows. Then it returns
// the last response or throws the last failure.
export async function repeat<T extends Response | undefined>(attempt: () => Promise<T>, patience: number, signal?: AbortSignal): Promise<T> {
  const deadline = Date.now() + patience;
  for (let delay = 250; ; delay = Math.min(2 * delay, 8000)) {
    let response: T | undefined;
    let failure: unknown;
    try {
      response = await attempt();
      if (!response || isDefinite(response)) return response;
    } catch (error) {
      failure = error;
    }
    const asked = 1000 * Number(response?.headers.get('Retry-After') ?? 0) || 0;
    const wait = Math.max(asked, delay * (0.5 + Math.random() / 2));
    if (signal?.aborted || Date.now() + wait > deadline) {
      if (response) return response;
      throw failure;
    }
    await pause(wait, signal);
  }
}

// isDefinite reports whether a repeat could not change the response. A 502 that is a problem is the server's own:
// Stripe refused. Any other is of a proxy.
function isDefinite({ status, headers }: Response): boolean {
  if (status === 429) return !headers.has('Retry-After');
  if (status === 502) return /problem/.test(headers.get('Content-Type') ?? '');
  return status !== 503 && status !== 504;
}
