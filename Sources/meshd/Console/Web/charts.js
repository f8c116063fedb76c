// Small pictures of numbers, drawn as SVG without a style attribute, so that the strict policy holds.

import { h } from './dom.js';
import { day, span, time } from './words.js';

const width = 440;
const height = 130;
const left = 78;
const bottom = 20;

// Lines over time. `series`: { label, kind, value(point) }; `format` writes a number of the left axis.
export function chart(points, series, format, title) {
  const first = points[0]?.millis ?? 0;
  const last = points[points.length - 1]?.millis ?? 1;
  const numbers = points.flatMap((point) => series.map((line) => line.value(point) ?? 0));
  const top = ceiling(Math.max(0, ...numbers));
  const x = (millis) => left + ((millis - first) / Math.max(1, last - first)) * (width - left - 8);
  const y = (value) => height - bottom - (value / top) * (height - bottom - 10);
  const latest = points[points.length - 1];
  return h('figure', { class: 'chart' },
    h('figcaption', {}, h('span', {}, title), series.map((line) => h('span', { class: `key ${line.kind}` },
      h('i', { 'aria-hidden': 'true' }), `${line.label} `, h('b', {}, latest ? show(line.value(latest), format) : '–')))),
    h('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': describe(title, series, points, latest, format) },
      [0, 0.5, 1].map((part) => h('g', {},
        h('line', { class: 'grid', x1: left, x2: width - 8, y1: y(top * part), y2: y(top * part) }),
        h('text', { class: 'axis', x: left - 8, y: y(top * part) + 4, 'text-anchor': 'end' }, format(top * part)))),
      h('text', { class: 'axis', x: left, y: height - 4 }, points.length > 1 ? `${span(last - first)} ago` : ''),
      h('text', { class: 'axis', x: width - 8, y: height - 4, 'text-anchor': 'end' }, points.length > 1 ? 'now' : ''),
      series.map((line) => h('path', { class: `line ${line.kind}`, d: path(points, line, x, y) }))),
    points.length < 2 ? h('p', { class: 'quiet' }, 'The line begins when this page has watched for a few seconds.') : null);
}

const show = (value, format) => (value === undefined ? '–' : format(value));

function describe(title, series, points, latest, format) {
  if (!latest) return `${title}: nothing measured yet`;
  return `${title}, now and at most: ${series.map((line) => {
    const values = points.map((point) => line.value(point)).filter((value) => value !== undefined);
    return `${line.label} ${show(line.value(latest), format)}, ${values.length ? format(Math.max(...values)) : '–'}`;
  }).join('; ')}`;
}

function path(points, line, x, y) {
  let text = '';
  let isDown = false;
  for (const point of points) {
    const value = line.value(point);
    if (value === undefined) { isDown = false; continue; }
    text += `${isDown ? 'L' : 'M'}${x(point.millis).toFixed(1)} ${y(value).toFixed(1)}`;
    isDown = true;
  }
  return text;
}

// The next number that reads well: 1, 2 or 5 times a power of ten.
function ceiling(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}

// A part of a whole, with its words beside it.
export function meter(share, label, kind = 'plain') {
  const part = Math.min(1, Math.max(0, Number.isFinite(share) ? share : 0));
  return h('span', { class: 'meter-box' },
    h('svg', { class: 'meter', viewBox: '0 0 100 8', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      h('rect', { class: 'rail', x: 0, y: 0, width: 100, height: 8, rx: 2 }),
      part > 0 ? h('rect', { class: `bar ${kind}`, x: 0, y: 0, width: (part * 100).toFixed(2), height: 8, rx: 2 }) : null),
    h('span', { class: 'meter-label' }, label));
}

// A day, with the time of day for those who ask.
export const since = (millis) => (millis ? h('span', { title: time(millis) }, day(millis)) : '–');

export const dot = (kind, label) => h('span', { class: `state ${kind}` }, h('i', { 'aria-hidden': 'true' }), label);
