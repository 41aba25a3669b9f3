import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as holds, property, string } from 'fast-check';
import { html } from './html.ts';

test('T6 a value in a page is text, whatever it holds, unless it is a piece of a page itself', () => {
  holds(
    property(string({ unit: 'binary' }), (value) => {
      const { text } = html`<p title="${value}">${value}</p>`;
      assert.match(text, /^<p title="[^<>"'`]*">[^<>"'`]*<\/p>$/);
    }),
  );
  const list = ['a', '<b>'].map((each) => html`<li>${each}</li>`);
  assert.equal(html`<ul>${list}</ul>${7}`.text, '<ul><li>a</li><li>&#60;b&#62;</li></ul>7');
});
