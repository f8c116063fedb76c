// Tests: what can be tried out while nothing is wrong. "Pull the plug" lets one node play dead and proves that nothing
// fails; the network check lets all nodes try the ways between them.

import { h, render, ask, notice, words } from './dom.js';
import { live, follow, get, post, may, signedIn } from './api.js';
import { compare, count, severityKind, span, time } from './words.js';
import { dot } from './charts.js';

const pollMillis = 1000;
// Nodes that are shown one by one.
const nodesMax = 12;

export function tests(place) {
  let report;
  let examinations = null;
  let isChecking = false;
  let isOpen = true;
  let timer = null;

  const watch = async () => {
    clearTimeout(timer);
    const answer = await get('cluster/rehearsal').catch(() => null);
    if (!isOpen) return;
    if (answer) report = answer.rehearsal ?? null;
    draw();
    if (!answer || (report && report.phase !== 'done')) timer = setTimeout(watch, pollMillis);
  };

  const check = async () => {
    isChecking = true;
    draw();
    try {
      examinations = (await get('mesh/doctor/all')).nodes;
    } catch (fault) {
      notice(fault.message, 'bad');
    }
    isChecking = false;
    draw();
  };

  const pull = () => {
    const names = live.nodes.nodes.filter((node) => node.role !== 'outside' && node.name !== signedIn().node)
      .map((node) => [node.name, node.name]).sort(([a], [b]) => compare(a, b));
    return ask({
      title: 'Pull the plug', action: 'Begin', danger: true,
      text: 'The node says and hears nothing on the mesh for this long, as if it had lost its power, and answers its own '
        + 'clients with 503; then it goes on by itself. This node writes, reads, lists and deletes all the time. It begins only '
        + 'when the mesh can do without the node.',
      fields: [
        { name: 'node', label: 'Which node', kind: 'choice', options: names, value: names.at(-1)?.[0] },
        { name: 'seconds', label: 'Seconds', kind: 'number', min: 10, max: 120, value: '30', required: true },
      ],
      act: async ({ node, seconds }) => {
        report = (await post('cluster/rehearsal', { node, seconds: Number(seconds) })).rehearsal;
        watch();
      },
    });
  };

  const draw = () => {
    if (!live.nodes) return render(place, h('p', { class: 'quiet' }, 'Asking the nodes…'));
    const isBusy = report && report.phase !== 'done';
    render(place,
      h('h1', {}, 'Tests'),
      h('section', { class: 'card', 'aria-live': 'polite' }, h('div', { class: 'row' }, h('h2', {}, 'Pull the plug'),
        may('operator') ? h('button', { onclick: pull, disabled: Boolean(isBusy) }, isBusy ? 'Under way…' : 'Pull the plug…') : null),
      report ? rehearsal(report) : h('p', {}, 'One node plays dead for a while, and the others prove that no request fails. '
        + 'Nothing was tried from this node since it was started.')),
      h('section', { class: 'card' }, h('div', { class: 'row' }, h('h2', {}, 'Network check'),
        h('button', { onclick: check, disabled: isChecking }, isChecking ? 'Checking…' : 'Check now')),
        examinations === null ? h('p', { class: 'quiet' }, 'Each node asks others in three ways and looks at clocks, versions and names.')
          : examined(examinations)));
  };

  draw();
  watch();
  const unfollow = follow(draw);
  return () => { isOpen = false; clearTimeout(timer); unfollow(); };
}

const verdicts = { passed: ['good', 'Passed'], failed: ['bad', 'Failed'], 'broken-off': ['watch', 'Broken off'] };

function rehearsal(report) {
  const [kind, label] = verdicts[report.verdict] ?? ['watch', 'Under way'];
  return [
    h('p', { class: 'level' }, dot(kind, label), ' ', words(report.sentence)),
    h('p', { class: 'quiet' }, `${report.node}, ${report.seconds} s, conducted by ${report.conductor}, ${time(report.startedMillis)}`),
    h('div', { class: 'scroll' }, h('table', { class: 'stack' },
      h('thead', {}, h('tr', {}, ['', 'Requests', 'Failed', 'Half took less than', 'Slowest'].map((text) => h('th', {}, text)))),
      h('tbody', {}, [['Before', report.before], [`${report.node} away`, report.away], [`${report.node} back`, report.back]].map(([name, requests]) => h('tr', { key: name },
        h('th', { scope: 'row', 'data-label': 'When' }, name), h('td', { 'data-label': 'Requests' }, count(requests.count)),
        h('td', { 'data-label': 'Failed' }, requests.failed ? dot('bad', count(requests.failed)) : '0'),
        h('td', { 'data-label': 'Half' }, `${requests.medianMillis.toFixed(1)} ms`), h('td', { 'data-label': 'Slowest' }, `${requests.slowestMillis.toFixed(0)} ms`)))))),
    h('ul', { class: 'plain-list' }, steps(report).map(([millis, text]) => h('li', { key: text },
      dot(millis === undefined ? 'off' : 'good', millis === undefined ? '…' : `after ${span(millis)}`), ` ${text}`))),
    report.hintsMax ? h('p', {}, `${count(report.hintsMax, 'object')} waited for ${report.node} at most.`) : null,
    report.clientRequests ? h('p', {}, `Clients asked the other nodes ${count(report.clientRequests, 'time')} meanwhile; ${count(report.clientFailures)} of that failed.`) : null,
    report.failures.length ? h('details', {}, h('summary', {}, `What failed (${report.failures.length} shown)`),
      h('ul', {}, report.failures.map((fault, index) => h('li', { key: String(index) }, `${fault.operation} ${fault.millis === undefined ? 'before' : `after ${span(fault.millis)}`}: ${fault.error}`)))) : null,
  ];
}

const steps = (report) => [
  [report.suspectedMillis, `${report.conductor} suspected ${report.node}`],
  [report.deadMillis, `${report.conductor} declared ${report.node} dead`],
  [report.backMillis, `${report.node} was seen alive again`],
  [report.equalMillis, `nothing waited for ${report.node} any more`],
];

// Where many nodes are well they are behind one word, and the others come first.
function examined(all) {
  if (all.length <= nodesMax) return all.map(examination);
  const isWell = (own) => !own.silence && own.diagnoses.every((line) => line.status === 'ok');
  const well = all.filter(isWell);
  return [all.filter((own) => !isWell(own)).map(examination), well.length ? h('details', {},
    h('summary', {}, dot('good', `${count(well.length, 'node')} found nothing wrong`)), well.map(examination)) : null];
}

// What is well stays in one line, so that what is not is seen.
function examination(own) {
  const wrong = own.diagnoses.filter((line) => line.status !== 'ok');
  const well = own.diagnoses.filter((line) => line.status === 'ok');
  return h('section', { key: own.node }, h('h3', {}, own.node),
    own.silence ? h('p', {}, dot('bad', 'no answer'), ` ${own.silence}`) : null,
    h('ul', { class: 'findings' }, wrong.map((line) => h('li', { key: line.check, class: severityKind(line.status) },
      h('p', {}, dot(severityKind(line.status), line.check), ' ', words(line.message))))),
    well.length ? h('details', {}, h('summary', {}, dot('good', `${count(well.length, 'check')} found nothing wrong`)),
      h('ul', {}, well.map((line) => h('li', { key: line.check }, `${line.check}: `, words(line.message))))) : null);
}
