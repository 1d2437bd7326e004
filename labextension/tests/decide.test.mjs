/** Tests of decide.js with node's own runner; pytest runs them (tests/unit/labextension). */

import assert from 'node:assert/strict';
import test from 'node:test';

import {
  Memory,
  Tempo,
  firstLine,
  firstWord,
  head,
  lineStart,
  remainder,
  whyNot
} from '../static/decide.js';

const at = (prefix, suffix = '', editor = 1) => ({ editor, prefix, suffix });

const REMAINDERS = [
  ['nothing typed', at('a ='), ' 1', true, at('a ='), ' 1'],
  ['typed as suggested', at('a ='), ' 12', true, at('a = 1'), '2'],
  ['typed otherwise', at('a ='), ' 12', true, at('a = 2'), null],
  ['typed to the end', at('a ='), ' 1', true, at('a = 1'), ''],
  ['typed beyond the end', at('a ='), ' 1', true, at('a = 12'), null],
  ['ahead of the stream', at('a ='), ' 1', false, at('a = 12'), ''],
  ['ahead of the stream, otherwise', at('a ='), ' 1', false, at('a = 22'), null],
  ['ahead of a stream without text', at('a ='), '', false, at('a = 12'), ''],
  ['deleted', at('a ='), ' 1', true, at('a '), null],
  ['in another editor', at('a ='), ' 1', true, at('a =', '', 2), null],
  ['other text after it', at('a ='), ' 1', true, at('a =', 'x'), null],
  ['less text after it', at('a =', 'x'), ' 1', true, at('a ='), null],
  ['a bracket closed by the editor', at('print', '\n'), '(x)', true, at('print(', ')\n'), 'x'],
  ['on inside of the bracket', at('print', '\n'), '(xy)', true, at('print(x', ')\n'), 'y'],
  ['the bracket typed over', at('f', ''), '(x) + 1', true, at('f(x)', ''), ' + 1'],
  ['brackets in brackets', at('f'), '(g(x), y)', true, at('f(', ')'), 'g(x), y'],
  ['two closed by the editor', at('f'), '([1], 2)', true, at('f([', '])'), '1'],
  ['a quote closed by the editor', at('f('), '"a" + b', true, at('f("', '"'), 'a'],
  ['a bracket still open in the stream', at('f'), '(x', false, at('f(', ')'), 'x'],
  ['a bracket closed, nothing typed', at('f'), '(x)', true, at('f', ')'), null],
  ['a closed bracket, another typed', at('f'), '(x)', true, at('f[', ']'), null],
  ['a letter beyond 16 bits', at('a'), '😀b', true, at('a😀'), 'b'],
  ['right to left', at('שם = '), '"שלום"', true, at('שם = "'), 'שלום"']
];

for (const [name, start, text, done, now, expected] of REMAINDERS) {
  test(`remainder: ${name}`, () => assert.equal(remainder(start, text, done, now), expected));
}

const PLACES = [
  ['end of a word', at('import nu'), 'auto', true],
  ['inside of a word', at('im', 'port'), 'auto', false],
  ['inside of a word of other letters', at('שַׁ', 'לום'), 'auto', false],
  ['inside of a word, by the shortcut', at('im', 'port'), 'invoke', true],
  ['before a bracket', at('print(x', ')'), 'auto', true],
  ['a blank line', at('x = 1\n    '), 'auto', false],
  ['a blank line after Enter', at('x = 1\n    '), 'enter', true],
  ['an empty cell, by the shortcut', at(''), 'invoke', true],
  ['before a line break', at('x', '\ny'), 'auto', true]
];

for (const [name, place, trigger, asked] of PLACES) {
  test(`asked at ${name}: ${asked}`, () => assert.equal(whyNot(place, trigger) === null, asked));
}

const PIECES = [
  ['np.array(x)', 'np', 'np.array(x)'],
  [' as np', ' as', ' as np'],
  ['.array', '.', '.array'],
  ['\n    return x\ny', '\n    return', '\n    return x'],
  ['größe = 1', 'größe', 'größe = 1'],
  ['== b', '==', '== b'],
  ['  ', '  ', '  ']
];

for (const [text, word, line] of PIECES) {
  test(`pieces of ${JSON.stringify(text)}`, () => {
    assert.equal(firstWord(text), word);
    assert.equal(firstLine(text), line);
  });
}

test('words, one after the other, give the whole text', () => {
  let rest = 'for i in range(10):\n    print(i)  # größe 😀\n';
  let taken = '';
  while (rest) {
    const word = firstWord(rest);
    assert.ok(word);
    taken += word;
    rest = rest.slice(word.length);
  }
  assert.equal(taken, 'for i in range(10):\n    print(i)  # größe 😀\n');
});

test('no character is split where a text is cut', () => {
  assert.equal(head('a😀b', 2), 'a');
  assert.equal(head('a😀b', 3), 'a😀');
  assert.equal(head('ab', 5), 'ab');
  assert.equal(lineStart('a\n  b'), '  b');
});

function typing(interval, answer) {
  const tempo = new Tempo();
  for (let key = 0; key < 10; key++) {
    tempo.key(key * interval);
  }
  tempo.answer(answer);
  return tempo;
}

test('the pause is the limit before anything is known', () => {
  assert.equal(new Tempo().pause(150, 'auto'), 150);
});

test('a fast typist waits less, and never under one key', () => {
  const pause = typing(80, 50).pause(150, 'auto');
  assert.ok(pause > 80 && pause < 150, String(pause));
});

test('between slow keys a fast model is asked sooner', () => {
  assert.ok(typing(600, 50).pause(150, 'auto') < 150);
  assert.equal(typing(600, 900).pause(150, 'auto'), 150);
});

test('the setting bounds the pause, and the shortcut has none', () => {
  assert.ok(typing(120, 50).pause(20, 'auto') <= 20);
  assert.equal(typing(120, 50).pause(0, 'auto'), 0);
  assert.equal(typing(120, 50).pause(150, 'invoke'), 0);
});

test('thinking is not typing slowly', () => {
  const tempo = typing(100, 50);
  tempo.key(100_000);
  assert.equal(tempo.pause(150, 'auto'), typing(100, 50).pause(150, 'auto'));
});

test('going back finds what was shown there', () => {
  const memory = new Memory();
  memory.keep(at('a ='), ' 12', 0);
  assert.deepEqual(memory.find(at('a ='), 1), { place: at('a ='), text: ' 12' });
  assert.deepEqual(memory.find(at('a = 1'), 1), { place: at('a ='), text: ' 12' });
  assert.equal(memory.find(at('a = 12'), 1), null, 'used up');
  assert.equal(memory.find(at('a = 2'), 1), null);
  assert.equal(memory.find(at('a ='), 1e9), null, 'too old');
});

test('a place where the model had nothing to say is remembered, that place alone', () => {
  const memory = new Memory();
  memory.keep(at('a'), '', 0);
  assert.equal(memory.find(at('a'), 1).text, '');
  assert.equal(memory.find(at('ab'), 1), null);
  memory.clear();
  assert.equal(memory.find(at('a'), 1), null);
});

test('fifty suggestions are kept, the oldest goes first', () => {
  const memory = new Memory();
  for (let number = 0; number < 60; number++) {
    memory.keep(at(`line ${number} `), 'x', 0);
  }
  assert.equal(memory.find(at('line 9 '), 1), null);
  assert.ok(memory.find(at('line 10 '), 1));
});

test('what was turned down does not come back until something else is typed', () => {
  const memory = new Memory();
  memory.reject(at('a ='), ' 12', 0);
  assert.ok(memory.isRejected(at('a ='), 1));
  assert.ok(memory.isRejected(at('a = 1'), 1), 'typing along it');
  assert.ok(!memory.isRejected(at('a = 2'), 1));
  assert.ok(!memory.isRejected(at('a =', '', 2), 1));
  memory.forgive(at('a ='));
  assert.ok(!memory.isRejected(at('a ='), 1), 'asked for');
});
