// Numbers and states as people read them.

export function bytes(number) {
  if (number === undefined || number === null) return '–';
  let value = number;
  for (const unit of ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']) {
    if (value < 1024 || unit === 'PiB') return `${unit === 'B' || value >= 100 ? Math.round(value) : value.toFixed(1)} ${unit}`;
    value /= 1024;
  }
  return '';
}

export const rate = (number) => `${bytes(number)}/s`;

const counted = new Intl.NumberFormat('en');
export const count = (number, one, many) => (one === undefined
  ? counted.format(number) : `${counted.format(number)} ${number === 1 ? one : many ?? `${one}s`}`);

export const percent = (share, digits = 0) => `${(share * 100).toFixed(digits)} %`;

export function span(millis) {
  const seconds = Math.max(0, millis) / 1000;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 100 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

export const ago = (millis) => (millis ? `${span(Date.now() - millis)} ago` : 'never');

const stamp = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const date = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
export const day = (millis) => date.format(new Date(millis));
export const time = (millis) => (millis ? stamp.format(new Date(millis)) : '–');

export function micros(number) {
  if (number === undefined || number === null) return '–';
  if (number < 1000) return `${number} µs`;
  return number < 100000 ? `${(number / 1000).toFixed(1)} ms` : number < 10e6
    ? `${Math.round(number / 1000)} ms` : `${Math.round(number / 1e6)} s`;
}

// Good, watch or bad: colour is never the only sign, the word stands beside it.
export const stateKind = (state) => ({
  alive: 'good', suspect: 'watch', unstable: 'watch', dead: 'bad', left: 'off', expelled: 'off', unknown: 'off',
}[state] ?? 'off');

export const levelKind = (level) => ({ healthy: 'good', degraded: 'watch', impaired: 'bad' }[level] ?? 'off');
export const severityKind = (severity) => ({ error: 'bad', warning: 'watch', note: 'off', ok: 'good' }[severity] ?? 'off');

// As people order things: n2 before n10.
const ordered = new Intl.Collator('en', { numeric: true });
export const compare = (a, b) => (typeof a === 'string' ? ordered.compare(a, b) : a < b ? -1 : a > b ? 1 : 0);

// Names in one sentence; more are counted.
export function shortly(names, most = 3) {
  if (names.length <= most + 1) return names.join(', ');
  return `${names.slice(0, most).join(', ')} and ${count(names.length - most)} more`;
}
