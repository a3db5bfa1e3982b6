// Rule 1: the held token is replaced whenever a response carries one.

/** Where the tokens are kept: localStorage, AsyncStorage, a keychain, or anything else with these methods. */
export interface TokenStorage {
  getItem(key: string): string | null | undefined | Promise<string | null | undefined>;
  setItem(key: string, value: string): unknown;
  removeItem(key: string): unknown;
}

/** Keeps the tokens in memory: they are gone when the program ends. */
export function memoryStorage(): TokenStorage {
  const items = new Map<string, string>();
  return {
    getItem: (key) => items.get(key),
    setItem: (key, value) => items.set(key, value),
    removeItem: (key) => items.delete(key),
  };
}

// Each of the two tokens has its own key: a response that brings an access token must not write back an old refresh
// token, which another tab may have exchanged in the meantime.
export type Tokens = ReturnType<typeof tokensIn>;
export function tokensIn(storage: TokenStorage, name: string) {
  const access = `${name}.token`;
  const refresh = `${name}.refresh`;
  return {
    access: async () => (await storage.getItem(access)) ?? undefined,
    refresh: async () => (await storage.getItem(refresh)) ?? undefined,
    async clear() {
      await storage.removeItem(access);
      await storage.removeItem(refresh);
    },
    // take replaces what is held by the tokens of a response. Of two access tokens it keeps the one with the higher
    // version, because responses may arrive out of order. A response that arrives after a logout changes nothing.
    async take(body: unknown) {
      const { token, refresh_token } = (body ?? {}) as { token?: unknown; refresh_token?: unknown };
      if (typeof token !== 'string') return;
      if (typeof refresh_token === 'string') {
        await storage.setItem(refresh, refresh_token); // first: the old one works for a few minutes only
        await storage.setItem(access, token);
        return;
      }
      const [was, is] = [claimsOf(await storage.getItem(access)), claimsOf(token)];
      if (is.sid === undefined || is.sid !== was.sid) return;
      if (!isOlder(is, was)) await storage.setItem(access, token);
    },
  };
}

/** What an access token says. It is for display and for versions: the client checks no signature. */
export interface Claims { sid?: string; ver: number; iat: number }

// isOlder reports whether a token says what was before another one. Responses overtake each other by seconds. So a token
// that was made a minute later is the newer one, even if its version is lower: the server's database was restored from a
// backup.
export function isOlder(is: Claims, was: Claims): boolean {
  if (is.ver === was.ver) return is.iat < was.iat;
  return is.ver < was.ver && is.iat < was.iat + 60;
}

export function claimsOf(token: string | null | undefined): Claims {
  try {
    return JSON.parse(atob((token ?? '').split('.')[1]!.replace(/-/g, '+').replace(/_/g, '/')));
  } catch {
    return { ver: -1, iat: 0 };
  }
}
