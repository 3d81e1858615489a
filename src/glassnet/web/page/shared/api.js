// HTTP and WebSocket requests to the server, with the token if there is one.

import { has, t } from "/shared/i18n.js";

const TOKEN_KEY = "glassnet.token";

/** Move the token from the URL (#token=…) to the session storage of this browser tab. */
export function storeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token !== null) {
    sessionStorage.setItem(TOKEN_KEY, token);
    history.replaceState(null, "", location.pathname);
  }
}

/** An error response of the server, or a failed connection. */
export class ApiError extends Error {
  constructor(status, details) {
    super(details.message);
    Object.assign(this, { status, code: details.code, details });
  }

  /** The localized message, or the server's message if there is no text for the code. */
  localizedMessage() {
    const key = `error.${this.code}`;
    return has(key) ? t(key, this.details) : this.message;
  }
}

/** The error for a server that does not respond. */
export function unreachableError() {
  return new ApiError(0, { code: "unreachable", message: "the server does not answer" });
}

/** GET a path and return its JSON. */
export function get(path, options = {}) {
  return request("GET", path, undefined, options);
}

/** POST content as JSON and return the response's JSON. options.signal aborts it (AbortController). */
export function post(path, content, options = {}) {
  return request("POST", path, JSON.stringify(content), options);
}

/** Fetch a file as a Blob: GET, or POST if there is content. */
export function file(path, content) {
  const body = content === undefined ? undefined : JSON.stringify(content);
  return request(body === undefined ? "GET" : "POST", path, body, { as: "blob" });
}

/** Open a WebSocket. */
export function socket(path) {
  const address = new URL(path, location.href);
  address.protocol = address.protocol.replace("http", "ws");
  const token = sessionStorage.getItem(TOKEN_KEY);
  return new WebSocket(address, token === null ? ["glassnet"] : ["glassnet", `token.${token}`]);
}

async function request(method, path, body, { signal, as = "json" } = {}) {
  const headers = {};
  const token = sessionStorage.getItem(TOKEN_KEY);
  if (token !== null) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  let content;
  try {
    response = await fetch(path, { method, headers, body, signal });
    content = await response[response.ok ? as : "json"]();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw unreachableError();
  }
  if (!response.ok) throw new ApiError(response.status, content.error);
  return content;
}
