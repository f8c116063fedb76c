// Enable mesh: from one machine to several, step by step. Nothing is changed before the last step, and what fails there
// goes back to how it was before.

import { h, render, fieldView, notice, words, copyButton } from './dom.js';
import { live, follow, get, post, may } from './api.js';
import { bytes, compare, count, micros, shortly, span, percent } from './words.js';
import { dot, meter } from './charts.js';
import { isShrinking, shrinkView } from './shrink.js';

const steps = ['Mode', 'Nodes', 'Places', 'Review', 'Activation'];
const pollMillis = 1000;
// Nodes that are shown one by one.
const linesMax = 12;

const modes = [
  { name: 'standalone', title: 'One node', nodes: '1 machine',
    gives: 'Everything works; nothing to look after.', costs: 'What is on this machine is gone with its disk, and away while it is away.' },
  { name: 'pair', title: 'Pair', nodes: '2 machines',
    gives: 'Two copies of everything: a disk may die, and nothing is lost.',
    costs: 'Half of the space. While one of two is away, reads go on and writes wait: only a majority may decide. A small witness changes that.' },
  { name: 'scaleout', title: 'Scale-out', nodes: '3 machines or more',
    gives: 'Three copies: any one machine may die, and reads and writes go on. More machines give more space and speed.',
    costs: 'Two thirds of the space with three copies.' },
];

// What the person has entered stays when they look at another page.
let draft = null;
// The activation whose end was seen, so that it is not shown again.
let seen = null;
const recentMillis = 600000;
const fresh = () => ({ step: 0, mode: '', found: null, added: [], chosen: new Map(), staying: new Set(), copies: '', address: '', faults: {}, general: '' });

export function wizard(place) {
  if (!may('admin')) {
    render(place, h('h1', { tabindex: -1 }, 'Add nodes'), h('p', { class: 'card' }, 'Only admins add nodes: sign in with the access key of one.'));
    return undefined;
  }
  draft ??= fresh();
  let activation = null;
  let isSearching = false;
  let isBusy = false;
  let isOpen = true;
  let timer = null;
  let search = null;

  const holders = () => (live.nodes?.nodes ?? []).filter((node) => node.role === 'holder' || node.role === 'draining');
  const nodes = () => [...(draft.found ?? []), ...draft.added.filter((node) => !(draft.found ?? []).some((other) => other.id === node.id))];
  const chosen = () => [...draft.chosen.values()];
  const total = () => holders().length + draft.chosen.size;

  const watch = async () => {
    clearTimeout(timer);
    try {
      activation = (await get('cluster/activation')).activation ?? null;
    } catch (fault) {
      if (fault.status !== 0) notice(fault.message, 'bad');
    }
    if (!isOpen) return;
    if (activation && (!activation.isOver || isNews())) draft.step = 4;
    draw();
    if (activation && !activation.isOver) timer = setTimeout(watch, pollMillis);
  };

  // It ended a moment ago, and this page was loaded anew meanwhile.
  const isNews = () => seen !== activation.id && draft.step === 0 && draft.mode === '' && Date.now() - activation.endedMillis < recentMillis;

  const dismiss = (hash) => {
    seen = activation?.id;
    draft = fresh();
    location.hash = hash;
  };

  const go = (step) => {
    draft.step = step;
    draw();
    window.scrollTo(0, 0);
    place.querySelector('h1')?.focus();
    if (step === 1 && draft.found === null) search();
    if (step === 0 && activation) seen = activation.id;
  };

  search = async () => {
    isSearching = true;
    draw();
    try {
      draft.found = (await get('discovery')).nodes;
    } catch (fault) {
      draft.found ??= [];
      notice(fault.message, 'bad');
    }
    isSearching = false;
    if (isOpen) draw();
  };

  const look = async (event) => {
    event.preventDefault();
    const address = place.querySelector('[name=address]').value.trim();
    if (!address) return;
    draft.address = address;
    delete draft.faults.address;
    isBusy = true;
    draw();
    try {
      const node = await get(`discovery/look?address=${encodeURIComponent(address)}`);
      draft.added = [...draft.added.filter((other) => other.id !== node.id), node];
      draft.found = (draft.found ?? []).filter((other) => other.id !== node.id);
      if (node.awaitsCode) draft.chosen.set(node.id, { node, code: '', zone: '' });
      draft.address = '';
    } catch (fault) {
      draft.faults.address = fault.message;
    }
    isBusy = false;
    draw();
  };

  const begin = async () => {
    isBusy = true;
    draft.faults = {};
    draft.general = '';
    draw();
    const order = { mode: draft.mode, nodes: chosen().map(({ node, code, zone }) => ({ address: node.address, code, zone: zone || undefined })) };
    if (draft.copies) order.copies = Number(draft.copies);
    try {
      activation = (await post('cluster/activation', order)).activation;
      draft.step = 4;
      timer = setTimeout(watch, pollMillis);
    } catch (fault) {
      for (const { field, message } of fault.fields ?? []) draft.faults[field] = message;
      draft.general = fault.fields?.length ? '' : fault.message;
      // Back to where the first thing is wrong.
      const fields = Object.keys(draft.faults);
      if (fields.includes('mode')) draft.step = 0;
      else if (fields.some((field) => field === 'nodes' || /\.(address|code)$/.test(field))) draft.step = 1;
      else if (fields.length) draft.step = 2;
    }
    isBusy = false;
    draw();
    if (draft.step !== 3) place.querySelector('[role=alert]')?.scrollIntoView({ block: 'center' });
  };

  const cancel = async () => {
    try {
      activation = (await post('cluster/activation/cancel')).activation;
      draw();
    } catch (fault) {
      notice(fault.message, 'bad');
    }
  };

  // MARK: Steps

  const draw = () => {
    if (!live.nodes || !live.status) return render(place, h('p', { class: 'quiet' }, 'Asking the nodes…'));
    const views = [modeView, nodesView, placesView, reviewView, activationView];
    const isFewer = isShrinking(draft.mode, holders());
    const title = isFewer ? 'Fewer nodes' : holders().length > 1 ? 'Add nodes' : 'Enable mesh';
    render(place,
      h('h1', { tabindex: -1 }, title),
      isFewer ? null : h('ol', { class: 'wizard-steps', 'aria-label': 'Steps' }, steps.map((name, index) => h('li', { key: name,
        class: index === draft.step ? 'here' : index < draft.step ? 'past' : '', 'aria-current': index === draft.step ? 'step' : undefined },
      h('b', { 'aria-hidden': 'true' }, index < draft.step ? '✓' : String(index + 1)), ' ', name))),
      h('div', { class: 'page', key: steps[draft.step] }, views[draft.step]()));
  };

  const alert = (text) => (text ? h('p', { class: 'fault', role: 'alert' }, text) : null);

  const buttons = (next, isPossible, act, label = 'Next') => h('div', { class: 'row' },
    draft.step > 0 ? h('button', { type: 'button', onclick: () => go(draft.step - 1) }, 'Back') : h('a', { class: 'button', href: '#/dashboard' }, 'Not now'),
    h('button', { type: 'button', class: 'primary', disabled: !isPossible || isBusy, onclick: act ?? (() => go(next)) }, label));

  const isPossible = (mode) => mode.name !== 'pair' || holders().length !== 2;

  const modeView = () => [
    h('section', { class: 'card' }, h('fieldset', { class: 'modes' }, h('legend', {}, 'What shall this mesh be?'),
      modes.map((mode) => h('label', { key: mode.name, class: draft.mode === mode.name ? 'mode chosen' : 'mode' },
        h('span', { class: 'row' }, h('span', {},
          h('input', { type: 'radio', name: 'mode', value: mode.name, checked: draft.mode === mode.name, disabled: !isPossible(mode),
            onchange: () => { draft.mode = mode.name; delete draft.faults.mode; draw(); } }), ' ', h('b', {}, mode.title)),
        h('span', { class: 'quiet' }, mode.nodes)),
        h('span', {}, h('b', {}, 'Gives: '), mode.gives),
        h('span', {}, h('b', {}, 'Costs: '), mode.costs),
        isPossible(mode) ? null : h('span', { class: 'quiet' }, `This mesh has ${count(holders().length, 'node')} already.`)))),
    alert(draft.faults.mode)),
    isShrinking(draft.mode, holders()) ? shrinkView(draft.mode, holders(), draft.staying, draw, () => dismiss('#/movements')) : draft.mode === 'standalone'
      ? h('div', { class: 'row' }, h('p', { class: 'quiet' }, 'It is so already. A mesh is possible at any time, without moving anything by hand.'),
        h('a', { class: 'button primary', href: '#/dashboard' }, 'Stay with one node'))
      : buttons(1, draft.mode !== ''),
  ];

  const nodesView = () => {
    const list = nodes();
    const complete = chosen().length > 0 && chosen().every(({ code }) => code.replace(/[\s-]/g, '').length === 8);
    const missing = draft.mode === 'pair' ? 2 - total() : 3 - total();
    return [
      h('section', { class: 'card' }, h('div', { class: 'row' }, h('h2', {}, 'Nodes on this network'),
        h('button', { type: 'button', onclick: search, disabled: isSearching }, isSearching ? 'Searching…' : 'Search again')),
      h('p', { class: 'quiet' }, words('Start `meshd serve` on the other machines. Each shows a code of eight digits where it runs, in its own console, and with `meshd code`. A node comes in only with its code.')),
      alert(draft.faults.nodes),
      draft.found !== null && list.length === 0 && !isSearching ? h('p', {}, 'No node that is alone was found. Add one by its address.') : null,
      h('ul', { class: 'newcomers' }, list.map(newcomer))),
      h('section', { class: 'card' }, h('h2', {}, 'Add by address'), h('form', { class: 'row search', onsubmit: look },
        h('label', { for: 'field-address' }, 'Admin address, such as 192.0.2.7:9001'),
        h('input', { id: 'field-address', name: 'address', value: draft.address, maxlength: 300, autocomplete: 'off', spellcheck: 'false' }),
        h('button', { type: 'submit', disabled: isBusy }, isBusy ? 'Looking…' : 'Add')),
      alert(draft.faults.address),
      h('p', { class: 'quiet' }, words('Another machine reaches it only where its `admin-listen` is not this machine alone. Or let it join with a token: page '), h('a', { href: '#/nodes' }, 'Nodes'), ', Join token.')),
      missing > 0 ? h('p', { class: 'quiet', role: 'status' }, `${count(missing, 'more node')} to choose.`) : null,
      missing < 0 && draft.mode === 'pair' ? h('p', { class: 'quiet', role: 'status' }, 'A pair has two nodes: choose one.') : null,
      buttons(2, complete && missing <= 0 && (draft.mode !== 'pair' || missing === 0)),
    ];
  };

  const newcomer = (node) => {
    const choice = draft.chosen.get(node.id);
    const index = chosen().indexOf(choice);
    const fault = index < 0 ? null : draft.faults[`nodes[${index}].address`] ?? draft.faults[`nodes[${index}].code`];
    return h('li', { key: node.id, class: node.awaitsCode ? 'newcomer' : 'newcomer off' },
      h('label', {}, h('input', { type: 'checkbox', checked: Boolean(choice), disabled: !node.awaitsCode,
        onchange: (event) => { choose(node, event.target.checked); } }), ' ', h('b', {}, node.name),
      h('span', { class: 'quiet' }, ` ${node.address}`)),
      h('ul', { class: 'tags' },
        h('li', {}, node.fits ? `version ${node.version} fits` : `version ${node.version} does not fit`),
        h('li', {}, `${bytes(node.freeBytes)} free`),
        node.memoryBytes ? h('li', {}, `${bytes(node.memoryBytes)} memory`) : null,
        h('li', {}, `${micros(node.latencyMicros)} away`)),
      node.reason ? h('p', { class: 'quiet' }, `It cannot be invited: ${node.reason}.`) : null,
      choice ? h('p', { class: 'field' }, h('label', { for: `code-${node.id}` }, `Code of eight digits that ${node.name} shows`),
        h('input', { id: `code-${node.id}`, name: `code-${node.name}`, class: 'code', inputmode: 'numeric', autocomplete: 'off', maxlength: 12,
          value: choice.code, 'aria-invalid': fault ? 'true' : undefined,
          oninput: (event) => { choice.code = event.target.value; forget(index); draw(); } })) : null,
      alert(fault));
  };

  const forget = (index) => { for (const part of ['code', 'address']) delete draft.faults[`nodes[${index}].${part}`]; };

  const choose = (node, isChosen) => {
    // Faults go by the order of those that were chosen then.
    draft.faults = {};
    if (isChosen) draft.chosen.set(node.id, { node, code: '', zone: '' });
    else draft.chosen.delete(node.id);
    draw();
    if (isChosen) document.getElementById(`code-${node.id}`)?.focus();
  };

  // Of many nodes only the zones are told.
  const zonesView = () => {
    const own = holders();
    if (own.length <= linesMax) {
      return own.map((node) => [h('dt', {}, node.name), h('dd', {}, `${node.zone} (as it is; change it on the page Nodes)`)]);
    }
    return [...new Set(own.map((node) => node.zone))].sort(compare).map((zone) => {
      const names = own.filter((node) => node.zone === zone).map((node) => node.name);
      return [h('dt', {}, zone), h('dd', {}, `${count(names.length, 'node')}: ${shortly(names)}`)];
    });
  };

  const placesView = () => {
    const possible = [1, 2, 3, 5].filter((number) => number <= total());
    return [
      h('section', { class: 'card' }, h('h2', {}, 'Zones'),
        h('p', { class: 'quiet' }, 'A zone is what fails together: a rack, a room, a site. Copies of one key go to different zones where there are enough.'),
        h('dl', {}, zonesView()),
        chosen().map((choice, index) => [fieldView({ name: `zone-${choice.node.id}`, label: `Zone of ${choice.node.name}`, value: choice.zone,
          maxlength: 63, hint: index === 0 ? 'Empty: what the node says itself, default otherwise.' : undefined }), alert(draft.faults[`nodes[${index}].zone`])])),
      h('section', { class: 'card' }, h('h2', {}, 'Copies'),
        fieldView({ name: 'copies', label: 'Copies of each object', kind: 'choice', value: draft.copies, options: [
          ['', 'As each bucket wants; three where nobody said otherwise'], ...possible.map((number) => [String(number), `${number} for all buckets that there are`])],
        hint: `With ${total()} nodes there are at most ${Math.min(total(), 5)}.` }), alert(draft.faults.copies)),
      buttons(3, true, () => { keepPlaces(); go(3); }),
    ];
  };

  const keepPlaces = () => {
    for (const choice of chosen()) choice.zone = place.querySelector(`[name="zone-${choice.node.id}"]`).value.trim();
    draft.copies = place.querySelector('[name=copies]').value;
  };

  const reviewView = () => {
    const copies = Math.min(total(), Number(draft.copies) || 3);
    const capacity = holders().reduce((sum, node) => sum + node.capacityBytes, 0) + chosen().reduce((sum, { node }) => sum + node.capacityBytes, 0);
    const stored = holders().reduce((sum, node) => sum + (node.condition?.logicalBytes ?? 0), 0);
    // All copies together afterwards; a node gets by its disk, and at most one of each object.
    const after = stored * (copies / Math.min(holders().length, copies));
    const part = (node) => after * Math.min(1 / copies, node.capacityBytes ? node.capacityBytes / capacity : 1);
    const small = chosen().filter(({ node }) => node.freeBytes < part(node));
    return [
      h('section', { class: 'card' }, h('h2', {}, 'Review'), h('dl', {},
        h('dt', {}, 'Mode'), h('dd', {}, `${modes.find((mode) => mode.name === draft.mode)?.title}, ${count(total(), 'node')}`),
        h('dt', {}, 'New'), h('dd', {}, chosen().map(({ node, zone }) => `${node.name} at ${node.address}${zone ? `, zone ${zone}` : ''}`).join('; ')),
        h('dt', {}, 'Copies'), h('dd', {}, draft.copies ? `${draft.copies} in all buckets` : `as buckets want: ${copies} of each object where they want three`),
        h('dt', {}, 'Space'), h('dd', {}, `${bytes(capacity)} on all disks, room for about ${bytes(capacity / copies)} of objects with ${count(copies, 'copy', 'copies')}`),
        h('dt', {}, 'To move'), h('dd', {}, `about ${bytes(chosen().reduce((sum, { node }) => sum + part(node), 0))}`))),
      h('section', { class: 'card' }, h('h2', {}, 'What will happen'), h('ol', { class: 'plan' },
        h('li', {}, 'Every code is checked. If one is wrong, nothing is begun.'),
        h('li', {}, `${chosen().map(({ node }) => node.name).join(', ')} set aside what they have as meshes of their own, start anew and join. They hold no objects: nothing is lost by it.`),
        h('li', {}, 'Copies of all objects are made on them. Clients are served all the time.'),
        h('li', {}, 'If anything fails, or you cancel, all nodes go back to how they are now.'))),
      small.length ? h('p', { class: 'warning' }, `${small.map(({ node }) => node.name).join(', ')} may have too little free space for its copies.`) : null,
      alert(draft.general),
      buttons(4, true, begin, isBusy ? 'Checking the codes…' : holders().length > 1 ? 'Add nodes' : 'Enable mesh'),
    ];
  };

  const stepWords = { proven: ['off', 'code is right'], invited: ['watch', 'starts anew'], joined: ['watch', 'joined'], placed: ['watch', 'gets its copies'],
    synced: ['good', 'has its copies'], active: ['good', 'active'], leaving: ['watch', 'loses its place again'], parting: ['watch', 'is sent home'],
    home: ['off', 'as before'], owed: ['bad', 'not reached; is sent home when it is back'],
    kept: ['bad', 'has a place, and keeps it'] };
  const stateWords = { done: 'good', running: 'watch', waiting: 'off', failed: 'bad' };

  const activationView = () => {
    if (!activation) return [h('p', {}, 'No activation is under way on this node.'), h('button', { onclick: () => go(0) }, 'Begin')];
    const isGood = activation.phase === 'active';
    const isMoving = activation.phase === 'syncing';
    return [
      activation.isOver ? (isGood ? success() : failure()) : null,
      h('section', { class: 'card' }, h('h2', {}, 'Steps'),
        h('ul', { class: 'stages', role: 'status' }, activation.steps.map((step) => h('li', { key: step.title }, dot(stateWords[step.state], step.title), h('span', { class: 'quiet' }, ` ${step.state}`)))),
        isMoving ? h('p', {}, meter(activation.share, `${percent(activation.share)} of the copies`, 'plain')) : null,
        activation.isOver ? null : h('p', { class: 'quiet' }, `Since ${span(Date.now() - activation.startedMillis)}`,
          activation.secondsLeft === undefined || activation.secondsLeft === null ? '' : `, about ${span(activation.secondsLeft * 1000)} left`, '.'),
        h('ul', { class: 'stages' }, activation.nodes.map((node) => h('li', { key: node.id }, h('b', {}, node.name), ' ', dot(...(stepWords[node.step] ?? ['off', node.step])))))),
      h('section', { class: 'card' }, h('h2', {}, 'Log'), h('ol', { class: 'entries', 'aria-live': 'polite' }, activation.log.map((line, index) => h('li', { key: index },
        h('time', {}, new Date(line.millis).toLocaleTimeString()), ' ', line.isBad ? h('b', {}, words(line.text)) : words(line.text))))),
      activation.isOver || activation.phase === 'undoing' ? null : h('div', { class: 'row end' }, h('button', { type: 'button', class: 'danger', onclick: cancel }, 'Cancel and undo')),
    ];
  };

  const failure = () => h('section', { class: 'hero bad' }, h('p', { class: 'level' }, dot('bad', 'It failed')),
    h('p', { class: 'sentence', role: 'alert' }, words(activation.error ?? '')),
    h('p', {}, activation.nodes.some((node) => node.step === 'owed')
      ? 'Nodes that answer are as before; those that do not are sent home when they are back.' : 'Everything is as it was before.'),
    h('div', { class: 'row end' }, h('button', { type: 'button', onclick: () => dismiss('#/nodes') }, 'Cancel'),
      h('button', { type: 'button', class: 'primary', onclick: retry }, 'Retry')));

  // Nodes that started anew show new codes.
  const retry = () => {
    seen = activation.id;
    for (const choice of chosen()) choice.code = '';
    draft.mode ||= activation.mode;
    draft.found = null;
    go(1);
  };

  const success = () => {
    const endpoints = live.status.nodes.filter((node) => node.state === 'alive' && node.s3).map((node) => [node.name, node.s3]);
    const next = `meshd lb-config haproxy`;
    return h('section', { class: 'hero good' }, h('p', { class: 'level' }, dot('good', 'The mesh is active')),
      h('p', { class: 'sentence' }, `${count(live.status.nodes.length, 'node')} hold your objects together. Every one of them takes every request, and shows this console.`),
      h('h3', {}, 'Endpoints'), h('ul', { class: 'endpoints' }, endpoints.map(([name, address]) => h('li', { key: name, class: 'row' }, h('span', {}, h('b', {}, name), ' ', h('code', {}, address)), copyButton('Copy', address)))),
      h('h3', {}, 'Next'), h('ul', { class: 'plan' },
        h('li', {}, 'Give clients all endpoints, or put a load balancer before them: ', h('code', {}, next), ' ', copyButton('Copy', next)),
        h('li', {}, 'Pull the plug of one node: ', h('a', { href: '#/tests' }, 'Tests'), ' shows that nothing fails, and the ', h('a', { href: '#/ring' }, 'Ring'), ' why it is believed dead.'),
        h('li', {}, 'Keep a copy of the file ', h('code', {}, 'admin-key'), ' of this node elsewhere: it lets further nodes in.')),
      h('div', { class: 'row end' }, h('button', { type: 'button', class: 'primary', onclick: () => dismiss('#/dashboard') }, 'To the dashboard')));
  };

  draw();
  watch();
  if (draft.step === 1 && draft.found === null) search();
  const unfollow = follow(draw);
  return () => {
    isOpen = false;
    clearTimeout(timer);
    unfollow();
  };
}
