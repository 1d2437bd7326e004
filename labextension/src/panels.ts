/**
 * Our panels in JupyterLab's main area: each one is there once.
 *
 * Contract: a panel's module is loaded when it is first opened; one that is open is shown.
 */

import type { App, Shared, Widget } from './jupyterlab.js';
import type { StatusStore } from './status.js';
import type { Talk } from './talk.js';

export type PanelName = 'settings' | 'models';

interface Parts {
  app: App;
  shared: Shared;
  talk: Talk;
  store: StatusStore;
}

const panels = new Map<PanelName, Widget>();

export async function open(name: PanelName, parts: Parts): Promise<void> {
  const { app } = parts;
  let panel = panels.get(name);
  if (!panel || panel.isDisposed) {
    panel = await create(name, parts);
    panels.set(name, panel);
  }
  if (!panel.isAttached) {
    const notebook = app.name.includes('Notebook'); // its main area holds one document
    app.shell.add(panel, notebook ? 'right' : 'main');
    if (notebook) {
      app.shell.expandRight?.();
    }
  }
  app.shell.activateById(panel.id);
}

async function create(name: PanelName, { shared, talk, store }: Parts): Promise<Widget> {
  if (name === 'models') {
    const { createModels } = await import('./models.js');
    return createModels(shared.Widget, talk, store);
  }
  const { createPanel } = await import('./panel.js');
  return createPanel(shared.Widget, talk, () => void store.refresh());
}
