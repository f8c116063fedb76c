// Dashboard: how the mesh is, in one sentence; what needs attention and what to do; space; traffic.

import { h, render, ask, notice, words } from './dom.js';
import { live, history, follow, get, quantile, may } from './api.js';
import { bytes, rate, count, percent, levelKind, severityKind, shortly, stateKind, span } from './words.js';
import { chart, meter, dot } from './charts.js';

// Disks that are drawn one by one.
const barsMax = 12;
// What needs attention, and nodes that are named for it, before the others are behind a word.
const findingsMax = 10;
const linksMax = 6;

export function dashboard(place) {
  let stretch = '1h';
  let past = null;
  let isOpen = true;
  let timer = null;

  // The past comes from the nodes, which keep a day; the next points come as often as they are made.
  const remember = async () => {
    clearTimeout(timer);
    const wanted = stretch;
    const found = await get(`metrics/history?of=all&span=${wanted}`).catch(() => null);
    if (!isOpen || wanted !== stretch) return;
    if (found) past = found;
    timer = setTimeout(remember, wanted === '1h' ? 10000 : 60000);
    draw();
  };

  const choose = (value) => {
    stretch = value;
    past = null;
    draw();
    if (value === 'now') clearTimeout(timer);
    else remember();
  };

  const draw = () => {
    const { status, nodes, layout } = live;
    if (!status || !nodes) return render(place, h('p', { class: 'quiet' }, 'Asking the nodes…'));
    render(place,
      h('h1', { class: 'hidden' }, 'Dashboard'),
      hero(status),
      attention(status.findings, status.score),
      h('div', { class: 'tiles' }, tiles(status, nodes.nodes, layout)),
      h('section', { class: 'card' }, h('h2', {}, 'Space'), space(nodes.nodes)),
      h('section', { class: 'card' }, h('div', { class: 'row' }, h('h2', {}, 'Traffic'),
        h('div', { class: 'chips', role: 'group', 'aria-label': 'Time' }, stretches.map(([name, label]) => h('button', {
          class: `chip small${name === stretch ? ' chosen' : ''}`, 'aria-pressed': name === stretch ? 'true' : 'false', onclick: () => choose(name) }, label)))),
      h('p', { class: 'quiet' }, 'S3 requests of all nodes that answer. ', past?.silent.length ? `Without ${shortly(past.silent)}.` : ''),
      stretch === 'now' ? traffic(history) : past ? traffic(past.points.map((point) => rates(point, past.seconds))) : h('p', { class: 'quiet' }, 'Asking the nodes…')),
      status.enabled || !may('admin') ? null : hint());
  };

  draw();
  remember();
  const unfollow = follow(draw);
  return () => { isOpen = false; clearTimeout(timer); unfollow(); };
}

const stretches = [['now', 'Live'], ['1h', 'Hour'], ['24h', 'Day']];

const rates = (point, seconds) => ({ millis: point.millis, requests: point.requests / seconds, failures: point.failures / seconds,
  received: point.receivedBytes / seconds, sent: point.sentBytes / seconds,
  half: point.p50Micros && point.p50Micros / 1000, most: point.p99Micros && point.p99Micros / 1000 });

function hero(status) {
  const [level, ...rest] = status.sentence.split(': ');
  return h('section', { class: `hero ${levelKind(status.health)}`, 'aria-label': 'Health' },
    h('p', { class: 'level' }, dot(levelKind(status.health), level)),
    h('p', { class: 'sentence' }, rest.length ? `${rest.join(': ')}.` : ''),
    h('div', { class: 'score' }, meter(status.score.value, `health ${status.score.value.toFixed(2)} of 1`, levelKind(status.health))));
}

function attention(findings, score) {
  // What is no finding yet and takes something off the score all the same, such as a disk that fills up.
  const others = score.reasons.filter((reason) => !findings.some((finding) => finding.message === reason.text));
  if (findings.length + others.length === 0) return null;
  const costs = (text) => {
    const reason = score.reasons.find((known) => known.text === text);
    return reason ? h('span', { class: 'quiet' }, ` −${reason.costs.toFixed(2)}`) : null;
  };
  const lines = [...findings.map((finding) => h('li', { class: severityKind(finding.severity) },
      h('p', {}, dot(severityKind(finding.severity), finding.severity), ' ', words(finding.message), costs(finding.message)),
      finding.advice ? h('p', { class: 'advice' }, 'What to do: ', words(finding.advice)) : null,
      finding.nodes.length ? h('p', { class: 'links' }, finding.nodes.slice(0, linksMax).map((name) => [
        h('a', { href: `#/ring/${encodeURIComponent(name)}` }, `${name}: why`), ' ']),
        h('a', { href: '#/nodes' }, 'Nodes')) : null)),
  ...others.map((reason) => h('li', { class: 'off' }, h('p', {}, dot('off', 'note'), ' ', words(reason.text), costs(reason.text)),
      reason.advice ? h('p', { class: 'advice' }, 'What to do: ', words(reason.advice)) : null))];
  const most = lines.length <= findingsMax + 2 ? lines.length : findingsMax;
  return h('section', { class: 'card' }, h('h2', {}, 'What needs attention'),
    h('ul', { class: 'findings' }, lines.slice(0, most)),
    lines.length > most ? h('details', {}, h('summary', {}, `${count(lines.length - most)} more, less grave`),
      h('ul', { class: 'findings' }, lines.slice(most))) : null);
}

function tiles(status, nodes, layout) {
  const present = nodes.filter((node) => stateKind(node.state) === 'good').length;
  const last = history[history.length - 1];
  const objects = nodes.reduce((sum, node) => sum + (node.condition?.logicalBytes ?? 0), 0);
  return [
    tile('Nodes', `${present} of ${nodes.length}`, present === nodes.length ? 'all alive' : 'alive'),
    layout ? tile('Copies', `${layout.layout.copiesPossible} of ${layout.layout.copiesWanted}`,
      layout.layout.isChanging ? 'data is moving' : `layout epoch ${layout.layout.epoch}`) : null,
    tile('Stored', bytes(objects), 'all copies together'),
    tile('Requests', last ? `${last.requests < 10 ? last.requests.toFixed(1) : count(Math.round(last.requests))}/s` : '–',
      last?.failures ? `${last.failures.toFixed(1)}/s failed` : 'none failed'),
  ];
}

const tile = (label, value, note) => h('section', { class: 'tile' }, h('h2', {}, label), h('p', { class: 'number' }, value),
  h('p', { class: 'quiet' }, note));

function space(nodes) {
  const known = nodes.filter((node) => node.capacityBytes > 0);
  const all = known.reduce((sum, node) => sum + node.capacityBytes, 0);
  const free = known.reduce((sum, node) => sum + node.freeBytes, 0);
  return [
    h('p', {}, `${bytes(free)} of ${bytes(all)} are free on ${count(known.length, 'disk')}.`),
    h('ul', { class: 'bars' }, fullest(known).map((node) => {
      const used = 1 - node.freeBytes / node.capacityBytes;
      const kind = node.condition?.isReadOnly ? 'bad' : used > 0.85 ? 'watch' : 'plain';
      return h('li', { key: node.id }, h('span', { class: 'label' }, node.name),
        meter(used, `${percent(used)} used, ${bytes(node.freeBytes)} free${node.condition?.isReadOnly ? ', too full for writes' : ''}`, kind));
    })),
    known.length > barsMax ? h('p', { class: 'links' }, `These are the fullest. `, h('a', { href: '#/nodes' }, `All ${count(known.length)} nodes`)) : null,
  ];
}

// Those who run out of space first; the table of nodes has all.
function fullest(nodes) {
  if (nodes.length <= barsMax) return nodes;
  return [...nodes].sort((a, b) => a.freeBytes / a.capacityBytes - b.freeBytes / b.capacityBytes).slice(0, barsMax);
}

function traffic(history) {
  const plain = (value) => (value < 10 ? value.toFixed(1) : count(Math.round(value)));
  return h('div', { class: 'charts' },
    chart(history, [
      { label: 'answered', kind: 'one', value: (point) => point.requests },
      { label: 'failed', kind: 'bad', value: (point) => point.failures },
    ], (value) => `${plain(value)}/s`, 'Requests'),
    chart(history, [
      { label: 'in', kind: 'one', value: (point) => point.received },
      { label: 'out', kind: 'two', value: (point) => point.sent },
    ], rate, 'Bytes'),
    chart(history, [
      { label: 'half within', kind: 'one', value: (point) => (point.latencies ? quantile(point, 0.5) : point.half) },
      { label: '99 % within', kind: 'two', value: (point) => (point.latencies ? quantile(point, 0.99) : point.most) },
    ], (value) => (value < 1000 ? `${+value.toFixed(1)} ms` : span(value)), 'Time'));
}

const hint = () => h('p', { class: 'quiet' }, 'This node alone is complete. A second and a third one keep copies of everything: ',
  h('a', { href: '#/mesh' }, 'Enable mesh'), '. Or let it into a mesh that there is: ',
  h('button', { class: 'small', onclick: showCode }, 'Show its code'));

async function showCode() {
  try {
    const { code, endsAtMillis, reason } = await get('consent/code');
    await ask(code ? { title: 'The code of this node', text: [
      h('p', { class: 'code-shown' }, `${code.slice(0, 4)} ${code.slice(4)}`),
      `Type it where the mesh is: page Nodes, Add nodes. It is good for ${span(endsAtMillis - Date.now())}. Whoever knows it can let this node, which holds nothing, into a mesh; what it is now is set aside.`,
    ] } : { title: 'No code', text: `This node shows no code: ${reason}.` });
  } catch (fault) {
    notice(fault.message, 'bad');
  }
}
