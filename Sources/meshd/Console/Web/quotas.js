// Quotas: how much something has beside how much it may have, and the fields that say how much it may.

import { h } from './dom.js';
import { bytes, count } from './words.js';
import { meter } from './charts.js';

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
const nearShare = 0.9;

// One number with its limit, for a cell of a table. A number that is not known is a dash; one that some nodes did not
// answer for is about right.
function used(number, limit, format, isComplete) {
  const known = number === undefined || number === null ? '–' : `${isComplete ? '' : 'about '}${format(number)}`;
  const title = known !== '–' && !isComplete ? 'Some node did not answer: it is estimated from what the others have.' : undefined;
  if (!limit) return h('span', { title }, known);
  const share = (number ?? 0) / limit;
  return h('span', { class: 'quota', title }, meter(share, `${known} of ${format(limit)}`, share >= 1 ? 'bad' : share >= nearShare ? 'watch' : 'plain'));
}

export const usedBytes = (usage, quota) => used(usage?.bytes, quota?.bytes, bytes, usage?.complete);
export const usedObjects = (usage, quota) => used(usage?.objects, quota?.objects, (number) => count(number), usage?.complete);
// What is counted without asking any node: buckets and keys.
export const usedPlaces = (number, limit) => (limit ? `${count(number)} of ${count(limit)}` : count(number));

// MARK: Asking for one

// The largest unit in which the number is a whole one, so that what is shown is what was set.
function parts(number) {
  if (!number) return { amount: '', unit: 'GiB' };
  let place = units.length - 1;
  while (number % 1024 ** place !== 0) place -= 1;
  return { amount: String(number / 1024 ** place), unit: units[place] };
}

export function quotaFields(quota) {
  const { amount, unit } = parts(quota?.bytes);
  return [
    { name: 'amount', label: 'Size at most', kind: 'number', min: 0, step: 'any', value: amount, hint: 'Empty: no limit.' },
    { name: 'unit', label: 'Unit of the size', kind: 'choice', options: units.map((name) => [name, name]), value: unit },
    countField('objects', 'Objects at most', quota?.objects, 'Older versions and marks of deletions count, too. Empty: no limit.'),
  ];
}

export const countField = (name, label, value, hint = 'Empty: no limit.') => (
  { name, label, kind: 'number', min: 1, value: value ? String(value) : '', hint });

// What the fields say, as the API wants it. Throws a sentence for the dialog.
export function quotaOf(values) {
  const size = limit('The size', values.amount);
  const number = size && Math.round(size * 1024 ** units.indexOf(values.unit));
  if (number !== null && (number < 1 || !Number.isSafeInteger(number))) throw new Error('The size is too small or too large.');
  return { bytes: number, objects: countOf('Objects', values.objects) };
}

export function countOf(label, text) {
  const number = limit(label, text);
  if (number !== null && !Number.isSafeInteger(number)) throw new Error(`${label}: that is no whole number.`);
  return number;
}

function limit(label, text) {
  if (text.trim() === '') return null;
  const number = Number(text);
  if (!(number > 0)) throw new Error(`${label}: a limit is more than nothing. Leave the field empty for none.`);
  return number;
}
