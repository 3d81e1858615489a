// Requests to the server, with the token where there is one.

import { has, t } from "/shared/i18n.js";

const KEPT = "glassnet.token";

/** Take the token out of the address (#token=…) and keep it for this tab of the browser alone. */
export function keepToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given !== null) {
    sessionStorage.setItem(KEPT, given);
    history.replaceState(null, "", location.pathname);
  }
}

/** What the server refused, or that it can't be reached. */
export class ApiError extends Error {
  constructor(status, told) {
    super(told.message);
    Object.assign(this, { status, code: told.code, about: told });
  }

  /** The error in the page's language, where it has a text for it; else as the server put it. */
  told() {
    const key = `error.${this.code}`;
    return has(key) ? t(key, this.about) : this.message;
  }
}

/** The error of a server that does not answer. */
export function unreachable() {
  return new ApiError(0, { code: "unreachable", message: "the server does not answer" });
}

/** GET an address and return its JSON. */
export function get(path, options = {}) {
  return request("GET", path, undefined, options);
}

/** POST content as JSON and return the answer's JSON. options.signal ends it early (AbortController). */
export function post(path, content, options = {}) {
  return request("POST", path, JSON.stringify(content), options);
}

/** Fetch a file: GET, or POST where there is content. Returns a Blob. */
export function file(path, content) {
  const body = content === undefined ? undefined : JSON.stringify(content);
  return request(body === undefined ? "GET" : "POST", path, body, { as: "blob" });
}

/** Open a WebSocket of the server. */
export function socket(path) {
  const address = new URL(path, location.href);
  address.protocol = address.protocol.replace("http", "ws");
  const token = sessionStorage.getItem(KEPT);
  return new WebSocket(address, token === null ? ["glassnet"] : ["glassnet", `token.${token}`]);
}

async function request(method, path, body, { signal, as = "json" } = {}) {
  const headers = {};
  const token = sessionStorage.getItem(KEPT);
  if (token !== null) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  let content;
  try {
    response = await fetch(path, { method, headers, body, signal });
    content = await response[response.ok ? as : "json"]();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw unreachable();
  }
  if (!response.ok) throw new ApiError(response.status, content.error);
  return content;
}
