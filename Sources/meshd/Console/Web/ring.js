// Ring: who holds which share, how each node is, where a key lies, and why this node believes what it believes.

import { h, render, notice, words } from './dom.js';
import { live, follow, get, at } from './api.js';
import { bytes, count, percent, stateKind, ago, span, time, micros, compare } from './words.js';
import { dot } from './charts.js';

const center = 200;
const outer = 168;
const inner = 118;
// A node without a share is drawn this wide, so that it can be found.
const leastShare = 0.012;
// Beyond so many nodes names would run into each other; the list below has them all.
const namesMax = 24;

export function ring(place, path, query) {
  let chosen = path[0] ?? null;
  let dossier = null;
  let found = null;
  let fault = '';

  const choose = async (name) => {
    chosen = name;
    dossier = null;
    fault = '';
    draw();
    await refresh();
  };

  const refresh = async () => {
    const asked = chosen;
    if (!asked) return;
    try {
      const answer = await get(`mesh/why/${at(asked)}`);
      if (asked === chosen) dossier = answer;
    } catch (error) {
      if (asked === chosen) fault = error.message;
    }
    draw();
  };

  const search = async (event) => {
    event?.preventDefault();
    // The form comes with the first word of the nodes, which a page that was just loaded waits for.
    const form = place.querySelector('form');
    const text = form ? new FormData(form).get('object') : query.get('object');
    const [bucket, ...rest] = text.trim().split('/');
    const key = rest.join('/');
    if (!bucket || !key) {
      notice('Write a bucket, a slash and a key: photos/2026/sea.jpg', 'bad');
      return;
    }
    try {
      found = await get(`cluster/where?bucket=${encodeURIComponent(bucket)}&key=${encodeURIComponent(key)}`);
    } catch (error) {
      found = null;
      notice(error.message, 'bad');
    }
    draw();
  };

  const forget = () => {
    found = null;
    place.querySelector('form input').value = '';
    draw();
  };

  const draw = () => {
    if (!live.nodes || !live.layout || !live.members) return render(place, h('p', { class: 'quiet' }, 'Asking the nodes…'));
    const nodes = gathered();
    render(place,
      h('h1', { class: 'hidden' }, 'Ring'),
      h('form', { class: 'row search', role: 'search', onsubmit: search },
        h('label', { for: 'object' }, 'Where is bucket/key'),
        h('input', { id: 'object', name: 'object', autocomplete: 'off', spellcheck: 'false',
          value: query.get('object') ?? '' }),
        h('button', { class: 'primary' }, 'Show'),
        found ? h('button', { type: 'button', onclick: forget }, 'Clear') : null),
      found ? answer(found) : null,
      h('div', { class: 'split' },
        h('section', { class: 'card', 'aria-label': 'The ring as a picture' }, picture(nodes, chosen, found, choose), legend(nodes)),
        h('section', { class: 'card', 'aria-label': 'Dossier' }, chosen
          ? dossierView(nodes.find((node) => node.name === chosen || node.id === chosen), dossier, fault, () => choose(null))
          : h('p', { class: 'quiet' }, 'Choose a node to see what this node knows of it, and why it believes it.'))),
      h('section', { class: 'card' }, h('h2', {}, 'All nodes'), list(nodes, chosen, choose)));
  };

  draw();
  if (query.get('object')) search();
  refresh();
  let ticks = 0;
  return follow(() => {
    ticks += 1;
    if (chosen && ticks % 3 === 0) refresh();
    draw();
  });
}

// One line for each node, from the layout, the member list, and what the nodes say of themselves.
function gathered() {
  const members = new Map(live.members.members.map((line) => [line.id, line]));
  const lines = new Map(live.layout.layout.members.map((line) => [line.id, line]));
  const waiting = new Map();
  for (const node of live.nodes.nodes) {
    for (const pile of node.condition?.repair?.hints ?? []) {
      waiting.set(pile.peer, Math.max(waiting.get(pile.peer) ?? 0, pile.objects));
    }
  }
  return live.nodes.nodes.map((node) => ({
    ...node,
    member: members.get(node.id),
    line: lines.get(node.id),
    waiting: waiting.get(node.id) ?? 0,
  })).sort((a, b) => compare(a.zone, b.zone) || compare(a.name, b.name));
}

function picture(nodes, chosen, found, choose) {
  const layout = live.layout.layout;
  const widths = nodes.map((node) => Math.max(leastShare, node.share));
  const all = widths.reduce((sum, width) => sum + width, 0);
  const zones = [...new Set(nodes.map((node) => node.zone))];
  let from = 0;
  const arcs = nodes.map((node, index) => {
    const arc = { node, from, to: from + widths[index] / all, nextWidth: Math.max(node.nextShare, leastShare / 4) / all, zone: zones.indexOf(node.zone) };
    from = arc.to;
    return arc;
  });
  const holders = new Map((found?.holders ?? []).map((holder) => [holder.id, holder]));
  return h('svg', { class: 'ring', viewBox: '-70 -10 540 420', role: 'group',
    'aria-label': `The ring: ${count(nodes.length, 'node')}, ${layout.copiesPossible} of ${layout.copiesWanted} copies` },
  zoneBands(arcs, zones, nodes.length > namesMax),
  arcs.map((arc) => arcView(arc, arc.node.name === chosen || arc.node.id === chosen, found, holders.get(arc.node.id), nodes.length, choose)),
  found ? arcs.filter((arc) => holders.has(arc.node.id)).map((arc) => {
    const [x, y] = point((arc.from + arc.to) / 2, inner - 6);
    return h('line', { class: 'beam', x1: center, y1: center, x2: x, y2: y });
  }) : null,
  h('circle', { class: 'hub', cx: center, cy: center, r: 62 }),
  hub(found, layout, live.layout.movement, nodes));
}

function hub(found, layout, movement, nodes) {
  const lines = found
    ? [short(found.key.split('/').pop() || found.key, 11), `partition ${found.partition}`, `${found.whole} of ${found.holders.length} whole`]
    : movement ? [percent(movement.share), 'is moved', short(movement.what, 13)]
      : [count(nodes.length, 'node'), `${layout.copiesPossible} of ${layout.copiesWanted} copies`, `epoch ${layout.epoch}`];
  return lines.map((text, index) => h('text', { class: index === 0 ? 'hub-text first' : 'hub-text', x: center,
    y: center - 12 + index * 20, 'text-anchor': 'middle' }, text));
}

// Where nodes are too many to be named, zones are.
function zoneBands(arcs, zones, isNamed) {
  if (zones.length < 2) return null;
  return zones.map((zone, index) => {
    const own = arcs.filter((arc) => arc.zone === index);
    const [from, to] = [own[0].from, own[own.length - 1].to];
    const [x, y] = point((from + to) / 2, outer + 22);
    return [h('path', { class: `zone hue-${index % 6}`, d: sector(from, to, outer + 5, outer + 10) },
      h('title', {}, `zone ${zone}`)),
      isNamed && to - from > 0.05 ? h('text', { class: 'name', x, y: y + 4, 'text-anchor': anchor(x) }, short(zone, 10)) : null];
  });
}

function arcView(arc, isChosen, found, holder, all, choose) {
  const { node } = arc;
  const kind = stateKind(node.state);
  const phi = node.member?.phi ?? 0;
  const middle = (arc.from + arc.to) / 2;
  const [x, y] = point(middle, outer + 22);
  const isLit = holder !== undefined;
  const names = ['arc', `hue-${arc.zone % 6}`, kind];
  if (isChosen) names.push('chosen');
  if (found && !isLit) names.push('dim');
  if (isLit) names.push(holder.silence ? 'silent' : 'lit');
  const label = `${node.name}: ${node.state}, ${percent(node.share, 1)} of all keys, phi ${phi.toFixed(1)}`
    + (node.waiting ? `, ${count(node.waiting, 'object')} waiting for it` : '');
  const open = () => choose(node.name);
  return h('g', { key: node.id, class: names.join(' '), role: 'button', tabindex: '0', 'aria-label': label, onclick: open,
    'aria-pressed': isChosen ? 'true' : 'false',
    onkeydown: (event) => { if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); open(); } } },
  h('title', {}, label),
  h('path', { class: 'share', d: sector(arc.from, arc.to, inner, outer) }),
  // Suspicion fills the arc from inside, a tenth of it for each decade of evidence.
  phi >= 0.5 ? h('path', { class: 'phi', d: sector(arc.from, arc.to, inner, inner + (outer - inner) * Math.min(1, phi / 10)) }) : null,
  node.nextShare !== node.share ? h('path', { class: 'next', d: sector(middle - arc.nextWidth / 2, middle + arc.nextWidth / 2, inner - 10, inner - 5) }) : null,
  all <= namesMax ? h('text', { class: 'name', x, y: y + 4, 'text-anchor': anchor(x) },
    short(node.name, 12)) : null,
  all <= namesMax && arc.to - arc.from > 0.05 ? inside(middle, kind === 'good' ? percent(node.share) : node.state) : null,
  node.waiting ? badge(middle, all <= namesMax ? count(node.waiting) : '') : null);
}

function inside(middle, text) {
  const [x, y] = point(middle, (inner + outer) / 2);
  return h('text', { class: 'inside', x, y: y + 4, 'text-anchor': 'middle' }, text);
}

function badge(middle, text) {
  const [x, y] = point(middle, inner - 20);
  // Many stand close to each other: a dot says that something waits, the label of the arc how much.
  if (!text) return h('circle', { class: 'badge', cx: x, cy: y, r: 4 });
  const width = 12 + text.length * 7;
  return [h('rect', { class: 'badge', x: x - width / 2, y: y - 9, width, height: 18, rx: 9 }), h('text', { class: 'badge-text', x, y: y + 4, 'text-anchor': 'middle' }, text)];
}

const anchor = (x) => (Math.abs(x - center) < 30 ? 'middle' : x < center ? 'end' : 'start');

const short = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

// A place on the circle; 0 is above, turning right.
function point(turn, radius) {
  const angle = (turn - 0.25) * 2 * Math.PI;
  return [center + radius * Math.cos(angle), center + radius * Math.sin(angle)].map((value) => Math.round(value * 100) / 100);
}

function sector(from, to, low, high) {
  const gap = Math.min(0.0025, (to - from) / 12);
  // A whole turn has no beginning to draw an arc from.
  const [start, end] = to - from > 0.999 ? [from, from + 0.9999] : [from + gap, to - gap];
  const large = end - start > 0.5 ? 1 : 0;
  const [a, b, c, d] = [point(start, high), point(end, high), point(end, low), point(start, low)];
  return `M${a}A${high} ${high} 0 ${large} 1 ${b}L${c}A${low} ${low} 0 ${large} 0 ${d}Z`;
}

function legend(nodes) {
  const zones = [...new Set(nodes.map((node) => node.zone))];
  const isWaiting = nodes.some((node) => node.waiting);
  return h('ul', { class: 'legend' },
    zones.length > 1 ? zones.map((zone, index) => h('li', {}, h('i', { class: `swatch hue-${index % 6}`, 'aria-hidden': 'true' }), `zone ${zone}`)) : null,
    h('li', {}, nodes.length <= namesMax ? 'The number on an arc says how many of all keys the node holds.'
      : 'The wider an arc, the more of all keys the node holds; the list below has names and numbers.'),
    nodes.some((node) => (node.member?.phi ?? 0) >= 0.5) ? h('li', {}, h('i', { class: 'swatch phi', 'aria-hidden': 'true' }), 'suspicion (phi)') : null,
    isWaiting ? h('li', {}, h('i', { class: 'swatch badge', 'aria-hidden': 'true' }), 'objects that wait for it') : null,
    live.layout.layout.isChanging ? h('li', {}, h('i', { class: 'swatch next', 'aria-hidden': 'true' }), 'its share when nothing moves any more') : null);
}

function answer(found) {
  return h('section', { class: 'card', 'aria-live': 'polite' },
    h('h2', {}, `${found.bucket}/${found.key}`),
    h('p', {}, `${found.sentence[0].toUpperCase()}${found.sentence.slice(1)}.`),
    h('div', { class: 'scroll' }, h('table', { class: 'stack' }, h('thead', {}, h('tr', {}, ['Holder', 'Zone', 'Newest row', 'Size', 'Bytes', 'Written', 'Hints for'].map((text) => h('th', {}, text)))),
      h('tbody', {}, found.holders.map((holder) => {
        const row = holder.rows[0];
        return h('tr', { key: holder.id }, h('th', { scope: 'row', 'data-label': 'Holder' }, holder.name), h('td', { 'data-label': 'Zone' }, holder.zone),
          h('td', { 'data-label': 'Newest row' }, holder.silence ? dot('bad', holder.silence) : row ? dot(row.stamp === found.newest ? 'good' : 'watch',
            row.stamp === found.newest ? row.kind : `older ${row.kind}`) : dot('off', 'nothing')),
          h('td', { 'data-label': 'Size' }, row ? bytes(row.size) : '–'),
          h('td', { 'data-label': 'Bytes' }, row ? (row.hasBytes ? 'there' : 'missing') : '–'),
          h('td', { 'data-label': 'Written' }, row ? time(row.millis) : '–'), h('td', { 'data-label': 'Hints for' }, holder.hintsFor.join(', ') || '–'));
      })))));
}

function dossierView(node, dossier, fault, close) {
  if (!node) return h('p', { class: 'quiet' }, 'This node is not in the mesh any more.');
  const member = node.member;
  const rows = [
    ['State', dot(stateKind(node.state), `${node.state}, ${span(Date.now() - node.sinceMillis)}`)],
    ['Zone', node.zone], ['Role', node.role + (node.line?.isVoter ? ', voter' : '')],
    ['Share', `${percent(node.share, 1)} of all keys${node.nextShare !== node.share ? `, then ${percent(node.nextShare, 1)}` : ''}`],
    ['Weight', String(node.weight)],
    ['Seen by this node', member ? (member.reach === 'self' ? 'it is this node' : `${member.reach}, ${micros(member.rttMicros)} round trip, ${percent(member.loss)} lost`) : '–'],
    ['Phi', dossier ? `${dossier.phi.toFixed(1)}; suspect at ${dossier.suspectPhi}, dead at ${dossier.deadPhi} and ${count(dossier.quorum, 'witness', 'witnesses')}` : (member?.phi ?? 0).toFixed(1)],
    ['Address', node.address], ['Version', node.version],
    ['Waiting for it', count(node.waiting, 'object')],
    ...Object.entries(node.metadata ?? {}),
  ];
  return [
    h('div', { class: 'row' }, h('h2', {}, node.name), h('button', { class: 'small', onclick: close }, 'Close')),
    member?.note ? h('p', { class: 'advice' }, words(member.note)) : null,
    h('dl', {}, rows.map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)])),
    h('h3', {}, 'Why'),
    fault ? h('p', { class: 'fault' }, fault) : null,
    dossier?.reason ? h('p', {}, `It was expelled: ${dossier.reason}`) : null,
    dossier?.deadAtMillis ? h('p', {}, `Without a word from it, it is dead in ${span(dossier.deadAtMillis - Date.now())}.`) : null,
    dossier?.evidence.length ? h('p', {}, `Accused by ${dossier.evidence.map((witness) => `${witness.name} (phi ${witness.phi.toFixed(1)})`).join(', ')}.`) : null,
    !dossier ? (fault ? null : h('p', { class: 'quiet' }, 'Asking…')) : dossier.entries.length === 0
      ? h('p', { class: 'quiet' }, 'Nothing ever spoke against it.')
      : h('ol', { class: 'entries' }, [...dossier.entries].reverse().slice(0, 40).map((entry) => h('li', {},
        h('time', { datetime: new Date(entry.atMillis).toISOString(), title: time(entry.atMillis) }, ago(entry.atMillis)), ' ',
        h('b', {}, entry.what), entry.by.length ? ` by ${entry.by.join(', ')}` : '', entry.phi > 0 ? `, phi ${entry.phi.toFixed(1)}` : ''))),
  ];
}

// Many nodes stand under their zones.
function list(nodes, chosen, choose) {
  const zones = [...new Set(nodes.map((node) => node.zone))];
  if (zones.length < 2 || nodes.length <= namesMax) return chips(nodes, chosen, choose);
  return zones.map((zone, index) => {
    const own = nodes.filter((node) => node.zone === zone);
    const title = `zone ${zone}, ${count(own.length, 'node')}`;
    return [h('h3', {}, h('i', { class: `swatch hue-${index % 6}`, 'aria-hidden': 'true' }), title),
      chips(own, chosen, choose)];
  });
}

function chips(nodes, chosen, choose) {
  return h('ul', { class: 'chips' }, nodes.map((node) => h('li', { key: node.id },
    h('button', { class: node.name === chosen ? 'chip chosen' : 'chip', onclick: () => choose(node.name), 'aria-pressed': node.name === chosen ? 'true' : 'false' },
      dot(stateKind(node.state), node.name), h('span', { class: 'quiet' }, ` ${percent(node.share, 1)}`)))));
}
