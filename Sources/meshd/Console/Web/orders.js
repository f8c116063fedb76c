// Orders about the places of nodes: told what they would do before they are given, and given twice when they lose something.

import { h, ask, notice, words } from './dom.js';
import { call, may } from './api.js';
import { bytes, count } from './words.js';

// Asks the mesh what an order would move and what it could lose, then shows it beside the button that does it.
export async function previewed(method, path, body, question) {
  let found;
  try {
    found = await call(method, `${path}?dry-run=true`, body);
  } catch (fault) {
    return notice(fault.message, 'bad');
  }
  return ask({ ...question, text: [...(question.text ?? []), ...previewView(found)] });
}

const previewView = (found) => [
  h('p', {}, found.message),
  found.moves.length ? h('div', { class: 'some', tabindex: '0', role: 'region', 'aria-label': 'What moves' }, h('table', { class: 'moves' }, h('thead', {}, h('tr', {}, ['From', 'To', 'Objects', 'Bytes'].map((text) => h('th', {}, text)))),
    h('tbody', {}, found.moves.map((move) => h('tr', {}, h('td', {}, move.from), h('td', {}, move.to), h('td', {}, count(move.objects)), h('td', {}, bytes(move.bytes))))))) : null,
  found.losses.map((text) => h('p', { class: 'fault' }, text)),
  found.warnings.map((text) => h('p', { class: 'warning' }, words(text))),
].filter(Boolean).flat();

export async function told(answer) {
  // The last part of the sentence names a command; here the page itself shows it.
  notice((await answer).message.replace(/: `meshd layout` shows how far it is\./, '. The page Movements shows how far it is.'));
}

// Orders that could lose something are refused first, with what would be lost; then the person may insist.
async function unlessLost(name, action, act) {
  try {
    return await act(false);
  } catch (fault) {
    if (fault.code !== 'would_lose') throw fault;
    const text = fault.message.replace(/ ?With --force it is done all the same\./, '');
    if (!may('admin')) throw new Error(`${text} Only an admin can order it all the same.`);
    setTimeout(() => ask({
      title: `${action} ${name} and lose what nobody else has?`, danger: true, action: `${action} all the same`,
      text: [text, `Write the name of the node to confirm: ${name}`],
      fields: [{ name: 'name', label: 'Name', required: true }],
      act: async (written) => {
        if (written.name !== name) throw new Error('That is not its name.');
        await told(act(true));
      },
    }));
    return undefined;
  }
}

export async function insist(name, action, act) {
  const answer = await unlessLost(name, action, act);
  if (answer) await told(answer);
}
