// The few names that browsers, Node and React Native share and the core uses. Declared here, so that no DOM types are
// needed. Nothing of this reaches the package's own types.
interface AbortSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(event: 'abort', act: () => void): void;
  removeEventListener(event: 'abort', act: () => void): void;
}
declare class AbortController {
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
}
interface Headers {
  get(name: string): string | null;
  has(name: string): boolean;
  set(name: string, value: string): void;
}
declare class Request {
  constructor(url: string, init: { method?: string; headers?: Record<string, string>; body?: string });
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly signal: AbortSignal | undefined;
  clone(): Request;
}
interface Reader {
  read(): Promise<{ done: boolean; value?: Uint8Array }>;
  cancel(): Promise<void>;
}
declare class Response {
  constructor(body: string | null, init: { status: number; statusText: string; headers?: Headers });
  readonly ok: boolean;
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly body: { getReader(): Reader } | null | undefined;
  text(): Promise<string>;
  clone(): Response;
}
declare class TextDecoder {
  decode(bytes?: Uint8Array, options?: { stream: boolean }): string;
}
declare function setTimeout(act: () => void, milliseconds: number): unknown;
declare function clearTimeout(timer: unknown): void;
declare function atob(text: string): string;
