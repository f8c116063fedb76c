// The page as a value: `h` describes elements, `render` changes only what differs, so that focus, scroll positions and
// half-typed texts survive the update that comes every two seconds. Text is always text: nothing here reads markup.

const SVG = 'http://www.w3.org/2000/svg';

export function h(tag, props, ...children) {
  return { tag, props: props ?? {}, children: flat(children) };
}

function flat(children) {
  return children.flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false && child !== '')
    .map((child) => (typeof child === 'object' ? child : { text: String(child) }));
}

export function render(parent, ...children) {
  patch(parent, flat(children), parent.namespaceURI === SVG);
}

const described = new WeakMap();

function patch(parent, children, isSVG) {
  const old = [...parent.childNodes];
  const keyed = new Map();
  for (const node of old) {
    const key = described.get(node)?.props?.key;
    if (key !== undefined) keyed.set(key, node);
  }
  const used = new Set();
  let free = 0;
  children.forEach((child, index) => {
    let node;
    const key = child.props?.key;
    if (key !== undefined) {
      node = keyed.get(key);
    } else {
      while (free < old.length && (used.has(old[free]) || described.get(old[free])?.props?.key !== undefined)) free += 1;
      node = old[free];
      free += 1;
    }
    if (node && !used.has(node) && fits(node, child)) {
      change(node, child, isSVG);
    } else {
      node = make(child, isSVG);
    }
    used.add(node);
    if (parent.childNodes[index] !== node) parent.insertBefore(node, parent.childNodes[index] ?? null);
  });
  while (parent.childNodes.length > children.length) parent.lastChild.remove();
}

function fits(node, child) {
  const before = described.get(node);
  if (!before) return false;
  return child.tag ? before.tag === child.tag && before.props.key === child.props.key : before.text !== undefined;
}

function make(child, isSVG) {
  if (!child.tag) {
    const node = document.createTextNode(child.text);
    described.set(node, child);
    return node;
  }
  const inside = isSVG || child.tag === 'svg';
  const node = inside ? document.createElementNS(SVG, child.tag) : document.createElement(child.tag);
  described.set(node, { tag: child.tag, props: { key: child.props.key }, children: [] });
  change(node, child, inside);
  return node;
}

function change(node, child, isSVG) {
  const before = described.get(node);
  described.set(node, child);
  if (!child.tag) {
    if (before.text !== child.text) node.data = child.text;
    return;
  }
  // Choices need their options before their value.
  patch(node, child.children, isSVG || child.tag === 'svg');
  for (const name of Object.keys(before.props)) {
    if (!(name in child.props)) set(node, name, undefined);
  }
  for (const [name, value] of Object.entries(child.props)) {
    if (before.props[name] !== value) set(node, name, value);
  }
}

function set(node, name, value) {
  if (name === 'key') return;
  if (name.startsWith('on')) {
    node[name] = value ?? null;
  } else if (name === 'value' || name === 'checked' || name === 'disabled' || name === 'hidden') {
    if (name in node) node[name] = value ?? (name === 'value' ? '' : false);
    else if (value !== undefined) node.setAttribute(name, value);
  } else if (value === undefined || value === null || value === false) {
    node.removeAttribute(name);
  } else {
    node.setAttribute(name, value === true ? '' : value);
  }
}

// Says something that everybody should notice, screen readers included.
let hush;
export function notice(text, kind = 'good') {
  const place = document.getElementById('notice');
  const sentence = text.charAt(0).toUpperCase() + text.slice(1);
  render(place, h('p', { class: `notice ${kind}` }, h('span', {}, sentence),
    h('button', { class: 'plain', 'aria-label': 'Close this message', onclick: () => render(place) }, '×')));
  clearTimeout(hush);
  hush = setTimeout(() => render(place), kind === 'bad' ? 20000 : 8000);
}

// Asks in a dialog. `act` gets the values of the fields; what it throws is shown and the dialog stays open. Returns
// what `act` returned, or nothing when the person changed their mind.
export function ask({ title, text, fields = [], action, danger = false, act }) {
  return new Promise((resolve) => {
    const dialog = document.createElement('dialog');
    const opener = document.activeElement;
    let isBusy = false;
    let fault = '';
    let result;
    const draw = () => render(dialog, h('form', { onsubmit: submit, novalidate: fields.length === 0 },
      h('h2', {}, title),
      (Array.isArray(text) ? text : [text]).filter(Boolean).map((part) => (typeof part === 'string' ? h('p', {}, words(part)) : part)),
      fields.map((field) => fieldView(field)),
      fault ? h('p', { class: 'fault', role: 'alert' }, fault) : null,
      h('div', { class: 'row end' },
        h('button', { type: 'button', onclick: () => dialog.close() }, action ? 'Cancel' : 'Close'),
        action ? h('button', { type: 'submit', class: danger ? 'danger' : 'primary', disabled: isBusy },
          isBusy ? 'Working…' : action) : null)));
    const submit = async (event) => {
      event.preventDefault();
      if (isBusy) return;
      const values = {};
      for (const field of fields) {
        const input = dialog.querySelector(`[name="${field.name}"]`);
        values[field.name] = field.kind === 'check' ? input.checked : input.value;
      }
      isBusy = true;
      fault = '';
      draw();
      try {
        result = await act(values);
        dialog.close();
      } catch (error) {
        fault = error.message;
        isBusy = false;
        draw();
      }
    };
    dialog.onclose = () => {
      dialog.remove();
      opener?.focus?.();
      resolve(result);
    };
    draw();
    document.body.append(dialog);
    dialog.setAttribute('aria-label', title);
    dialog.showModal();
    (dialog.querySelector('input, select') ?? dialog.querySelector('button'))?.focus();
  });
}

export function fieldView(field) {
  const id = `field-${field.name}`;
  const hint = field.hint ? h('small', { id: `${id}-hint` }, words(field.hint)) : null;
  const shared = { id, name: field.name, 'aria-describedby': field.hint ? `${id}-hint` : undefined };
  if (field.kind === 'check') {
    return h('p', { class: 'field check' }, h('label', {},
      h('input', { ...shared, type: 'checkbox', checked: field.value ?? false }), ' ', field.label), hint);
  }
  const input = field.kind === 'choice'
    ? h('select', { ...shared, value: field.value ?? field.options[0][0] },
      field.options.map(([value, label]) => h('option', { value }, label)))
    : h('input', { ...shared, type: field.kind ?? 'text', value: field.value ?? '', required: field.required ?? false,
      minlength: field.minlength, maxlength: field.maxlength, pattern: field.pattern, min: field.min, max: field.max,
      step: field.step, autocomplete: field.autocomplete ?? 'off', spellcheck: 'false', list: field.list });
  return h('p', { class: 'field' }, h('label', { for: id }, field.label), input, hint);
}

// Commands in texts stand in backticks; they are shown as such.
export function words(text) {
  return String(text).split('`').map((part, index) => (index % 2 ? h('code', {}, part) : part));
}

export function copyButton(label, text) {
  return h('button', { type: 'button', class: 'small', onclick: async (event) => {
    const button = event.currentTarget;
    try {
      await navigator.clipboard.writeText(text);
      button.firstChild.data = 'Copied';
    } catch {
      button.firstChild.data = 'Select it by hand';
    }
  } }, label);
}
