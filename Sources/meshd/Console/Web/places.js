// Where buckets are: on nodes of the whole mesh, on chosen ones, or on all of some zones, and how one goes elsewhere.

import { h } from './dom.js';
import { live, get, post, at, may } from './api.js';
import { bytes, compare, count, percent, shortly, stateKind } from './words.js';
import { dot, meter } from './charts.js';
import { previewed, told } from './orders.js';

const pollMillis = 2000;

const holders = () => (live.nodes?.nodes ?? []).filter((node) => node.role === 'holder');
// In a mesh of one there is only one place.
export const hasPlaces = () => holders().length > 1;

// `list` makes one text of several names.
function placeText(place, list = shortly) {
  if (place?.nodes) return list(place.nodes);
  if (place?.zones) return `${place.zones.length === 1 ? 'zone' : 'zones'} ${list(place.zones)}`;
  return 'all nodes';
}

const inWords = (place) => (place?.zones ? 'In the ' : 'On ') + placeText(place, (names) => names.join(', '));

// MARK: On the page Storage

// In a bucket's row: where it is, and the way to what moves it.
export function placeLink(bucket) {
  const text = `${bucket.moving ? 'moving to ' : ''}${placeText(bucket.place)}`;
  return h('a', { href: `#/storage/${at(bucket.name)}`, 'aria-label': `Where ${bucket.name} is: ${text}` },
    bucket.moving ? dot('watch', text) : text);
}

// In a bucket's panel. `draft` is what was chosen so far, an object without a kind while the form is shut; `redraw`
// shows it anew, `done` is called when the order is given.
export function bucketPlace(bucket, draft, redraw, done) {
  const mayMove = may('operator') && (hasPlaces() || bucket.place);
  const isOpen = Boolean(draft.kind);
  const toggle = () => {
    Object.assign(draft, isOpen ? { kind: '' } : draftOf(bucket));
    redraw();
  };
  return h('section', { class: 'card', key: 'place', 'aria-labelledby': 'place-title' },
    h('div', { class: 'row' }, h('h2', { id: 'place-title' }, `Where ${bucket.name} is`), h('span', { class: 'row' },
      mayMove ? h('button', { id: 'move', onclick: toggle, 'aria-expanded': String(isOpen) }, 'Move…') : null,
      h('a', { class: 'button', href: '#/storage' }, 'Close'))),
    h('div', { role: 'status' },
      h('p', {}, inWords(bucket.place), bucket.moving ? [' ', dot('watch', 'moving there')] : '.'),
      bucket.usage?.oldCopies ? h('p', {}, leftText(bucket.usage.oldCopies)) : null),
    bucket.moving ? progress() : null,
    bucket.copiesHeld < bucket.copies && !bucket.moving ? h('p', { class: 'quiet' },
      `It has ${count(bucket.copiesHeld, 'copy', 'copies')} of each object and wants ${count(bucket.copies)}.`) : null,
    mayMove && isOpen ? form(bucket, draft, redraw, done) : null);
}

const leftText = (left) => `${count(left, 'old copy is', 'old copies are')} still given up:`
  + ' an old holder waits until all new ones were seen to have what it has.';

// The mesh counts all that moves together.
function progress() {
  const movement = live.layout?.movement;
  if (!movement) return null;
  const text = `${percent(movement.share)} of all that moves${movement.isPaused ? ', paused' : ''}`;
  return [
    h('p', {}, meter(movement.share, text), ' ', h('a', { href: '#/movements' }, 'Movements')),
    movement.waitsFor.length ? h('p', { class: 'fault' }, `It waits for ${shortly(movement.waitsFor)}.`) : null,
  ];
}

// MARK: Moving one

const kinds = [['everywhere', 'All nodes'], ['nodes', 'Chosen nodes'], ['zones', 'Zones']];

// What is so now.
const draftOf = ({ place }) => ({
  kind: place?.nodes ? 'nodes' : place?.zones ? 'zones' : 'everywhere',
  nodes: new Set(holders().filter((node) => place?.nodes?.includes(node.name)).map((node) => node.id)),
  zones: new Set(place?.zones),
});

function form(bucket, draft, redraw, done) {
  const nodes = holders().sort((a, b) => compare(a.name, b.name));
  const zones = [...new Set(nodes.map((node) => node.zone))].sort(compare);
  for (const id of draft.nodes) if (!nodes.some((node) => node.id === id)) draft.nodes.delete(id);
  for (const zone of draft.zones) if (!zones.includes(zone)) draft.zones.delete(zone);
  const options = {
    everywhere: () => h('p', { class: 'quiet' }, 'Nodes of the whole mesh hold it, those that come later too.'),
    nodes: () => boxes('Which nodes?', draft.nodes, redraw, nodes.map((node) => ({
      value: node.id, name: node.name, isOff: stateKind(node.state) !== 'good',
      text: `${node.state}, zone ${node.zone}, ${bytes(node.freeBytes)} free`,
    }))),
    zones: () => boxes('Which zones?', draft.zones, redraw, zones.map((zone) => ({
      value: zone, name: zone, text: shortly(nodes.filter((node) => node.zone === zone).map((node) => node.name)),
    }))),
  };
  const close = () => {
    draft.kind = '';
    redraw();
    document.getElementById('move')?.focus();
  };
  const submit = async (event) => {
    event.preventDefault();
    if (!await order(bucket, draft, nodes)) return;
    close();
    done();
  };
  return h('form', { onsubmit: submit },
    h('fieldset', {}, h('legend', {}, 'Where shall it be?'),
      h('p', { class: 'row' }, kinds.map(([kind, label]) => h('label', { key: kind },
        h('input', { type: 'radio', name: 'place', value: kind, checked: draft.kind === kind,
          onchange: () => { draft.kind = kind; redraw(); } }), ' ', label)))),
    h('div', { key: draft.kind }, options[draft.kind]()),
    h('div', { class: 'row end' }, h('button', { type: 'button', onclick: close }, 'Not now'),
      h('button', { type: 'submit', class: 'primary', disabled: draft[draft.kind]?.size === 0 }, 'Preview')));
}

// One box for each of them; the values of those that are ticked are in `chosen`.
function boxes(title, chosen, redraw, choices) {
  const choose = (value, isChosen) => {
    if (isChosen) chosen.add(value); else chosen.delete(value);
    redraw();
  };
  const names = choices.length > 10 ? 'newcomers many' : 'newcomers';
  return h('fieldset', {}, h('legend', {}, title), h('ul', { class: names },
    choices.map(({ value, name, isOff, text }) => h('li', { key: value },
      h('label', {}, h('input', { type: 'checkbox', value, checked: chosen.has(value),
        disabled: isOff && !chosen.has(value),
        onchange: (event) => choose(value, event.target.checked) }), ' ', h('b', {}, name)),
      h('span', { class: 'quiet' }, ` ${text}`)))));
}

// Says whether it was given in the end.
function order(bucket, draft, nodes) {
  const chosen = nodes.filter((node) => draft.nodes.has(node.id));
  const zones = [...draft.zones].sort(compare);
  const [wish, place] = {
    everywhere: [{ everywhere: true }, null],
    nodes: [{ nodes: chosen.map((node) => node.id) }, { nodes: chosen.map((node) => node.name) }],
    zones: [{ zones }, { zones }],
  }[draft.kind];
  const path = `buckets/${at(bucket.name)}/move`;
  return previewed('POST', path, wish, {
    title: `Move ${bucket.name} to ${place?.zones ? 'the ' : ''}${placeText(place)}?`, action: 'Move',
    text: ['Its objects are served all the time.'],
    act: async () => {
      await told(post(path, wish));
      return true;
    },
  });
}

// MARK: On the page Movements

// Asks which buckets move while the layout says that some do, until it is stopped; `draw` shows what came.
export function watchMoving(draw) {
  let timer = null;
  let isStopped = false;
  const seen = { buckets: [], fault: '' };
  const load = async () => {
    const before = seen.buckets.length;
    try {
      const isAny = live.layout?.layout.changingBuckets > 0;
      seen.buckets = isAny ? (await get('buckets')).buckets.filter((bucket) => bucket.moving) : [];
      seen.fault = '';
    } catch (error) {
      seen.fault = error.message;
    }
    if (isStopped) return;
    timer = setTimeout(load, pollMillis);
    if (before + seen.buckets.length > 0 || seen.fault) draw();
  };
  seen.stop = () => {
    isStopped = true;
    clearTimeout(timer);
  };
  load();
  return seen;
}

export function movingBuckets(seen) {
  if (seen.buckets.length === 0 && !seen.fault) return null;
  return h('section', { class: 'card', key: 'moving' }, h('h2', {}, 'Buckets that move'),
    seen.fault ? h('p', { class: 'fault' }, seen.fault) : null,
    h('ul', { class: 'plain-list' }, seen.buckets.map((bucket) => h('li', { key: bucket.name },
      h('a', { href: `#/storage/${at(bucket.name)}` }, bucket.name), ` to ${placeText(bucket.place)}`))));
}
