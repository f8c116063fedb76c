// Movements: what moves because the layout changes, what is repaired, what waits, how fast it may go, and what is sent to
// other places.

import { h, render, ask, notice } from './dom.js';
import { live, follow, post, may } from './api.js';
import { bytes, rate, count, percent, span, ago, compare, shortly } from './words.js';
import { meter, dot } from './charts.js';
import { watchRules, allRules } from './replication.js';
import { watchMoving, movingBuckets } from './places.js';

// Nodes that are shown one by one.
const linesMax = 12;
const pilesMax = 40;

export function movements(place) {
  const rules = watchRules(() => draw());
  const moving = watchMoving(() => draw());

  const order = async (path, body) => {
    try {
      notice(`${(await post(`cluster/repair/${path}`, body)).message}.`);
    } catch (fault) {
      notice(fault.message, 'bad');
    }
  };

  const limit = () => ask({
    title: 'How fast may each node move data?', action: 'Set',
    text: 'For repair and for changes of the layout together. Clients always come first.',
    fields: [{ name: 'mebibytes', label: 'MiB a second', kind: 'number', min: 0, value: '0', required: true, hint: '0: what clients leave over.' }],
    act: async ({ mebibytes }) => {
      const number = Number(mebibytes);
      if (!Number.isFinite(number) || number < 0) throw new Error('Write a number.');
      notice((await post('cluster/repair/limit', { bytesPerSecond: Math.round(number * 1048576) })).message);
    },
  });

  const draw = () => {
    if (!live.nodes || !live.layout) return render(place, h('p', { class: 'quiet' }, 'Asking the nodes…'));
    const movement = live.layout.movement;
    const nodes = live.nodes.nodes.filter((node) => node.condition?.repair).sort((a, b) => compare(a.name, b.name));
    const paused = nodes.filter((node) => node.condition.repair.isPaused).map((node) => node.name);
    const isPaused = paused.length > 0;
    render(place,
      h('div', { class: 'row' }, h('h1', {}, 'Movements'), !may('operator') ? null : h('span', { class: 'row' },
        isPaused ? h('button', { class: 'primary', onclick: () => order('resume') }, 'Resume') : null,
        nodes.every((node) => node.condition.repair.isPaused) ? null : h('button', { onclick: () => order('pause') }, 'Pause'),
        h('button', { onclick: limit }, 'Limit…'),
        h('button', { onclick: () => order('start') }, 'Compare all now'))),
      isPaused ? h('p', { class: 'fault' }, `Repair and movement are paused on ${shortly(paused)}.`) : null,
      layout(movement),
      movingBuckets(moving),
      waiting(nodes),
      speeds(nodes),
      allRules(rules),
      comparisons(nodes),
      silent());
  };

  draw();
  const unfollow = follow(draw);
  return () => {
    unfollow();
    rules.stop();
    moving.stop();
  };
}

function layout(movement) {
  const { layout: now } = live.layout;
  if (!movement) {
    return h('section', { class: 'card' }, h('h2', {}, 'Layout'),
      h('p', {}, `Nothing moves. Layout epoch ${now.epoch}, ${count(now.members.length, 'node')}, ${now.copiesPossible} of ${now.copiesWanted} copies.`));
  }
  const size = movement.allBytes > 0 ? `${bytes(movement.doneBytes)} of ${bytes(movement.allBytes)}`
    : `${count(movement.doneShares)} of ${count(movement.allShares)} shares`;
  return h('section', { class: 'card' }, h('h2', {}, `Layout epoch ${movement.epoch}: ${movement.what}`),
    h('p', {}, meter(movement.share, percent(movement.share))),
    h('p', {}, [size, movement.bytesPerSecond ? rate(movement.bytesPerSecond) : '', movement.isPaused ? 'paused'
      : movement.secondsLeft !== undefined ? `about ${span(movement.secondsLeft * 1000)} left` : ''].filter(Boolean).join(', ')),
    movement.waitsFor.length ? h('p', { class: 'fault' }, `It waits for ${shortly(movement.waitsFor)}.`) : null,
    arrivals(movement.nodes));
}

// Those who lack the most come first, and where there are many the others are behind a word.
function arrivals(nodes) {
  const shareOf = (own) => (own.isDone ? 1 : own.bytesExpected > 0 ? own.bytes / own.bytesExpected
    : own.partitions ? own.partitionsDone / own.partitions : 1);
  const lines = nodes.map(({ name, movement }) => ({ name, own: movement, share: shareOf(movement) }))
    .sort((a, b) => a.own.isDone - b.own.isDone || (nodes.length > linesMax ? a.share - b.share : 0)
      || compare(a.name, b.name));
  const bars = (some) => h('ul', { class: 'bars' }, some.map(({ name, own, share }) => h('li', { key: name },
    h('span', { class: 'label' }, name), meter(share, own.isDone ? 'has all' : own.sentence))));
  if (lines.length <= linesMax) return bars(lines);
  const others = lines.slice(linesMax);
  return [bars(lines.slice(0, linesMax)), h('details', {}, h('summary', {},
    `${count(others.length, 'more node')}, ${count(others.filter(({ own }) => own.isDone).length)} of them with all`),
  bars(others))];
}

function waiting(nodes) {
  const piles = nodes.flatMap((node) => node.condition.repair.hints.filter((pile) => pile.objects > 0).map((pile) => ({ node, pile })))
    .sort((a, b) => b.pile.objects - a.pile.objects);
  const bare = nodes.filter((node) => node.condition.repair.wanted > 0 || node.condition.repair.readRepairsWaiting > 0);
  return h('section', { class: 'card' }, h('h2', {}, 'What waits'),
    piles.length + bare.length === 0 ? h('p', {}, 'Nothing waits: every node has what it should have, as far as others know.') : null,
    h('ul', { class: 'plain-list' },
      piles.slice(0, pilesMax).map(({ node, pile }) => h('li', {}, dot('watch', node.name), ` keeps ${count(pile.objects, 'object')} for ${pile.name}.`)),
      piles.length > pilesMax ? h('li', { class: 'quiet' },
        `${count(piles.length - pilesMax)} more have smaller piles.`) : null,
      bare.map((node) => h('li', {}, dot('watch', node.name), ` lacks the bytes of ${count(node.condition.repair.wanted, 'object')}, and ${count(node.condition.repair.readRepairsWaiting, 'reader')} asked for a repair.`))));
}

function speeds(nodes) {
  const table = () => h('table', { class: 'stack' },
    h('thead', {}, h('tr', {}, ['Node', 'State', 'Limit', 'Allowed now', 'Since its start'].map((text) => h('th', {}, text)))),
    h('tbody', {}, nodes.map((node) => {
      const report = node.condition.repair;
      const counters = Object.entries(report.counters).filter(([, value]) => value > 0).sort((a, b) => compare(a[0], b[0]));
      return h('tr', { key: node.id }, h('th', { scope: 'row', 'data-label': 'Node' }, node.name),
        h('td', { 'data-label': 'State' }, dot(report.isPaused ? 'watch' : 'good', report.isPaused ? 'paused' : 'works')),
        h('td', { 'data-label': 'Limit' }, report.bytesPerSecondLimit === undefined ? 'none' : rate(report.bytesPerSecondLimit)),
        h('td', { 'data-label': 'Allowed now' }, report.bytesPerSecondNow === undefined ? 'as fast as it goes' : rate(report.bytesPerSecondNow)),
        h('td', { 'data-label': 'Since its start' }, counters.length === 0 ? 'nothing to do so far'
          : h('details', {}, h('summary', {}, count(counters.length, 'number')), h('dl', {}, counters.map(([name, value]) => [h('dt', {}, name.replaceAll('_', ' ')), h('dd', {}, count(value))])))));
    })));
  return h('section', { class: 'card scroll' }, h('h2', {}, 'Repair on each node'), nodes.length <= linesMax ? table()
    : h('details', {}, h('summary', {}, count(nodes.length, 'node')), table()));
}

function comparisons(nodes) {
  const all = nodes.flatMap((node) => node.condition.repair.comparisons.map((done) => ({ node, done })))
    .sort((a, b) => b.done.atMillis - a.done.atMillis).slice(0, 60);
  return h('section', { class: 'card scroll' }, h('h2', {}, 'Comparisons'),
    all.length === 0 ? h('p', { class: 'quiet' }, 'No node compared itself with another one yet.') : h('table', { class: 'stack' },
      h('thead', {}, h('tr', {}, ['When', 'Between', 'Differences', 'Fetched', 'Sent', 'Bytes', 'End'].map((text) => h('th', {}, text)))),
      h('tbody', {}, all.map(({ node, done }) => h('tr', { key: `${node.id} ${done.peer} ${done.atMillis}` },
        h('td', { 'data-label': 'When' }, ago(done.atMillis)), h('th', { scope: 'row', 'data-label': 'Between' }, `${node.name} and ${done.name}`),
        h('td', { 'data-label': 'Differences' }, count(done.leavesDifferent)), h('td', { 'data-label': 'Fetched' }, count(done.rowsPulled, 'row')),
        h('td', { 'data-label': 'Sent' }, count(done.rowsPushed, 'row')), h('td', { 'data-label': 'Bytes' }, bytes(done.bytes)),
        h('td', { 'data-label': 'End' }, done.failure ? dot('watch', done.failure) : dot('good', 'whole')))))));
}

function silent() {
  const names = live.nodes.nodes.filter((node) => node.role !== 'outside' && !node.condition).map((node) => node.name);
  return names.length ? h('p', { class: 'quiet' }, `No answer from ${shortly(names)}.`) : null;
}
