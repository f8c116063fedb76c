// Replication: rules that send the objects of a bucket to another mesh or another S3 store, and how far each one is.

import { h, ask, notice } from './dom.js';
import { get, post, call, at, may } from './api.js';
import { ago, bytes, count, span } from './words.js';
import { dot } from './charts.js';

const pollMillis = 4000;
const certificateBytesMax = 16384;

// Those that need a person first.
const states = [['failing', 'bad'], ['paused', 'watch'], ['filling', 'good'], ['working', 'good'], ['waiting', 'off'], ['unknown', 'watch'], ['caught-up', 'good']];
const kindOf = (state) => states.find(([name]) => name === state)?.[1] ?? 'off';
const rank = (rule) => states.findIndex(([name]) => name === rule.state);

const from = (rule) => [rule.bucket || 'a deleted bucket', rule.prefix].filter(Boolean).join('/');
const target = (rule) => [rule.endpoint, rule.targetBucket, rule.targetPrefix].filter(Boolean).join('/');
// A lag is missing when nothing waits, or nobody knows.
const lag = (rule) => (Number.isFinite(rule.lagSeconds) ? span(rule.lagSeconds * 1000) : '–');

// Asks for all rules again and again, until it is stopped; `draw` shows what came.
export function watchRules(draw) {
  let timer = null;
  let turn = 0;
  let isStopped = false;
  const seen = { rules: null, fault: '' };
  seen.refresh = async () => {
    if (isStopped) return;
    clearTimeout(timer);
    turn += 1;
    const own = turn;
    let rules = seen.rules;
    let fault = '';
    try {
      rules = (await get('replication')).rules;
    } catch (error) {
      fault = error.message;
    }
    // Somebody asked again meanwhile.
    if (isStopped || own !== turn) return;
    Object.assign(seen, { rules, fault });
    timer = setTimeout(seen.refresh, pollMillis);
    draw();
  };
  seen.stop = () => {
    isStopped = true;
    clearTimeout(timer);
  };
  seen.refresh();
  return seen;
}

// MARK: On the page Storage

// In a bucket's row: how its rules are, and the way to them.
export function ruleLink(bucket, seen) {
  const own = (seen.rules ?? []).filter((rule) => rule.bucket === bucket).sort((a, b) => rank(a) - rank(b));
  const text = !seen.rules ? 'show' : own.length === 0 ? 'none' : own.length === 1 ? own[0].state : `${count(own.length, 'rule')}, ${own[0].state}`;
  return h('a', { href: `#/storage/${at(bucket)}`, 'aria-label': `Replication of ${bucket}: ${text}` },
    own.length ? dot(kindOf(own[0].state), text) : text);
}

export function bucketRules(bucket, seen) {
  const own = (seen.rules ?? []).filter((rule) => rule.bucket === bucket);
  return h('section', { class: 'card', key: 'replication', 'aria-labelledby': 'replication-title' },
    h('div', { class: 'row' }, h('h2', { id: 'replication-title' }, `Replication of ${bucket}`),
      !may('operator') ? null
        : h('button', { class: 'primary', onclick: () => create(bucket, seen) }, 'Replicate this bucket…')),
    seen.fault ? h('p', { class: 'fault' }, seen.fault) : null,
    !seen.rules && seen.fault ? null : h('p', { class: 'quiet' },
      !seen.rules ? 'Asking…' : own.length === 0 ? 'No rule sends its objects anywhere.' : count(own.length, 'rule')),
    h('ul', { class: 'findings' }, own.map((rule) => card(rule, seen))));
}

function card(rule, seen) {
  const failure = rule.lastFailure;
  return h('li', { key: rule.id, class: kindOf(rule.state) },
    h('p', { class: 'row' }, dot(kindOf(rule.state), rule.state), h('b', {}, `${from(rule)} to ${target(rule)}`)),
    h('p', {}, rule.sentence),
    h('p', {}, `${count(rule.queued)} queued, lag ${lag(rule)}. Sent: ${count(rule.objectsSent, 'object')}, ${bytes(rule.bytesSent)}, ${count(rule.deletesSent, 'delete')}`
      + `${rule.lastSent ? `, the last ${ago(Date.parse(rule.lastSent))}` : ''}.`,
      rule.troubles ? ` ${count(rule.troubles, 'key')} failed and will be tried again.` : null),
    failure ? h('p', {}, `Last failure ${ago(Date.parse(failure.at))} on ${failure.node}${failure.key ? `, ${failure.key}` : ''}: ${failure.message}`) : null,
    h('p', { class: 'quiet' }, [
      rule.intervalSeconds ? `every ${span(rule.intervalSeconds * 1000)}` : 'continuous', rule.deletes ? 'with deletes' : 'without deletes',
      rule.metadata ? 'with metadata' : 'without metadata', rule.existing ? 'existing objects too' : 'new objects only',
      `access key ${rule.accessKey}`, rule.region, rule.hasCertificate ? 'with a certificate of its own' : '', `rule ${rule.id}`,
    ].filter(Boolean).join(', ')),
    rule.unanswered.length ? h('p', { class: 'quiet' }, `No answer from ${rule.unanswered.join(', ')}: their numbers are missing.`) : null,
    rule.nodes.length ? h('details', {}, h('summary', {}, 'On each node'), nodes(rule)) : null,
    may('operator') ? buttons(rule, seen) : null);
}

function nodes(rule) {
  const columns = [['Queued', 'queued'], ['Objects', 'objectsSent'], ['Bytes', 'bytesSent'], ['Deletes', 'deletesSent'],
    ['Nothing to do', 'skipped'], ['Failures', 'failures']];
  return h('div', { class: 'scroll' }, h('table', { class: 'stack' },
    h('thead', {}, h('tr', {}, ['Node', ...columns.map(([title]) => title)].map((title) => h('th', {}, title)))),
    h('tbody', {}, rule.nodes.map((node) => h('tr', { key: node.name }, h('th', { scope: 'row', 'data-label': 'Node' }, node.name),
      columns.map(([title, field]) => h('td', { 'data-label': title }, field === 'bytesSent' ? bytes(node[field]) : count(node[field]))))))));
}

function buttons(rule, seen) {
  const button = (text, onclick) => h('button', { class: 'small', onclick, 'aria-label': `${text} the rule to ${target(rule)}` }, text);
  const path = `replication/${at(rule.id)}`;
  const order = async (send, said) => {
    try {
      await send();
      notice(said);
    } catch (fault) {
      notice(fault.message, 'bad');
    }
    seen.refresh();
  };
  return h('p', { class: 'row' },
    rule.paused ? button('Resume', () => order(() => call('PATCH', path, { paused: false }), 'The rule goes on.'))
      : button('Pause', () => order(() => call('PATCH', path, { paused: true }), 'The rule is paused: changes wait.')),
    button('Retry', () => order(() => post(`${path}/retry`), 'What failed is tried now.')),
    h('button', { class: 'small', 'aria-label': `Look again at all objects for the rule to ${target(rule)}`,
      onclick: () => order(() => post(`${path}/resync`), 'Every object is looked at once more.') }, 'Look again'),
    removeButton(rule, seen));
}

const removeButton = (rule, seen) => h('button', { class: 'small', 'aria-label': `Remove the rule to ${target(rule)}`,
  onclick: () => remove(rule, seen) }, 'Remove…');

async function remove(rule, seen) {
  await ask({
    title: 'Remove this rule?', danger: true, action: 'Remove',
    text: `Nothing of ${from(rule)} is sent to ${target(rule)} any more. What was sent stays there.`,
    act: async () => {
      await call('DELETE', `replication/${at(rule.id)}`);
      notice('The rule is gone.');
    },
  });
  seen.refresh();
}

// MARK: A new rule

async function create(bucket, seen) {
  const made = await ask({
    title: `Replicate ${bucket}`, action: 'Replicate',
    text: 'Its objects go to a bucket of another mesh, or of any S3 store, which has to be there. The newest state of each key is sent, not each version.',
    fields: [
      { name: 'endpoint', label: 'S3 address there', kind: 'url', required: true, maxlength: 300, hint: 'Such as `https://s3.example.com:9000`.' },
      { name: 'targetBucket', label: 'Bucket there', required: true, value: bucket.split(':').pop(), maxlength: 255 },
      { name: 'accessKey', label: 'Access key', required: true, maxlength: 128, hint: 'It has to read and write there.' },
      { name: 'secretKey', label: 'Secret key', kind: 'password', required: true, maxlength: 256, autocomplete: 'new-password' },
      { name: 'region', label: 'Region', required: true, value: 'us-east-1', maxlength: 64 },
      { name: 'prefix', label: 'Only keys that begin with', maxlength: 1024, hint: 'Empty: all.' },
      { name: 'targetPrefix', label: 'What goes before each key there', maxlength: 1024 },
      { name: 'when', label: 'When', kind: 'choice', options: [['continuous', 'As soon as something changes'], ['interval', 'From time to time']] },
      { name: 'seconds', label: 'Seconds between two passes', kind: 'number', min: 10, max: 604800, value: '3600', required: true,
        hint: 'It counts for “From time to time” only.' },
      { name: 'deletes', label: 'What is deleted here is deleted there', kind: 'check', value: true },
      { name: 'metadata', label: 'Metadata and tags go along', kind: 'check', value: true },
      { name: 'existing', label: 'Objects that are here already go, too', kind: 'check', value: true },
      { name: 'certificate', label: 'Certificate', kind: 'file', hint: 'A PEM file: whom to trust there. Without it, the authorities of the system.' },
      { name: 'unchecked', label: 'Take the rule without a look at the target', kind: 'check' },
    ],
    act: async (values) => {
      const certificate = await chosenCertificate();
      return post('replication', {
        bucket, certificate, endpoint: values.endpoint.trim().replace(/\/+$/, ''), region: values.region.trim(),
        targetBucket: values.targetBucket.trim(), accessKey: values.accessKey.trim(), secretKey: values.secretKey,
        prefix: values.prefix || undefined, targetPrefix: values.targetPrefix || undefined,
        intervalSeconds: values.when === 'interval' ? Number(values.seconds) : undefined,
        deletes: values.deletes, metadata: values.metadata, existing: values.existing, unchecked: values.unchecked || undefined,
      });
    },
  });
  if (made) notice(`The objects of ${bucket} are sent to ${target(made)}.`);
  seen.refresh();
}

// Of a file a form's value is only its name.
async function chosenCertificate() {
  const file = document.querySelector('dialog [name="certificate"]')?.files[0];
  if (!file) return undefined;
  if (file.size > certificateBytesMax) throw new Error('The certificate is longer than 16 KiB.');
  return file.text();
}

// MARK: On the page Movements

export function allRules(seen) {
  const rules = [...(seen.rules ?? [])].sort((a, b) => rank(a) - rank(b));
  return h('section', { class: 'card scroll' }, h('h2', {}, 'Replication'),
    seen.fault ? h('p', { class: 'fault' }, seen.fault) : null,
    !seen.rules ? (seen.fault ? null : h('p', { class: 'quiet' }, 'Asking…'))
      : rules.length === 0 ? h('p', { class: 'quiet' }, 'No bucket is sent to another place. Rules are made on the page Storage.')
        : h('table', { class: 'stack' },
          h('thead', {}, h('tr', {}, ['Bucket', 'To', 'State', 'Queued', 'Lag', 'Sent', 'How it is'].map((title) => h('th', {}, title)))),
          h('tbody', {}, rules.map((rule) => h('tr', { key: rule.id },
            h('th', { scope: 'row', 'data-label': 'Bucket' }, rule.bucket ? h('a', { href: `#/storage/${at(rule.bucket)}` }, from(rule)) : from(rule)),
            h('td', { 'data-label': 'To' }, target(rule)),
            h('td', { 'data-label': 'State' }, dot(kindOf(rule.state), rule.state)),
            h('td', { 'data-label': 'Queued' }, count(rule.queued)),
            h('td', { 'data-label': 'Lag' }, lag(rule)),
            h('td', { 'data-label': 'Sent' }, `${count(rule.objectsSent, 'object')}, ${bytes(rule.bytesSent)}`),
            h('td', { 'data-label': 'How it is' }, rule.sentence,
              // It has no place on the page Storage any more.
              !rule.bucket && may('operator') ? [' ', removeButton(rule, seen)] : null))))));
}
