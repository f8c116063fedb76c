// Events: what happened on all nodes, newest first, with filters, search and export.

import { h, render } from './dom.js';
import { get, live, follow, may } from './api.js';
import { severityKind, shortly, time, count } from './words.js';
import { dot } from './charts.js';

const kinds = [['', 'All kinds'], ['member', 'Members'], ['layout', 'Layout'], ['repair', 'Repair'], ['scrub', 'Checksums'],
  ['disk', 'Disks'], ['keys', 'Keys of the mesh'], ['node', 'Starts and stops'], ['audit', 'Changes by people'],
  ['sign-in', 'Sign-ins'], ['suppressed', 'Left out']];
// Who did what is for admins.
const told = () => (may('admin') ? kinds : kinds.filter(([kind]) => kind !== 'audit' && kind !== 'sign-in'));
const severities = [['', 'Everything'], ['warning', 'Warnings and errors'], ['error', 'Errors']];
const spans = [['', 'All time'], ['1h', 'Last hour'], ['24h', 'Last day'], ['7d', 'Last 7 days']];
const pageSize = 100;
// What is drawn at once; older pages are exported.
const shownMax = 2000;
const typingMillis = 300;

export function events(place, path, query) {
  const filter = { severity: query.get('severity') ?? '', kind: query.get('kind') ?? '', node: query.get('node') ?? '',
    since: query.get('since') ?? '', text: query.get('text') ?? '' };
  let answer = null;
  let fault = '';
  let isOpen = true;
  let typing = null;
  let round = 0;
  let marks = JSON.stringify(live.events ?? null);
  let isAsking = false;

  const words = (more = {}) => [...Object.entries({ of: 'all', ...filter, ...more })].filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');

  const load = async (more = {}) => {
    round += 1;
    const own = round;
    isAsking = true;
    try {
      const next = await get(`events?${words({ limit: pageSize, ...more })}`);
      if (own !== round || !isOpen) return;
      if (more.before) answer = { ...next, events: [...answer.events, ...next.events].slice(0, shownMax) };
      else if (more.after) {
        // More came than one page holds: what lies between is not known here.
        if (next.next) answer = next;
        else answer = { ...answer, silent: next.silent, events: [...next.events, ...answer.events].slice(0, shownMax) };
      } else answer = next;
      fault = '';
    } catch (error) {
      if (own !== round) return;
      fault = error.message;
    }
    isAsking = false;
    if (isOpen) draw();
  };

  const choose = (name, value) => {
    filter[name] = value;
    clearTimeout(typing);
    if (name === 'text') typing = setTimeout(load, typingMillis);
    else load();
    draw();
  };

  const choice = (name, label, options) => h('label', {}, h('span', { class: 'hidden' }, label),
    h('select', { name, value: filter[name], onchange: (event) => choose(name, event.target.value) },
      options.map(([value, text]) => h('option', { value }, text))));

  const names = () => (live.nodes?.nodes ?? []).map((node) => node.name);

  const draw = () => render(place,
    h('div', { class: 'row' }, h('h1', {}, 'Events'), h('div', { class: 'row' },
      h('a', { class: 'button', href: `/api/v1/events/export?${words({ format: 'csv' })}`, download: 'meshd-events.csv' }, 'Export CSV'),
      h('a', { class: 'button', href: `/api/v1/events/export?${words({ format: 'jsonl' })}`, download: 'meshd-events.jsonl' }, 'Export JSON lines'))),
    h('form', { class: 'row filters', role: 'search', onsubmit: (event) => event.preventDefault() },
      choice('severity', 'Severity', severities), choice('kind', 'Kind', told()), choice('since', 'Time', spans),
      choice('node', 'Node', [['', 'All nodes'], ...names().map((name) => [name, name])]),
      h('label', { class: 'grow' }, h('span', {}, 'Search in all words'),
        h('input', { type: 'search', name: 'text', value: filter.text, maxlength: 200, autocomplete: 'off',
          oninput: (event) => choose('text', event.target.value) }))),
    fault ? h('p', { class: 'fault', role: 'alert' }, fault) : null,
    answer?.silent.length ? h('p', { class: 'warning' }, `No answer from ${shortly(answer.silent)}: their events are missing here.`) : null,
    !answer ? (fault ? null : h('p', { class: 'quiet' }, 'Asking the nodes…'))
      : answer.events.length === 0 ? h('p', { class: 'card quiet' }, 'Nothing happened that fits.') : list());

  const list = () => [
    h('section', { class: 'card scroll' }, h('table', { class: 'stack log' },
      h('thead', {}, h('tr', {}, ['Time', 'Severity', 'Node', 'Kind', 'What'].map((text) => h('th', {}, text)))),
      h('tbody', {}, answer.events.map((event) => h('tr', { key: `${event.nodeID}-${event.millis}-${event.sequence}` },
        h('td', { 'data-label': 'Time' }, h('time', { datetime: new Date(event.millis).toISOString() }, time(event.millis))),
        h('td', { 'data-label': 'Severity' }, dot(severityKind(event.severity), event.severity)),
        h('td', { 'data-label': 'Node' }, event.node),
        h('td', { 'data-label': 'Kind' }, kinds.find(([name]) => name === event.kind)?.[1] ?? event.kind),
        h('td', { 'data-label': 'What' }, h('span', {}, event.message, event.from ? h('small', {}, ` from ${event.from}`) : null))))))),
    h('div', { class: 'row' }, h('p', { class: 'quiet' }, `${count(answer.events.length, 'event')}${answer.next ? ' so far' : ''} of ${shortly(answer.of, 10)}.`),
      answer.next && answer.events.length < shownMax
        ? h('button', { onclick: () => load({ before: answer.next }) }, 'Show older') : null),
  ];

  draw();
  load();
  const unfollow = follow(() => {
    const now = JSON.stringify(live.events ?? null);
    if (now === marks || isAsking || !answer) return;
    marks = now;
    const first = answer.events[0];
    load(first ? { after: `${first.millis}-${first.nodeID}-${first.sequence}` } : {});
  });
  return () => { isOpen = false; clearTimeout(typing); unfollow(); };
}
