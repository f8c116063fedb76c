// The admin API, as the console uses it: calls, the session, and what the mesh looks like now.

const base = '/api/v1/';
const pollMillis = 4000;
const historyMax = 300;

let session = null;
const onSession = new Set();

export const signedIn = () => session;
const roles = ['user', 'viewer', 'operator', 'admin'];
// Whether who is signed in has this role or a higher one. Pages hide what a role may not do; grants are judged by the
// node alone.
export const may = (role) => roles.indexOf(session?.role) >= roles.indexOf(role);
export const whenSession = (listener) => onSession.add(listener);

function setSession(next) {
  session = next;
  // Who has no part in the mesh is not told of it.
  if (next && may('viewer')) watch(); else unwatch();
  for (const listener of onSession) listener(next);
}

export class Fault extends Error {
  constructor(status, code, message, fields = []) {
    super(message);
    this.status = status;
    this.code = code;
    // What is wrong with which part of the request.
    this.fields = fields;
  }
}

// One call. `body` is sent as JSON. Throws a Fault with the sentence that the node answered.
export async function call(method, path, body) {
  const headers = {};
  if (session && method !== 'GET') headers['x-meshd-change'] = session.changeMark;
  if (body !== undefined) headers['content-type'] = 'application/json';
  let response;
  try {
    response = await fetch(base + path, {
      method, headers, credentials: 'same-origin', body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Fault(0, 'unreachable', 'The node cannot be reached.');
  }
  const answer = await response.json().catch(() => null);
  if (answer?.success) return answer.data;
  const fault = new Fault(response.status, answer?.error?.code ?? 'http', sentence(answer?.error?.message, response),
    answer?.error?.fields);
  if (fault.status === 401 && path !== 'session' && session) setSession(null);
  throw fault;
}

function sentence(message, response) {
  if (!message) return `The node answered ${response.status} ${response.statusText}.`;
  const text = message[0].toUpperCase() + message.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

export const get = (path) => call('GET', path);
export const post = (path, body) => call('POST', path, body);
// A path of these parts. The colon in the name of a tenant's bucket may stand as it is.
export const at = (...parts) => parts.map((part) => encodeURIComponent(part).replaceAll('%3A', ':')).join('/');

// A call whose answer is a file: it is saved under the name that the node gave it. Returns that name.
export async function download(path, body) {
  let response;
  try {
    response = await fetch(base + path, {
      method: 'POST', credentials: 'same-origin', body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', 'x-meshd-change': session?.changeMark ?? '' },
    });
    if (response.ok) {
      const name = /filename="([^"]+)"/.exec(response.headers.get('content-disposition') ?? '')?.[1] ?? 'download';
      save(await response.blob(), name);
      return name;
    }
  } catch {
    throw new Fault(0, 'unreachable', 'The connection broke before the file was whole.');
  }
  const answer = await response.json().catch(() => null);
  throw new Fault(response.status, answer?.error?.code ?? 'http', sentence(answer?.error?.message, response));
}

export function save(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

// Sends a file and tells how far it is; fetch cannot.
export function upload(path, file, progress) {
  const request = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    request.open('PUT', base + path);
    request.setRequestHeader('x-meshd-change', session?.changeMark ?? '');
    if (file.type) request.setRequestHeader('content-type', file.type);
    request.upload.onprogress = (event) => progress(event.loaded, event.total);
    request.onerror = () => reject(new Fault(0, 'unreachable', 'The connection broke.'));
    request.onabort = () => reject(new Fault(0, 'cancelled', 'It was cancelled.'));
    request.onload = () => {
      let answer = null;
      try { answer = JSON.parse(request.responseText); } catch { /* The status tells. */ }
      if (answer?.success) resolve(answer.data);
      else reject(new Fault(request.status, answer?.error?.code ?? 'http', sentence(answer?.error?.message, request)));
    };
    request.send(file);
  });
  return { done, cancel: () => request.abort() };
}

// MARK: The session

export async function resume() {
  try {
    setSession(await get('session'));
  } catch (fault) {
    setSession(null);
    if (fault.status !== 401) throw fault;
  }
}

export async function signIn(credentials) {
  setSession(await post('session', credentials));
}

export async function signOut() {
  try { await call('DELETE', 'session'); } finally { setSession(null); }
}

// MARK: What the mesh looks like now

// Parts of the picture, under the names of the stream's events; undefined before the first word.
export const live = { status: undefined, nodes: undefined, members: undefined, layout: undefined, events: undefined };
// How the picture comes: `stream`, `poll`, or `lost` with nothing coming in.
export const link = { state: 'waiting', heardMillis: 0 };
// Traffic of all nodes together over time, oldest first, since this page was opened.
export const history = [];

const listeners = new Set();
let source = null;
let timer = null;
let totals = new Map();
let isPending = false;
// Too many listen: this page asks instead, until it is opened again.
let isFull = false;

export function follow(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function tell() {
  if (isPending) return;
  isPending = true;
  // Events of one tick come together: one drawing for all of them.
  requestAnimationFrame(() => {
    isPending = false;
    for (const listener of listeners) listener();
  });
}

function watch() {
  if (source || timer) return;
  source = new EventSource(base + 'stream');
  for (const name of Object.keys(live)) {
    source.addEventListener(name, (event) => {
      live[name] = JSON.parse(event.data);
      heard('stream');
      if (name === 'nodes') measure();
    });
  }
  source.onopen = () => heard('stream');
  source.addEventListener('over', () => resume().catch(() => {}));
  source.addEventListener('full', () => {
    isFull = true;
    source?.close();
    source = null;
    poll();
  });
  source.onerror = () => {
    link.state = 'lost';
    tell();
    // The browser tries again by itself unless it was refused.
    if (source?.readyState === EventSource.CLOSED) {
      source = null;
      poll();
    }
  };
}

function heard(way) {
  link.state = way;
  link.heardMillis = Date.now();
  tell();
}

async function poll() {
  clearTimeout(timer);
  timer = null;
  if (!session) return;
  try {
    const [status, nodes, members, layout] = await Promise.all([
      get('cluster/status'), get('cluster/nodes'), get('mesh/members'), get('cluster/layout'),
    ]);
    const marks = nodes.nodes.filter((node) => node.condition?.newestEvent)
      .map((node) => ({ node: node.name, newest: node.condition.newestEvent }));
    Object.assign(live, { status, nodes, members, layout, events: { nodes: marks } });
    measure();
    heard('poll');
  } catch {
    link.state = 'lost';
    tell();
  }
  if (!session || source) return;
  // The stream was refused for a while, by a node that started for instance: it is back when the calls are.
  // Not at once: what refuses it, a proxy for instance, may do so each time.
  const next = link.state === 'poll' && !isFull ? watch : poll;
  timer = setTimeout(() => { timer = null; next(); }, pollMillis);
}

function unwatch() {
  source?.close();
  clearTimeout(timer);
  source = timer = null;
  history.length = 0;
  totals = new Map();
  for (const name of Object.keys(live)) live[name] = undefined;
}

// Nodes tell totals; what lies between two answers is the traffic. A node that was started anew begins at nothing.
function measure() {
  const now = Date.now();
  const point = { millis: now, requests: 0, failures: 0, received: 0, sent: 0, latencies: [] };
  let seconds = 0;
  for (const node of live.nodes.nodes) {
    const traffic = node.condition?.traffic;
    if (!traffic) continue;
    const before = totals.get(node.id);
    totals.set(node.id, { ...traffic, millis: now });
    if (!before || before.requests > traffic.requests) continue;
    const passed = (now - before.millis) / 1000;
    if (passed <= 0) continue;
    seconds = Math.max(seconds, passed);
    point.requests += (traffic.requests - before.requests) / passed;
    point.failures += (traffic.failures - before.failures) / passed;
    point.received += (traffic.receivedBytes - before.receivedBytes) / passed;
    point.sent += (traffic.sentBytes - before.sentBytes) / passed;
    traffic.latencies.forEach((value, index) => {
      point.latencies[index] = (point.latencies[index] ?? 0) + value - (before.latencies[index] ?? 0);
    });
  }
  if (seconds === 0) return;
  history.push(point);
  if (history.length > historyMax) history.shift();
}

// Upper bounds of the classes in which nodes count how long requests took, in milliseconds.
const bounds = [0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000, 2000, 4000, 8000, 16000, 32000, 64000];

// The time that this share of the requests of a point stayed within, in milliseconds; nothing without requests.
export function quantile(point, share) {
  const all = point.latencies.reduce((sum, value) => sum + value, 0);
  let left = all * share;
  if (all === 0) return undefined;
  for (let index = 0; index < point.latencies.length; index += 1) {
    left -= point.latencies[index];
    if (left <= 0) return bounds[index];
  }
  return bounds[bounds.length - 1];
}
