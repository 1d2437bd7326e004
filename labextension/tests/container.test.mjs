/** Tests of the container with node's own runner; pytest runs them (tests/unit/labextension). */

import assert from 'node:assert/strict';
import test from 'node:test';

globalThis.window = {};
globalThis.document = {
  currentScript: { src: new URL('../static/remoteEntry.js', import.meta.url).href }
};
await import('../static/remoteEntry.js');
const container = window._JUPYTERLAB['jupyter-local-assistant'];

const CHAT = '@jupyter/chat';

/** Return a version as a container registers it; its token carries its number. */
const entry = (version, loaded) => ({
  loaded,
  get: async () => () => ({ IChatCommandRegistry: `of ${version}`, IPersonaControlRegistry: 'ai' })
});

const scope = (...versions) => ({
  '@jupyter-ai/persona-manager': { '0.2.2': entry('0.2.2') },
  [CHAT]: Object.fromEntries(versions.map(([version, loaded]) => [version, entry(version, loaded)]))
});

/** Return the chat's version that our plugins were made with. */
async function taken(shared) {
  container.init(shared);
  const { default: plugins } = (await container.get('./extension'))();
  const [, chatLine] = plugins;
  return chatLine.requires[1].replace('of ', '');
}

const RISING = ['0.9.0', '0.25.0-alpha', '0.25.0-alpha.5', '0.25.0-alpha.10', '0.25.0-alpha.b',
                '0.25.0-beta', '0.25.0', '0.25.3', '0.100.0', '1.0.0'];

RISING.slice(1).forEach((higher, index) => {
  const lower = RISING[index];
  test(`${higher} is taken before ${lower}`, async () => {
    assert.equal(await taken(scope([lower], [higher])), higher);
    assert.equal(await taken(scope([higher], [lower])), higher);
  });
});

test('what is loaded is taken before a higher one that comes after it', async () => {
  assert.equal(await taken(scope(['0.25.0', true], ['0.25.3'])), '0.25.0');
});

test('others see what we have taken', async () => {
  const shared = scope(['0.25.0-alpha.5'], ['0.25.3']);
  await taken(shared);
  assert.equal(shared[CHAT]['0.25.3'].loaded, 1);
  assert.equal(shared[CHAT]['0.25.0-alpha.5'].loaded, undefined);
});

test('without Jupyter AI there is no line at a chat', async () => {
  container.init({});
  const { default: plugins } = (await container.get('./extension'))();
  assert.deepEqual(plugins.map(plugin => plugin.id), ['jupyter-local-assistant:ghost-text']);
});
