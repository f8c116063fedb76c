// Versions of one object, and links to it.

import { h, render, ask, notice, copyButton } from './dom.js';
import { get, call, post, at } from './api.js';
import { bytes, time } from './words.js';

const place = (bucket, key, version) => `key=${encodeURIComponent(key)}&version=${encodeURIComponent(version)}`;

// Shows all versions in a dialog; `changed` is called when one was restored or deleted.
export async function versions(bucket, key, changed) {
  const dialog = document.createElement('dialog');
  dialog.className = 'wide';
  dialog.setAttribute('aria-label', `Versions of ${key}`);
  const opener = document.activeElement;
  dialog.onclose = () => { dialog.remove(); opener?.focus?.(); };
  let answer = null;
  let fault = '';
  let chosen = '';

  const load = async () => {
    try {
      answer = await get(`buckets/${at(bucket)}/versions?key=${encodeURIComponent(key)}`);
    } catch (error) {
      fault = error.message;
    }
    draw();
  };

  const act = async (work, text) => {
    try {
      await work();
      notice(text);
      fault = '';
      chosen = '';
      changed();
      await load();
    } catch (error) {
      fault = error.message;
      draw();
    }
  };

  const line = (one) => h('tr', { key: one.version },
    h('td', {}, time(one.millis)), h('td', {}, one.isMarker ? 'deleted here' : bytes(one.size)), h('td', {}, one.isLatest ? 'newest' : ''),
    h('td', { class: 'orders' },
      one.isMarker ? null : h('a', { class: 'button small', href: `/api/v1/buckets/${at(bucket)}/object?${place(bucket, key, one.version)}`, download: key.split('/').pop() || 'object' }, 'Download'),
      one.isMarker || one.isLatest ? null : h('button', { class: 'small', onclick: () => act(() => post(`buckets/${at(bucket)}/restore?${place(bucket, key, one.version)}`), `${key} is as it was.`) }, 'Restore'),
      chosen === one.version
        ? h('button', { class: 'small danger', onclick: () => act(() => call('DELETE', `buckets/${at(bucket)}/version?${place(bucket, key, one.version)}`), 'That version is gone.') }, 'Delete for good')
        : h('button', { class: 'small', onclick: () => { chosen = one.version; draw(); } }, 'Delete…')));

  const draw = () => render(dialog, h('h2', {}, 'Versions'), h('p', { class: 'quiet' }, key),
    fault ? h('p', { class: 'fault', role: 'alert' }, fault) : null,
    answer ? h('div', { class: 'scroll' }, h('table', {}, h('thead', {}, h('tr', {}, ['Written', 'Size', '', ''].map((text) => h('th', {}, text)))),
      h('tbody', {}, answer.versions.map(line)))) : h('p', { class: 'quiet' }, 'Asking…'),
    answer?.isCut ? h('p', { class: 'quiet' }, 'There are older ones, which are not shown.') : null,
    h('div', { class: 'row end' }, h('button', { onclick: () => dialog.close() }, 'Close')));

  document.body.append(dialog);
  draw();
  dialog.showModal();
  await load();
}

const spans = [['3600', '1 hour'], ['86400', '1 day'], ['604800', '7 days'], ['600', '10 minutes']];

// Makes a link that anybody can use until it is over. The node signs it: no secret comes here.
export async function share(bucket, key) {
  const made = await ask({
    title: 'Share by a link', action: 'Make the link',
    text: [key, 'Whoever has the link can download the object until it is over; it ends sooner only when your access key is disabled.'],
    fields: [{ name: 'seconds', label: 'It works for', kind: 'choice', options: spans },
      { name: 'endpoint', label: 'Where the receiver reaches S3', maxlength: 300, hint: 'Such as https://s3.example.com; nothing for this node.' }],
    act: ({ seconds, endpoint }) => post(`buckets/${at(bucket)}/share`, { key, seconds: Number(seconds), ...(endpoint.trim() ? { endpoint: endpoint.trim() } : {}) }),
  });
  if (!made) return;
  await ask({ title: 'The link', text: [`It works until ${time(made.endsAt * 1000)}.`,
    h('p', {}, h('code', { class: 'link-text' }, made.url)), h('p', {}, copyButton('Copy', made.url))] });
}
