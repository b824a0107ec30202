// The public HTTP API, as this page uses it. The only file that names API paths.

import { authorization, hasToken } from "./token.js";

/** Where this server is mounted, with a trailing slash. All addresses are relative to it. */
export const base = new URL("./", document.baseURI);

/** A refusal by the server (RFC 9457) or a connection that failed; `status` is 0 then. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.title ?? "The request failed.");
    this.status = status;
    this.title = body.title;
    this.detail = body.detail;
    this.hint = body.hint ?? null;
    this.code = body.code ?? null;
    this.type = body.type ?? null;
    this.requestId = body.request_id ?? null;
    this.findings = Array.isArray(body.findings) ? body.findings : [];
  }
}

/** The problem that stands for "no answer came". */
export function unreachable() {
  return new Problem(0, {
    title: "No answer",
    detail: "The server did not answer.",
    hint: "Check the connection and try again.",
  });
}

/** Reads an answer's text as a `Problem`; an answer that is not JSON (a proxy's page) still gives a sentence. */
export function parseProblem(status, text) {
  try {
    return new Problem(status, JSON.parse(text));
  } catch {
    return new Problem(status, { title: `Status ${status}`, detail: `The server answered with status ${status}.` });
  }
}

const ACCEPT = { Accept: "application/json, application/problem+json" };

async function send(path, options) {
  const headers = { ...ACCEPT, ...options.headers };
  try {
    return await fetch(new URL(path, base), { cache: "no-store", redirect: "error", ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw unreachable();
  }
}

/** Set once a read was refused without a token: the token is shown only where it is asked for. */
let readsNeedToken = false;

async function call(path, options = {}) {
  const withToken = () => send(path, { ...options, headers: authorization() });
  let response = readsNeedToken && !options.headers ? await withToken() : await send(path, options);
  if (response.status === 401 && !options.headers && !readsNeedToken) {
    readsNeedToken = true;
    if (hasToken()) response = await withToken();
  }
  const text = await response.text();
  if (!response.ok) throw parseProblem(response.status, text);
  try {
    return JSON.parse(text);
  } catch {
    throw parseProblem(response.status, "");
  }
}

/** What the server holds: channels, versions, targets. */
export function fetchStatus() {
  return call("api/v1/status");
}

/** Files of a project that have a provenance, and who has signed each, as far as this server has verified it. */
export function listSigners(channel, project) {
  return call(`api/v1/channels/${encodeURIComponent(channel)}/projects/${encodeURIComponent(project)}/provenance`);
}

/** Projects of `channel` whose name contains `query`. `signal` drops a search that was overtaken by typing. */
export function searchProjects(query, channel, limit, signal) {
  const wish = new URLSearchParams({ q: query, channel, limit: String(limit) });
  return call(`api/v1/search?${wish}`, { signal });
}

/** Plans (`dryRun`) or makes a promotion of everything in `from` into `to`. */
export function promote(from, to, expectedSerial, dryRun) {
  return call(`api/v1/channels/${encodeURIComponent(to)}/promotions`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...authorization() },
    body: JSON.stringify({ from, select: [], expected_serial: expectedSerial, dry_run: dryRun }),
  });
}

/**
 * Sends one file. XMLHttpRequest, because fetch cannot tell how much of a body has been sent.
 * `onSent(sentBytes)` is called on the way. Resolves to the verdict, rejects with a `Problem`.
 */
export function putFile(file, channel, onSent) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const path = `api/v1/channels/${encodeURIComponent(channel)}/files/${encodeURIComponent(file.name)}`;
    request.open("PUT", new URL(path, base));
    request.setRequestHeader("Content-Type", "application/octet-stream");
    for (const [name, value] of Object.entries({ ...ACCEPT, ...authorization() })) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => onSent(event.loaded));
    request.upload.addEventListener("load", () => onSent(file.size));
    request.addEventListener("error", () => reject(unreachable()));
    request.addEventListener("abort", () => reject(unreachable()));
    request.addEventListener("load", () => {
      if (request.status < 200 || request.status >= 300) {
        reject(parseProblem(request.status, request.responseText));
        return;
      }
      try {
        resolve(JSON.parse(request.responseText));
      } catch {
        reject(parseProblem(request.status, ""));
      }
    });
    request.send(file);
  });
}
