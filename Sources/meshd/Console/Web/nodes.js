// Nodes: all that the mesh tells of each, and what an operator may order about its place.

import { h, render, ask, notice, words, copyButton } from './dom.js';
import { live, follow, get, post, call, at, download, may } from './api.js';
import { bytes, count, percent, span, stateKind, micros, compare, time } from './words.js';
import { dot, meter } from './charts.js';
import { previewed, told, insist } from './orders.js';

const columns = [
  ['Name', (row) => row.name], ['State', (row) => row.state], ['Zone', (row) => row.zone], ['Role', (row) => row.role],
  ['Share', (row) => row.share], ['Disk', (row) => (row.capacityBytes ? row.freeBytes / row.capacityBytes : 0)],
  ['Stored', (row) => row.condition?.logicalBytes ?? 0], ['Phi', (row) => row.member?.phi ?? 0],
  ['CPU', (row) => row.condition?.machine?.cpuPercent ?? 0],
  ['Round trip', (row) => row.member?.rttMicros ?? 0], ['Requests', (row) => row.condition?.traffic?.requests ?? 0],
  ['Version', (row) => row.version],
];

// What nodes can be looked for by.
const said = (row) => [row.name, row.state, row.zone, row.role, row.version, written(row.metadata)];
// Where there are more, some can be looked for.
const filterMin = 10;

export function nodes(place) {
  let order = 'Name';
  let isDown = false;
  let filter = '';

  const draw = () => {
    if (!live.nodes || !live.members) return render(place, h('p', { class: 'quiet' }, 'Asking the nodes…'));
    const members = new Map(live.members.members.map((line) => [line.id, line]));
    const rows = live.nodes.nodes.map((node) => ({ ...node, member: members.get(node.id) }));
    const isLong = rows.length > filterMin;
    const value = columns.find(([name]) => name === order)[1];
    rows.sort((a, b) => (isDown ? -1 : 1) * compare(value(a), value(b)) || compare(a.name, b.name));
    const wanted = filter.trim().toLowerCase();
    const shown = isLong && wanted
      ? rows.filter((row) => said(row).some((text) => text.toLowerCase().includes(wanted))) : rows;
    const gone = live.members.members.filter((line) => !rows.some((row) => row.id === line.id));
    render(place,
      h('div', { class: 'row' }, h('h1', {}, 'Nodes'), !may('admin') ? null : h('div', { class: 'row' },
        h('button', { onclick: () => pack() }, 'Node package'), h('button', { onclick: () => add() }, 'Join token'), h('a', { class: 'button primary', href: '#/mesh' }, 'Add nodes'))),
      h('p', { class: 'quiet' }, `${live.members.agreeing} of ${live.members.present} hold the same view; seen from ${live.members.seenFrom}.`),
      isLong ? h('p', { class: 'field' },
        h('label', { for: 'filter' }, 'Show names, states, zones, roles, versions and notes with'),
        h('input', { id: 'filter', value: filter, autocomplete: 'off', spellcheck: 'false',
          oninput: (event) => { filter = event.target.value; draw(); } })) : null,
      h('section', { class: 'card scroll' }, isLong ? h('p', { class: 'quiet' }, shown.length === rows.length
        ? count(rows.length, 'node') : `${count(shown.length)} of ${count(rows.length, 'node')}`) : null,
      h('table', { class: 'stack' },
        h('thead', {}, h('tr', {}, columns.map(([name]) => h('th', { 'aria-sort': order === name ? (isDown ? 'descending' : 'ascending') : undefined },
          h('button', { class: 'plain', onclick: () => { isDown = order === name && !isDown; order = name; draw(); } },
            name, order === name ? (isDown ? ' ↓' : ' ↑') : ''))), h('th', {}, h('span', { class: 'hidden' }, 'Orders')))),
        h('tbody', {}, shown.map((row) => line(row, rows))))),
      gone.length ? h('section', { class: 'card' }, h('h2', {}, 'Gone'), h('ul', {}, gone.map((member) => h('li', { key: member.id },
        dot(stateKind(member.state), member.name), ` ${member.state}, ${span(Date.now() - member.sinceMillis)} `,
        h('a', { href: `#/ring/${at(member.name)}` }, 'why'))))) : null);
  };

  draw();
  return follow(draw);
}

function line(row, rows) {
  const condition = row.condition;
  const cells = [
    h('a', { href: `#/ring/${at(row.name)}`, title: `id ${row.id}` }, row.name),
    [dot(stateKind(row.state), row.state), h('small', { class: 'below', title: time(row.sinceMillis) }, span(Date.now() - row.sinceMillis))],
    row.zone,
    row.role,
    [...new Set([row.share, row.nextShare].map((share) => percent(share, 1)))].join(' → '),
    row.capacityBytes ? meter(1 - row.freeBytes / row.capacityBytes, `${bytes(row.freeBytes)} free`, condition?.isReadOnly ? 'bad' : 'plain') : '–',
    condition ? bytes(condition.logicalBytes) : 'no answer',
    isAsked(row) ? (row.member?.phi ?? 0).toFixed(1) : '–',
    busy(condition?.machine),
    row.member?.reach === 'self' ? 'this node' : isAsked(row) ? micros(row.member?.rttMicros) : '–',
    condition?.traffic ? count(condition.traffic.requests) : '–',
    row.version,
  ];
  return h('tr', { key: row.id }, cells.map((cell, index) => h(index === 0 ? 'th' : 'td',
    { 'data-label': columns[index][0], scope: index === 0 ? 'row' : undefined }, cell)),
  h('td', { class: 'orders' }, may('operator') ? h('button', { class: 'small', 'aria-label': `Orders for ${row.name}`, onclick: () => orders(row, rows) }, 'Orders…') : null));
}

// Of its process; the machine's own load and memory are in the hint.
const busy = (machine) => (machine?.residentBytes === undefined ? '–' : h('span', {
  title: `load ${machine.load ?? '–'} on ${count(machine.cores ?? 1, 'core')}, ${bytes(machine.memoryFreeBytes ?? 0)} of ${bytes(machine.memoryBytes ?? 0)} free`,
}, `${machine.cpuPercent ?? '–'} %`, h('small', { class: 'below' }, bytes(machine.residentBytes))));

// Those who are gone are asked no more: what was measured last says nothing of now.
const isAsked = (row) => ['alive', 'suspect', 'unstable'].includes(row.state);

// MARK: Orders

const path = (row, order) => `cluster/nodes/${row.id}/${order}`;

function orders(row, rows) {
  const isHolder = row.role !== 'outside';
  const choices = [
    isHolder && row.role !== 'draining' && row.role !== 'leaving' ? ['Drain', 'All that it holds goes to others; it goes on serving clients.', () => drain(row)] : null,
    row.role === 'draining' ? ['Resume', 'It gets its share again.', () => resume(row)] : null,
    isHolder ? ['Weight and zone', 'Data moves by itself after it.', () => change(row)] : null,
    ['Name and notes', 'What it is called, and what is to be known of it.', () => label(row)],
    isHolder ? ['Replace', 'Another node takes over exactly what it holds.', () => replace(row, rows)] : null,
    isHolder ? ['Remove', 'Its place is taken away, its share goes to others.', () => remove(row)] : null,
    isHolder && stateKind(row.state) === 'good' ? ['Give up a lost disk', 'What the former disk of this node held is given up, when it came back with an empty one.', () => forget(row)] : null,
    isHolder ? null : ['Let in', 'It gets a place and a share.', () => join(row)],
    row.member && row.member.reach !== 'self' ? ['Probe', 'Asks it now, by datagrams and by a stream.', () => probe(row)] : null,
  ].filter(Boolean);
  const dialog = document.createElement('dialog');
  const opener = document.activeElement;
  dialog.setAttribute('aria-label', `Orders for ${row.name}`);
  dialog.onclose = () => { dialog.remove(); opener?.focus?.(); };
  render(dialog, h('h2', {}, row.name), h('p', { class: 'quiet' }, `${row.state}, ${row.role}, ${holds(row)}`),
    h('ul', { class: 'choices' }, choices.map(([name, text, act]) => h('li', {},
      h('button', { onclick: () => { dialog.close(); act(); } }, name), h('span', { class: 'quiet' }, text)))),
    h('div', { class: 'row end' }, h('button', { onclick: () => dialog.close() }, 'Close')));
  document.body.append(dialog);
  dialog.showModal();
}

const holds = (row) => (row.condition ? `it holds ${bytes(row.condition.logicalBytes)} in ${count(row.condition.versions, 'row')}` : 'it does not say what it holds');

const drain = (row) => previewed('POST', path(row, 'drain'), undefined, { title: `Drain ${row.name}?`, action: 'Drain',
  text: [`${row.name}: ${holds(row)}.`], act: () => told(post(path(row, 'drain'))) });
const resume = (row) => previewed('POST', path(row, 'resume'), undefined, { title: `Resume ${row.name}?`, action: 'Resume', text: ['It holds its share again.'], act: () => told(post(path(row, 'resume'))) });
const join = (row) => previewed('POST', path(row, 'join'), undefined, { title: `Let ${row.name} in?`, action: 'Let in', text: ['It gets a place in the layout.'], act: () => told(post(path(row, 'join'))) });

const remove = (row) => previewed('POST', path(row, 'remove'), { force: false }, {
  title: `Remove ${row.name}?`, danger: true, action: 'Remove',
  text: [`${row.name}: ${holds(row)}. ${stateKind(row.state) === 'good' ? 'Its data goes to others first.' : 'It does not answer: copies are made from what others have.'}`],
  act: () => insist(row.name, 'Remove', (force) => post(path(row, 'remove'), { force })),
});

const forget = (row) => previewed('POST', path(row, 'forget'), { force: false }, {
  title: `Give up what the former disk of ${row.name} held?`, danger: true, action: 'Give up',
  text: ['For a node that came back with an empty disk: its copies are made again from others.'],
  act: () => insist(row.name, 'Forget', (force) => post(path(row, 'forget'), { force })),
});

function replace(row, rows) {
  const heirs = rows.filter((other) => other.id !== row.id && stateKind(other.state) === 'good');
  if (heirs.length === 0) return ask({ title: `Replace ${row.name}`, text: 'No other node is here that could take over. Add one first.' });
  return ask({
    title: `Replace ${row.name}`, action: 'Preview', text: 'Another node takes over exactly what it holds.',
    fields: [{ name: 'heir', label: 'The node that takes over', kind: 'choice', options: heirs.map((heir) => [heir.id,
      `${heir.name} (${heir.role}, ${bytes(heir.freeBytes)} free)`]) }],
    act: ({ heir }) => { setTimeout(() => previewed('POST', path(row, 'replace'), { with: heir, force: false }, {
      title: `Replace ${row.name} by ${heirs.find((other) => other.id === heir).name}?`, action: 'Replace', danger: true,
      act: () => insist(row.name, 'Replace', (force) => post(path(row, 'replace'), { with: heir, force })),
    })); },
  });
}

const change = (row) => ask({
  title: `Weight and zone of ${row.name}`, action: 'Preview',
  text: `A weight is relative to those of others; by default it is the disk in GiB. It has ${percent(row.share, 1)} of all keys now.`,
  fields: [
    { name: 'weight', label: 'Weight', kind: 'number', min: 0, max: 4294967295, value: String(row.weight), required: true,
      hint: '0 is a witness: it votes and holds nothing.' },
    { name: 'zone', label: 'Zone', value: row.zone, required: true, maxlength: 64, hint: 'Copies of one key go to different zones where there are enough.' },
  ],
  act: ({ weight, zone }) => {
    const wish = {};
    if (Number(weight) !== row.weight) wish.weight = Number(weight);
    if (zone !== row.zone) wish.zone = zone;
    if (Object.keys(wish).length === 0) throw new Error('Nothing was changed.');
    setTimeout(() => previewed('PATCH', `cluster/nodes/${row.id}`, wish, { title: `Change ${row.name}?`, action: 'Change',
      act: () => told(call('PATCH', `cluster/nodes/${row.id}`, wish)) }));
    return undefined;
  },
});

const written = (metadata) => Object.entries(metadata ?? {}).map(([key, value]) => `${key}=${value}`).join('; ');

const label = (row) => ask({
  title: `Name and notes of ${row.name}`, action: 'Save',
  fields: [
    { name: 'name', label: 'Name', value: row.name, maxlength: 64, hint: 'Letters, digits, dots and hyphens; empty: as it is configured.' },
    { name: 'notes', label: 'Notes', value: written(row.metadata), hint: 'Such as rack=3; owner=Ada.' },
  ],
  act: async ({ name, notes }) => {
    const pairs = notes.split(';').map((note) => note.trim()).filter(Boolean).map((note) => note.split(/=(.*)/s, 2).map((part) => part.trim()));
    if (pairs.some((pair) => pair.length < 2)) throw new Error('Notes are name=text, with semicolons between them.');
    const wish = {};
    if (notes !== written(row.metadata)) wish.metadata = Object.fromEntries(pairs);
    if (name !== row.name) wish.name = name;
    if (Object.keys(wish).length === 0) throw new Error('Nothing was changed.');
    await told(call('PATCH', `cluster/nodes/${row.id}`, wish));
  },
});

async function probe(row) {
  try {
    const found = await post('mesh/probe', { to: row.id });
    const way = (label, path) => [h('dt', {}, label), h('dd', {}, path.micros === undefined || path.micros === null ? dot('bad', 'no answer') : dot('good', micros(path.micros)))];
    await ask({ title: `${found.from} asks ${found.to}`, text: h('dl', {}, way('Small datagram', found.datagram),
      way(`Datagram of ${found.datagramBytes} bytes`, found.fullDatagram), way('Stream', found.stream), h('dt', {}, 'Address'), h('dd', {}, found.address)) });
  } catch (fault) {
    notice(fault.message, 'bad');
  }
}

async function add() {
  const status = await get('status').catch(() => null);
  const name = status?.name ?? 'the first node';
  const steps = ['meshd token create --data-dir DIR', 'meshd join TOKEN --data-dir DIR --name NAME'];
  ask({ title: 'Let a node in by a token', text: [
    `A node comes in with a token that the mesh's admin key signed. Where the mesh began (this is ${name}), make one:`,
    h('p', { class: 'row' }, h('code', {}, steps[0]), copyButton('Copy', steps[0])),
    'On the new machine, with the line that it printed and an empty directory:',
    h('p', { class: 'row' }, h('code', {}, steps[1]), copyButton('Copy', steps[1])),
    'It appears here by itself, gets its share, and the page Movements shows how the data comes to it.',
    'Or make a node package, which holds the program and the token in one file.',
    status?.mesh ? h('p', { class: 'quiet' }, words(`The new machine has to reach \`${status.mesh}\` by TCP and by UDP.`)) : null,
  ].filter(Boolean) });
}

// A file that makes a bare machine a node. The warning stands where the button is.
function pack() {
  const isOnOtherMachines = (address) => !/^(127\.|\[::1\])/.test(address);
  const near = live.members.members.filter((member) => isAsked(member) && member.address).map((member) => member.address);
  const isLocal = !near.some(isOnOtherMachines);
  return ask({
    title: 'Make a node package', action: 'Make and download',
    text: [
      'A file that turns a bare Debian machine into a node of this mesh: the program, its settings, a systemd unit and a join token.',
      h('p', { class: 'warning' }, 'The token lets in whoever has the file, and more than once, until it expires. Send the file as you would send a password.'),
      isLocal ? h('p', { class: 'warning' }, 'All nodes listen on this machine only: a node elsewhere cannot reach them before their mesh-listen is changed.') : null,
    ].filter(Boolean),
    fields: [
      { name: 'name', label: 'Name of the new node', required: true, maxlength: 63, pattern: '[A-Za-z0-9][A-Za-z0-9._\\-]*' },
      { name: 'zone', label: 'Zone', maxlength: 63, hint: 'A rack, a room, a site. Copies of one key go to different zones.' },
      { name: 'format', label: 'Format', kind: 'choice', options: [['deb', 'Debian package (.deb)'], ['sh', 'Script that unpacks itself (.sh)'], ['tar.gz', 'Archive (.tar.gz)']] },
      { name: 'expires', label: 'Token valid for', kind: 'choice', value: '24h', options: [['1h', '1 hour'], ['24h', '1 day'], ['7d', '7 days']] },
      { name: 'addresses', label: 'Where it knocks', value: near.slice(0, 8).join(' '), hint: 'Addresses of nodes, with a space between them.' },
      { name: 'token', label: 'Join token', kind: 'password', maxlength: 4096,
        hint: 'Only where this node does not hold the admin key: what `meshd token create` printed. Time and addresses are in it.' },
    ],
    act: async ({ name, zone, format, expires, addresses, token }) => {
      const wish = { name: name.trim(), format };
      if (zone.trim()) wish.zone = zone.trim();
      if (token.trim()) wish.token = token.trim();
      else Object.assign(wish, { expires, addresses: addresses.split(/[\s,]+/).filter(Boolean) });
      const file = await download('cluster/packages', wish);
      notice(`${file} was made. Install it on the new machine: it joins by itself and appears here.`);
    },
  });
}
