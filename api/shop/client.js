// The TypeScript client of docs/clients/typescript. Written by make shop-client; do not edit.
// With openapi-fetch 0.17.0: Copyright (c) 2023 Drew Powers, MIT licence, https://opensource.org/license/mit.

// tools/node_modules/openapi-fetch/dist/index.mjs
var PATH_PARAM_RE = /\{[^{}]+\}/g;
var supportsRequestInitExt = () => {
  return typeof process === "object" && Number.parseInt(process?.versions?.node?.substring(0, 2)) >= 18 && process.versions.undici;
};
function randomID() {
  return Math.random().toString(36).slice(2, 11);
}
function createClient(clientOptions) {
  let {
    baseUrl = "",
    Request: CustomRequest = globalThis.Request,
    fetch: baseFetch = globalThis.fetch,
    querySerializer: globalQuerySerializer,
    bodySerializer: globalBodySerializer,
    pathSerializer: globalPathSerializer,
    headers: baseHeaders,
    requestInitExt = void 0,
    ...baseOptions
  } = { ...clientOptions };
  requestInitExt = supportsRequestInitExt() ? requestInitExt : void 0;
  baseUrl = removeTrailingSlash(baseUrl);
  const globalMiddlewares = [];
  async function coreFetch(schemaPath, fetchOptions) {
    const {
      baseUrl: localBaseUrl,
      fetch = baseFetch,
      Request: Request2 = CustomRequest,
      headers,
      params = {},
      parseAs = "json",
      querySerializer: requestQuerySerializer,
      bodySerializer = globalBodySerializer ?? defaultBodySerializer,
      pathSerializer: requestPathSerializer,
      body,
      middleware: requestMiddlewares = [],
      ...init
    } = fetchOptions || {};
    let finalBaseUrl = baseUrl;
    if (localBaseUrl) {
      finalBaseUrl = removeTrailingSlash(localBaseUrl) ?? baseUrl;
    }
    let querySerializer = typeof globalQuerySerializer === "function" ? globalQuerySerializer : createQuerySerializer(globalQuerySerializer);
    if (requestQuerySerializer) {
      querySerializer = typeof requestQuerySerializer === "function" ? requestQuerySerializer : createQuerySerializer({
        ...typeof globalQuerySerializer === "object" ? globalQuerySerializer : {},
        ...requestQuerySerializer
      });
    }
    const pathSerializer = requestPathSerializer || globalPathSerializer || defaultPathSerializer;
    const serializedBody = body === void 0 ? void 0 : bodySerializer(
      body,
      // Note: we declare mergeHeaders() both here and below because it’s a bit of a chicken-or-egg situation:
      // bodySerializer() needs all headers so we aren’t dropping ones set by the user, however,
      // the result of this ALSO sets the lowest-priority content-type header. So we re-merge below,
      // setting the content-type at the very beginning to be overwritten.
      // Lastly, based on the way headers work, it’s not a simple “present-or-not” check becauase null intentionally un-sets headers.
      mergeHeaders(baseHeaders, headers, params.header)
    );
    const finalHeaders = mergeHeaders(
      // with no body, we should not to set Content-Type
      serializedBody === void 0 || // if serialized body is FormData; browser will correctly set Content-Type & boundary expression
      serializedBody instanceof FormData ? {} : {
        "Content-Type": "application/json"
      },
      baseHeaders,
      headers,
      params.header
    );
    const finalMiddlewares = [...globalMiddlewares, ...requestMiddlewares];
    const requestInit = {
      redirect: "follow",
      ...baseOptions,
      ...init,
      body: serializedBody,
      headers: finalHeaders
    };
    let id;
    let options;
    let request = new Request2(
      createFinalURL(schemaPath, { baseUrl: finalBaseUrl, params, querySerializer, pathSerializer }),
      requestInit
    );
    let response;
    for (const key in init) {
      if (!(key in request)) {
        request[key] = init[key];
      }
    }
    if (finalMiddlewares.length) {
      id = randomID();
      options = Object.freeze({
        baseUrl: finalBaseUrl,
        fetch,
        parseAs,
        querySerializer,
        bodySerializer,
        pathSerializer
      });
      for (const m of finalMiddlewares) {
        if (m && typeof m === "object" && typeof m.onRequest === "function") {
          const result = await m.onRequest({
            request,
            schemaPath,
            params,
            options,
            id
          });
          if (result) {
            if (result instanceof Request2) {
              request = result;
            } else if (result instanceof Response) {
              response = result;
              break;
            } else {
              throw new Error("onRequest: must return new Request() or Response() when modifying the request");
            }
          }
        }
      }
    }
    if (!response) {
      try {
        response = await fetch(request, requestInitExt);
      } catch (error2) {
        let errorAfterMiddleware = error2;
        if (finalMiddlewares.length) {
          for (let i = finalMiddlewares.length - 1; i >= 0; i--) {
            const m = finalMiddlewares[i];
            if (m && typeof m === "object" && typeof m.onError === "function") {
              const result = await m.onError({
                request,
                error: errorAfterMiddleware,
                schemaPath,
                params,
                options,
                id
              });
              if (result) {
                if (result instanceof Response) {
                  errorAfterMiddleware = void 0;
                  response = result;
                  break;
                }
                if (result instanceof Error) {
                  errorAfterMiddleware = result;
                  continue;
                }
                throw new Error("onError: must return new Response() or instance of Error");
              }
            }
          }
        }
        if (errorAfterMiddleware) {
          throw errorAfterMiddleware;
        }
      }
      if (finalMiddlewares.length) {
        for (let i = finalMiddlewares.length - 1; i >= 0; i--) {
          const m = finalMiddlewares[i];
          if (m && typeof m === "object" && typeof m.onResponse === "function") {
            const result = await m.onResponse({
              request,
              response,
              schemaPath,
              params,
              options,
              id
            });
            if (result) {
              if (!(result instanceof Response)) {
                throw new Error("onResponse: must return new Response() when modifying the response");
              }
              response = result;
            }
          }
        }
      }
    }
    const contentLength = response.headers.get("Content-Length");
    if (response.status === 204 || request.method === "HEAD" || contentLength === "0" && !response.headers.get("Transfer-Encoding")?.includes("chunked")) {
      return response.ok ? { data: void 0, response } : { error: void 0, response };
    }
    if (response.ok) {
      const getResponseData = async () => {
        if (parseAs === "stream") {
          return response.body;
        }
        if (parseAs === "json" && !contentLength) {
          const raw = await response.text();
          return raw ? JSON.parse(raw) : void 0;
        }
        return await response[parseAs]();
      };
      return { data: await getResponseData(), response };
    }
    let error = await response.text();
    try {
      error = JSON.parse(error);
    } catch {
    }
    return { error, response };
  }
  return {
    request(method, url, init) {
      return coreFetch(url, { ...init, method: method.toUpperCase() });
    },
    /** Call a GET endpoint */
    GET(url, init) {
      return coreFetch(url, { ...init, method: "GET" });
    },
    /** Call a PUT endpoint */
    PUT(url, init) {
      return coreFetch(url, { ...init, method: "PUT" });
    },
    /** Call a POST endpoint */
    POST(url, init) {
      return coreFetch(url, { ...init, method: "POST" });
    },
    /** Call a DELETE endpoint */
    DELETE(url, init) {
      return coreFetch(url, { ...init, method: "DELETE" });
    },
    /** Call a OPTIONS endpoint */
    OPTIONS(url, init) {
      return coreFetch(url, { ...init, method: "OPTIONS" });
    },
    /** Call a HEAD endpoint */
    HEAD(url, init) {
      return coreFetch(url, { ...init, method: "HEAD" });
    },
    /** Call a PATCH endpoint */
    PATCH(url, init) {
      return coreFetch(url, { ...init, method: "PATCH" });
    },
    /** Call a TRACE endpoint */
    TRACE(url, init) {
      return coreFetch(url, { ...init, method: "TRACE" });
    },
    /** Register middleware */
    use(...middleware) {
      for (const m of middleware) {
        if (!m) {
          continue;
        }
        if (typeof m !== "object" || !("onRequest" in m || "onResponse" in m || "onError" in m)) {
          throw new Error("Middleware must be an object with one of `onRequest()`, `onResponse() or `onError()`");
        }
        globalMiddlewares.push(m);
      }
    },
    /** Unregister middleware */
    eject(...middleware) {
      for (const m of middleware) {
        const i = globalMiddlewares.indexOf(m);
        if (i !== -1) {
          globalMiddlewares.splice(i, 1);
        }
      }
    }
  };
}
function serializePrimitiveParam(name, value, options) {
  if (value === void 0 || value === null) {
    return "";
  }
  if (typeof value === "object") {
    throw new Error(
      "Deeply-nested arrays/objects aren\u2019t supported. Provide your own `querySerializer()` to handle these."
    );
  }
  return `${name}=${options?.allowReserved === true ? value : encodeURIComponent(value)}`;
}
function serializeObjectParam(name, value, options) {
  if (!value || typeof value !== "object") {
    return "";
  }
  const values = [];
  const joiner = {
    simple: ",",
    label: ".",
    matrix: ";"
  }[options.style] || "&";
  if (options.style !== "deepObject" && options.explode === false) {
    for (const k in value) {
      values.push(k, options.allowReserved === true ? value[k] : encodeURIComponent(value[k]));
    }
    const final2 = values.join(",");
    switch (options.style) {
      case "form": {
        return `${name}=${final2}`;
      }
      case "label": {
        return `.${final2}`;
      }
      case "matrix": {
        return `;${name}=${final2}`;
      }
      default: {
        return final2;
      }
    }
  }
  for (const k in value) {
    const finalName = options.style === "deepObject" ? `${name}[${k}]` : k;
    values.push(serializePrimitiveParam(finalName, value[k], options));
  }
  const final = values.join(joiner);
  return options.style === "label" || options.style === "matrix" ? `${joiner}${final}` : final;
}
function serializeArrayParam(name, value, options) {
  if (!Array.isArray(value)) {
    return "";
  }
  if (options.explode === false) {
    const joiner2 = { form: ",", spaceDelimited: "%20", pipeDelimited: "|" }[options.style] || ",";
    const final = (options.allowReserved === true ? value : value.map((v) => encodeURIComponent(v))).join(joiner2);
    switch (options.style) {
      case "simple": {
        return final;
      }
      case "label": {
        return `.${final}`;
      }
      case "matrix": {
        return `;${name}=${final}`;
      }
      // case "spaceDelimited":
      // case "pipeDelimited":
      default: {
        return `${name}=${final}`;
      }
    }
  }
  const joiner = { simple: ",", label: ".", matrix: ";" }[options.style] || "&";
  const values = [];
  for (const v of value) {
    if (options.style === "simple" || options.style === "label") {
      values.push(options.allowReserved === true ? v : encodeURIComponent(v));
    } else {
      values.push(serializePrimitiveParam(name, v, options));
    }
  }
  return options.style === "label" || options.style === "matrix" ? `${joiner}${values.join(joiner)}` : values.join(joiner);
}
function createQuerySerializer(options) {
  return function querySerializer(queryParams) {
    const search = [];
    if (queryParams && typeof queryParams === "object") {
      for (const name in queryParams) {
        const value = queryParams[name];
        if (value === void 0 || value === null) {
          continue;
        }
        if (Array.isArray(value)) {
          if (value.length === 0) {
            continue;
          }
          search.push(
            serializeArrayParam(name, value, {
              style: "form",
              explode: true,
              ...options?.array,
              allowReserved: options?.allowReserved || false
            })
          );
          continue;
        }
        if (typeof value === "object") {
          search.push(
            serializeObjectParam(name, value, {
              style: "deepObject",
              explode: true,
              ...options?.object,
              allowReserved: options?.allowReserved || false
            })
          );
          continue;
        }
        search.push(serializePrimitiveParam(name, value, options));
      }
    }
    return search.join("&");
  };
}
function defaultPathSerializer(pathname, pathParams) {
  let nextURL = pathname;
  for (const match of pathname.match(PATH_PARAM_RE) ?? []) {
    let name = match.substring(1, match.length - 1);
    let explode = false;
    let style = "simple";
    if (name.endsWith("*")) {
      explode = true;
      name = name.substring(0, name.length - 1);
    }
    if (name.startsWith(".")) {
      style = "label";
      name = name.substring(1);
    } else if (name.startsWith(";")) {
      style = "matrix";
      name = name.substring(1);
    }
    if (!pathParams || pathParams[name] === void 0 || pathParams[name] === null) {
      continue;
    }
    const value = pathParams[name];
    if (Array.isArray(value)) {
      nextURL = nextURL.replace(match, serializeArrayParam(name, value, { style, explode }));
      continue;
    }
    if (typeof value === "object") {
      nextURL = nextURL.replace(match, serializeObjectParam(name, value, { style, explode }));
      continue;
    }
    if (style === "matrix") {
      nextURL = nextURL.replace(match, `;${serializePrimitiveParam(name, value)}`);
      continue;
    }
    nextURL = nextURL.replace(match, style === "label" ? `.${encodeURIComponent(value)}` : encodeURIComponent(value));
  }
  return nextURL;
}
function defaultBodySerializer(body, headers) {
  if (body instanceof FormData) {
    return body;
  }
  if (headers) {
    const contentType = headers.get instanceof Function ? headers.get("Content-Type") ?? headers.get("content-type") : headers["Content-Type"] ?? headers["content-type"];
    if (contentType === "application/x-www-form-urlencoded") {
      return new URLSearchParams(body).toString();
    }
  }
  return JSON.stringify(body);
}
function createFinalURL(pathname, options) {
  let finalURL = `${options.baseUrl}${pathname}`;
  if (options.params?.path) {
    finalURL = options.pathSerializer(finalURL, options.params.path);
  }
  let search = options.querySerializer(options.params.query ?? {});
  if (search.startsWith("?")) {
    search = search.substring(1);
  }
  if (search) {
    finalURL += `?${search}`;
  }
  return finalURL;
}
function mergeHeaders(...allHeaders) {
  const finalHeaders = new Headers();
  for (const h of allHeaders) {
    if (!h || typeof h !== "object") {
      continue;
    }
    const iterator = h instanceof Headers ? h.entries() : Object.entries(h);
    for (const [k, v] of iterator) {
      if (v === null) {
        finalHeaders.delete(k);
      } else if (Array.isArray(v)) {
        for (const v2 of v) {
          finalHeaders.append(k, v2);
        }
      } else if (v !== void 0) {
        finalHeaders.set(k, v);
      }
    }
  }
  return finalHeaders;
}
function removeTrailingSlash(url) {
  if (url.endsWith("/")) {
    return url.substring(0, url.length - 1);
  }
  return url;
}

// docs/clients/typescript/dist/repeat.js
var NoAnswer = class extends Error {
  idempotencyKey;
  cause;
  name = "NoAnswer";
  constructor(idempotencyKey, cause) {
    super("the server gave no answer");
    this.idempotencyKey = idempotencyKey;
    this.cause = cause;
  }
};
var newKey = () => {
  const { crypto } = globalThis;
  return crypto?.randomUUID?.() ?? Array.from({ length: 4 }, () => Math.random().toString(36).slice(2)).join("");
};
var pause = (milliseconds, signal) => new Promise((resolve) => {
  const end = () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", end);
    resolve();
  };
  const timer = setTimeout(end, milliseconds);
  if (signal?.aborted)
    end();
  signal?.addEventListener("abort", end);
});
async function once(fetch, request, milliseconds) {
  const stop = new AbortController();
  const abort = () => stop.abort(request.signal?.reason);
  const timer = setTimeout(() => stop.abort(new Error("the server took too long")), milliseconds);
  request.signal?.addEventListener("abort", abort);
  if (request.signal?.aborted)
    abort();
  try {
    const { status, statusText, headers, ...read } = await fetch(request.clone(), { signal: stop.signal }).then(readAll);
    return { response: new Response(read.text || null, { status, statusText, headers }), body: read.body };
  } finally {
    clearTimeout(timer);
    request.signal?.removeEventListener("abort", abort);
  }
}
async function readAll(response) {
  const { status, statusText, headers } = response;
  const text = await response.text();
  const json = text !== "" && /json/.test(headers.get("Content-Type") ?? "");
  return { status, statusText, headers, text, body: json ? JSON.parse(text) : void 0 };
}
async function repeat(attempt, patience, signal) {
  const deadline = Date.now() + patience;
  for (let delay = 250; ; delay = Math.min(2 * delay, 8e3)) {
    let response;
    let failure;
    try {
      response = await attempt();
      if (!response || isDefinite(response))
        return response;
    } catch (error) {
      failure = error;
    }
    const asked = 1e3 * Number(response?.headers.get("Retry-After") ?? 0) || 0;
    const wait = Math.max(asked, delay * (0.5 + Math.random() / 2));
    if (signal?.aborted || Date.now() + wait > deadline) {
      if (response)
        return response;
      throw failure;
    }
    await pause(wait, signal);
  }
}
function isDefinite({ status, headers }) {
  if (status === 429)
    return !headers.has("Retry-After");
  if (status === 502)
    return /problem/.test(headers.get("Content-Type") ?? "");
  return status !== 503 && status !== 504;
}

// docs/clients/typescript/dist/tokens.js
function memoryStorage() {
  const items = /* @__PURE__ */ new Map();
  return {
    getItem: (key) => items.get(key),
    setItem: (key, value) => items.set(key, value),
    removeItem: (key) => items.delete(key)
  };
}
function tokensIn(storage, name) {
  const access = `${name}.token`;
  const refresh = `${name}.refresh`;
  return {
    access: async () => await storage.getItem(access) ?? void 0,
    refresh: async () => await storage.getItem(refresh) ?? void 0,
    async clear() {
      await storage.removeItem(access);
      await storage.removeItem(refresh);
    },
    // take replaces what is held by the tokens of a response. Of two access tokens it keeps the one with the higher
    // version, because responses may arrive out of order. A response that arrives after a logout changes nothing.
    async take(body) {
      const { token, refresh_token } = body ?? {};
      if (typeof token !== "string")
        return;
      if (typeof refresh_token === "string") {
        await storage.setItem(refresh, refresh_token);
        await storage.setItem(access, token);
        return;
      }
      const [was, is] = [claimsOf(await storage.getItem(access)), claimsOf(token)];
      if (is.sid === void 0 || is.sid !== was.sid)
        return;
      if (!isOlder(is, was))
        await storage.setItem(access, token);
    }
  };
}
function isOlder(is, was) {
  if (is.ver === was.ver)
    return is.iat < was.iat;
  return is.ver < was.ver && is.iat < was.iat + 60;
}
function claimsOf(token) {
  try {
    return JSON.parse(atob((token ?? "").split(".")[1].replace(/-/g, "+").replace(/_/g, "/")));
  } catch {
    return { ver: -1, iat: 0 };
  }
}

// docs/clients/typescript/dist/follow.js
var triesOfStream = 3;
var pollsInARow = 20;
var replacedPause = 6e4;
function follow(listener, { open: open2, poll, take, loggedIn, streams, silence, every }) {
  const left = new AbortController();
  let last;
  let failures = 0;
  const tell = (session) => {
    const is = claimsOf(session.token);
    if (left.signal.aborted || last !== void 0 && (is.ver === last.ver || isOlder(is, last)))
      return;
    last = is;
    void Promise.resolve(session).then(listener);
  };
  const pollOnce = () => poll().then((session) => {
    if (session)
      tell(session);
    return session !== void 0;
  }, () => false);
  const readStream = async () => {
    const stop = new AbortController();
    const abort = () => stop.abort();
    left.signal.addEventListener("abort", abort);
    let watchdog = setTimeout(abort, silence);
    try {
      const response = await open2(last === void 0 ? void 0 : String(last.ver), stop.signal);
      const reader = response.ok ? response.body?.getReader() : void 0;
      const decoder = new TextDecoder();
      for (let text = ""; reader; ) {
        const { done, value } = await reader.read();
        if (done)
          return void 0;
        failures = 0;
        clearTimeout(watchdog);
        watchdog = setTimeout(abort, silence);
        const events = (text + decoder.decode(value, { stream: true })).split("\n\n");
        text = events.pop() ?? "";
        for (const event of events) {
          const field = (name) => new RegExp(`^${name}: (.*)$`, "m").exec(event)?.[1] ?? "";
          if (field("event") === "end")
            return JSON.parse(field("data")).reason;
          if (field("event") !== "session")
            continue;
          const session = JSON.parse(field("data"));
          await take(session);
          tell(session);
        }
      }
      return void 0;
    } catch {
      return void 0;
    } finally {
      clearTimeout(watchdog);
      left.signal.removeEventListener("abort", abort);
      abort();
    }
  };
  const run = async () => {
    for (let polls = 0; !left.signal.aborted && await loggedIn(); ) {
      const streaming = streams && failures < triesOfStream;
      const reason = streaming ? await readStream() : void 0;
      if (left.signal.aborted)
        return;
      if (reason === "time_over" || reason === "server_ending") {
        await pause(250 + 750 * Math.random(), left.signal);
        continue;
      }
      const reached = await pollOnce();
      if (reason === "replaced")
        await pause(replacedPause, left.signal);
      else if (streaming)
        await pause(Math.min(every, 1e3 * 2 ** (reached ? failures++ : 3)) * (0.75 + Math.random() / 2), left.signal);
      else
        await pause(every, left.signal);
      if (!streaming && ++polls % pollsInARow === 0)
        failures = 0;
    }
  };
  void run();
  return () => left.abort();
}

// docs/clients/typescript/dist/problems.js
var problemOf = (status) => ({ type: "about:blank", title: "No response of the server", status, detail: `A response with status ${status} is no problem of pointsync.`, request_id: "" });

// docs/clients/typescript/dist/refresh.js
function exclusively(storage, name, milliseconds) {
  const { locks } = globalThis.navigator ?? {};
  const key = `${name}.lease`;
  return async (work) => {
    if (locks) {
      return new Promise((resolve, reject) => {
        locks.request(key, async () => {
          await work().then(resolve, reject);
          await pause(200);
        }).catch(reject);
      });
    }
    const mine = newKey();
    const holder = async () => (await storage.getItem(key) ?? "").split(" ");
    for (const giveUp = Date.now() + milliseconds; ; await pause(50 + 50 * Math.random())) {
      const [owner, until] = await holder();
      if (owner && Date.now() < Number(until) && Date.now() < giveUp)
        continue;
      await storage.setItem(key, `${mine} ${Date.now() + milliseconds}`);
      await pause(50);
      if ((await holder())[0] === mine)
        break;
    }
    try {
      return await work();
    } finally {
      if ((await holder())[0] === mine)
        await storage.removeItem(key);
    }
  };
}
function refresher(tokens, alone, { baseUrl, fetch, timeout, patience, onEnd }) {
  let running;
  const exchange = async (refused) => {
    const sent = await tokens.refresh();
    if (!sent || await tokens.access() !== refused)
      return void 0;
    const { response, body } = await once(fetch, new Request(`${baseUrl}/auth/refresh`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ refresh_token: sent })
    }), timeout);
    if (await tokens.refresh() !== sent)
      return void 0;
    if (response.ok) {
      await tokens.take(body);
      return void 0;
    }
    if (response.status === 400 || response.status === 401) {
      await tokens.clear();
      onEnd();
    }
    return response;
  };
  return (refused) => running ??= repeat(() => alone(() => exchange(refused)), patience).finally(() => {
    running = void 0;
  });
}

// docs/clients/typescript/dist/index.js
var moving = {
  "/accounts/{account_id}/grants": true,
  "/accounts/{account_id}/holds": true,
  "/accounts/{account_id}/holds/{hold_id}/capture": true,
  "/accounts/{account_id}/holds/{hold_id}/release": true,
  "/accounts/{account_id}/spends": true,
  "/admin/accounts/{account_id}/corrections": true,
  "/admin/accounts/{account_id}/delete": true,
  "/admin/accounts/{account_id}/disable": true,
  "/admin/accounts/{account_id}/enable": true,
  "/admin/accounts/{account_id}/end-sessions": true,
  "/admin/accounts/{account_id}/grants": true,
  "/admin/accounts/{account_id}/sync": true,
  "/admin/accounts/{account_id}/unpark": true,
  "/checkout": true,
  "/points/holds": true,
  "/points/holds/{hold_id}/capture": true,
  "/points/holds/{hold_id}/release": true,
  "/points/spend": true,
  "/subscription/cancel": true,
  "/subscription/change": true,
  "/subscription/resume": true
};
var open = /\/auth\/(register|register\/complete|login|exchange|refresh|logout)$/;
function createClient2(options) {
  const { name = "pointsync", timeoutMs: timeout = 1e4, patienceMs: patience = 3e4, pollMs: every = 15e3, onEnd = () => {
  } } = options;
  const platform = globalThis;
  const serviceKey = options.key || void 0;
  const storage = serviceKey ? memoryStorage() : options.storage ?? (platform.document ? platform.localStorage : memoryStorage());
  const fetch = options.fetch ?? ((request, init) => platform.fetch(request, init));
  const baseUrl = options.baseUrl.replace(/\/$/, "");
  const tokens = tokensIn(storage, name);
  const alone = exclusively(storage, name, timeout + 2e3);
  const renew = refresher(tokens, alone, { baseUrl, fetch, timeout, patience, onEnd });
  const authorized = async (send2) => {
    for (let tries = 0; ; tries++) {
      const token = serviceKey ?? await tokens.access();
      const response = await send2(token);
      if (response.status !== 401 || tries === 2 || !await tokens.refresh())
        return response;
      const refused = await renew(token);
      if (refused)
        return refused.clone();
    }
  };
  const send = async (request) => {
    const attempt = async (token) => {
      const copy = request.clone();
      if (token)
        copy.headers.set("Authorization", `Bearer ${token}`);
      const { response, body } = await once(fetch, copy, timeout);
      await tokens.take(body);
      return response;
    };
    const key = request.headers.get("Idempotency-Key");
    const isSafe = key !== null || request.method === "GET";
    const act = (token) => isSafe ? repeat(() => attempt(token), patience, request.signal) : attempt(token);
    try {
      const response = await (open.test(request.url) ? act() : authorized(act));
      if (response.ok || /problem/.test(response.headers.get("Content-Type") ?? ""))
        return response;
      return new Response(JSON.stringify(problemOf(response.status)), { status: response.status, statusText: response.statusText });
    } catch (cause) {
      throw request.signal?.aborted ? cause : new NoAnswer(key, cause);
    }
  };
  const api = createClient({ baseUrl, fetch: send });
  api.use({
    onRequest({ request, schemaPath }) {
      if (request.method === "POST" && schemaPath in moving && !request.headers.has("Idempotency-Key")) {
        request.headers.set("Idempotency-Key", newKey());
      }
    }
  });
  const loggedIn = async () => await tokens.refresh() !== void 0;
  return Object.assign(api, {
    loggedIn,
    follow: (listener) => follow(listener, {
      streams: options.streams ?? "body" in Response.prototype,
      silence: 4 * timeout,
      every,
      loggedIn,
      take: tokens.take,
      open: (lastEventID, signal) => authorized((token) => fetch(new Request(`${baseUrl}/session/stream`, {
        headers: {
          Accept: "text/event-stream, application/problem+json",
          ...token && { Authorization: `Bearer ${token}` },
          ...lastEventID !== void 0 && { "Last-Event-ID": lastEventID }
        }
      }), { signal })),
      poll: async () => (await api.GET("/session")).data
    }),
    async logout() {
      const held = await alone(async () => {
        const refresh = await tokens.refresh();
        await tokens.clear();
        return refresh;
      });
      if (!held)
        return true;
      const end = () => once(fetch, new Request(`${baseUrl}/auth/logout`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ refresh_token: held })
      }), timeout);
      return repeat(async () => (await end()).response, patience).then(({ ok }) => ok, () => false);
    }
  });
}
export {
  NoAnswer,
  createClient2 as createClient,
  memoryStorage,
  newKey
};
