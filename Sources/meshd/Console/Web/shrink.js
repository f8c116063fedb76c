// Fewer nodes again: who stays is chosen, what moves is shown, and the others lose their places in one step.

import { h } from './dom.js';
import { post } from './api.js';
import { bytes, count, shortly, stateKind } from './words.js';
import { previewed, insist } from './orders.js';

// How many stay in each mode that has fewer.
const sizes = { standalone: 1, pair: 2 };

// Whether a mesh of so many nodes can be made smaller to be this.
export const isShrinking = (mode, holders) => (sizes[mode] ?? Infinity) < holders.length;

// The choice, kept in `staying`, a set of ids; `redraw` shows it anew, `done` is called when the order is given.
export function shrinkView(mode, holders, staying, redraw, done) {
  const wanted = sizes[mode];
  for (const id of staying) if (!holders.some((node) => node.id === id)) staying.delete(id);
  const going = holders.filter((node) => !staying.has(node.id));
  const choose = (node, isChosen) => {
    if (wanted === 1) staying.clear();
    if (isChosen) staying.add(node.id); else staying.delete(node.id);
    redraw();
  };
  const names = going.map((node) => node.name).join(', ');
  const preview = () => previewed('POST', 'cluster/nodes/remove', { nodes: going.map((node) => node.id), force: false }, {
    title: wanted === 1 ? `Go back to ${holders.find((node) => staying.has(node.id)).name} alone?` : `Go back to ${count(wanted, 'node')}?`,
    action: 'Go back', danger: true,
    text: [`${shortly(going.map((node) => node.name), 10)} give what they hold to who stays and lose their places. Clients are served all the time by those who stay: give them no other endpoints.`],
    act: () => insist(names, 'Remove', async (force) => {
      const answer = await post('cluster/nodes/remove', { nodes: going.map((node) => node.id), force });
      done();
      return answer;
    }),
  });
  return [
    h('section', { class: 'card' }, h('fieldset', {}, h('legend', {}, wanted === 1 ? 'Which node stays?' : `Which ${count(wanted, 'node')} stay?`),
      h('ul', { class: holders.length > 10 ? 'newcomers many' : 'newcomers' },
        holders.map((node) => h('li', { key: node.id },
        h('label', {}, h('input', { type: wanted === 1 ? 'radio' : 'checkbox', name: 'staying', value: node.id, checked: staying.has(node.id),
          disabled: stateKind(node.state) !== 'good', onchange: (event) => choose(node, event.target.checked) }), ' ', h('b', {}, node.name)),
        h('span', { class: 'quiet' }, ` ${node.state}, ${bytes(node.freeBytes)} free${node.condition ? `, holds ${bytes(node.condition.logicalBytes)}` : ''}`))))),
    h('p', { class: 'quiet' }, 'The others stay as they are, but serve nothing any more: stop them, or start them on empty directories.')),
    h('div', { class: 'row' }, h('a', { class: 'button', href: '#/dashboard' }, 'Not now'),
      h('button', { type: 'button', class: 'primary', disabled: staying.size !== wanted, onclick: preview }, 'Preview')),
  ];
}
