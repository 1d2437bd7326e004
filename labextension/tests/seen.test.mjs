/** Tests of seen.js with node's own runner; pytest runs them (tests/unit/labextension). */

import assert from 'node:assert/strict';
import test from 'node:test';

globalThis.document = { addEventListener: () => undefined, activeElement: null };
const { Watch } = await import('../static/seen.js');

const output = said => ({ type: said.output_type, toJSON: () => said });
const stream = text => output({ output_type: 'stream', text });
const error = output({ output_type: 'error', ename: 'NameError', evalue: 'x', traceback: [] });

/** Return a code cell as JupyterLab has it. */
function cell(id, executionCount, outputs) {
  const area = { length: outputs.length, get: index => outputs[index] };
  const sharedModel = { getSource: () => `run("${id}")` };
  return { model: { id, type: 'code', executionCount, outputs: area, sharedModel } };
}

/** Return what is seen of a notebook whose last cell is the active one. */
function seen(...widgets) {
  const signal = { connect: () => undefined };
  const content = { widgets, activeCell: widgets[0], activeCellIndex: widgets.length - 1 };
  const context = { path: 'a.ipynb', model: { contentChanged: signal } };
  const currentWidget = { node: { querySelector: () => null }, content, context };
  return new Watch({ shell: { currentWidget } }).seen();
}

test('a cell of many outputs has failed when the last one is an error', () => {
  const steps = Array.from({ length: 60 }, (_, step) => stream(`step ${step}`));
  const others = Array.from({ length: 5 }, (_, n) => cell(`other ${n}`, 2 + n, []));
  const [failed] = seen(cell('failed', 1, [...steps, error]), ...others).cells;
  assert.equal(failed.outputs.length, 50);
  assert.equal(failed.outputs[0].text, 'step 11');
  assert.equal(failed.outputs.at(-1).output_type, 'error');
});

test('of few outputs all are told', () => {
  const [told] = seen(cell('one', 1, [stream('a'), stream('b')])).cells;
  assert.deepEqual(
    told.outputs.map(each => each.text),
    ['a', 'b']
  );
});
